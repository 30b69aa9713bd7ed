"""Consoles: programs on pseudo-terminals, and the page that shows them."""

from deployer.sandbox.consoles.consoles import Consoles
from deployer.sandbox.consoles.terminal import Size, Terminal

__all__ = ["Consoles", "Size", "Terminal"]
