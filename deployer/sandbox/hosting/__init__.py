"""Hosting: runs each web app's WSGI file in a process of its own, and serves its static files."""

from deployer.sandbox.hosting.enclosure import Isolation
from deployer.sandbox.hosting.hosting import SiteHosting, UnknownSiteError
from deployer.sandbox.hosting.interpreters import Interpreters
from deployer.sandbox.hosting.live_site import Limits
from deployer.sandbox.hosting.model import (
    IsolationError,
    ReloadTimeout,
    SiteConfig,
    SiteRequest,
    SiteResponse,
)

__all__ = [
    "Interpreters",
    "Isolation",
    "IsolationError",
    "Limits",
    "ReloadTimeout",
    "SiteConfig",
    "SiteHosting",
    "SiteRequest",
    "SiteResponse",
    "UnknownSiteError",
]
