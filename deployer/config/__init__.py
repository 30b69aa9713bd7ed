"""Reads both configuration files and the environment. Knows no network, git or terminal."""

from deployer.config.site import AppOverrides, load_site

__all__ = ["AppOverrides", "load_site"]
