"""Names and values that several tests of the client use."""

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

from deployer.pythonanywhere import PythonAnywhere
from deployer.sandbox import Sandbox

TOKEN: Final = "0123456789abcdef0123456789abcdef01234567"
HOME: Final = "/home/alice"
DOMAIN: Final = "alice.pythonanywhere.com"
Connect: TypeAlias = Callable[..., PythonAnywhere]
"""A client of the host given, with the keyword arguments of `PythonAnywhere`."""


class Free(NamedTuple):
    """A free account."""

    sandbox: Sandbox
    account: PythonAnywhere
