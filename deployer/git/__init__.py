"""Questions to git, answered as values: the only room that imports GitPython.

What arrives on the server is what `git archive` would extract, so attributes, conversions and
export rules are git's own answers, never rules of ours.
"""

from deployer.git.contents import Contents
from deployer.git.repository import Repository

__all__ = ["Contents", "Repository"]
