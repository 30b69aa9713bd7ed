"""Reads git repositories: commits, what they ship, and the bytes of it. Nothing else uses GitPython."""

from deployer.git.contents import Contents
from deployer.git.repository import Repository

__all__ = ["Contents", "Repository"]
