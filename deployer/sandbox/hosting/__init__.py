"""Hosting: runs each web app's WSGI file in a process of its own, and serves its static files."""

from deployer.sandbox.hosting.commands import AccountCommands, RunningCommand
from deployer.sandbox.hosting.enclosure import Isolation
from deployer.sandbox.hosting.hosting import SiteHosting, UnknownSiteError
from deployer.sandbox.hosting.interpreters import Interpreters
from deployer.sandbox.hosting.live_site import Limits
from deployer.sandbox.hosting.model import (
    IsolationError,
    Login,
    ReloadTimeout,
    SiteConfig,
    SiteRequest,
    SiteResponse,
    StaticHeader,
)
from deployer.sandbox.hosting.rotation import rotate as rotate_logs

__all__ = [
    "AccountCommands",
    "Interpreters",
    "Isolation",
    "IsolationError",
    "Limits",
    "Login",
    "ReloadTimeout",
    "RunningCommand",
    "SiteConfig",
    "SiteHosting",
    "SiteRequest",
    "SiteResponse",
    "StaticHeader",
    "UnknownSiteError",
    "rotate_logs",
]
