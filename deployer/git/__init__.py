"""Reads git repositories: commits, what they ship, and the bytes of it. Nothing else uses GitPython.

Remote ones are mirrored first.
"""

from deployer.git.address import mirror_folder
from deployer.git.contents import Contents
from deployer.git.mirror import Mirror
from deployer.git.repository import Repository

__all__ = ["Contents", "Mirror", "Repository", "mirror_folder"]
