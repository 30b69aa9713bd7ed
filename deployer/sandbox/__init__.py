"""A local PythonAnywhere: one account with its API, its disk and its sites, over real HTTP on 127.0.0.1.

    with Sandbox(SandboxOptions(data=Path("somewhere"))) as sandbox:
        requests.get(f"{sandbox.url}/api/v0/user/{sandbox.user}/cpu/", ...)

It imports nothing from the rest of the package, so that a misreading of the API cannot hide in both halves.
"""

from typing import TYPE_CHECKING, Any

from deployer.sandbox.faults import Effect, Fault
from deployer.sandbox.options import SandboxOptions
from deployer.sandbox.switches import Switches

if TYPE_CHECKING:
    from deployer.sandbox.server import DataFolderInUseError, Sandbox, serve

__all__ = ["DataFolderInUseError", "Effect", "Fault", "Sandbox", "SandboxOptions", "Switches", "serve"]


def __getattr__(name: str) -> Any:
    """The server brings uvicorn and the hosting along, which whoever only reads options need not wait for."""
    if name in {"DataFolderInUseError", "Sandbox", "serve"}:
        from deployer.sandbox import server

        return getattr(server, name)
    raise AttributeError(name)
