"""All sites of one account."""

import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor

from deployer.sandbox.disk import AccountDisk
from deployer.sandbox.hosting.enclosure import Enclosure, Isolation
from deployer.sandbox.hosting.interpreters import Interpreters
from deployer.sandbox.hosting.launching import Hosts
from deployer.sandbox.hosting.live_site import Limits, LiveSite
from deployer.sandbox.hosting.model import SiteConfig, SiteRequest, SiteResponse

PING_LIMIT_S = 20.0  # the first request after a reload (help page ErrorReloadingWebApp)
DEFAULT_LIMITS = Limits()


class UnknownSiteError(LookupError):
    """No configuration of that domain is in force: it was never loaded or reloaded, or was removed."""


class SiteHosting:
    """Runs and serves web apps. Thread-safe; sites do not wait for each other. Domains in any case.

    `environment` is what each application's process has beside HOME, USER, PATH and the like; `workers` is
    how many processes each site has.
    """

    def __init__(
        self,
        disk: AccountDisk,
        *,
        environment: Mapping[str, str],
        ping_limit_s: float = PING_LIMIT_S,
        limits: Limits = DEFAULT_LIMITS,
        isolation: Isolation = "auto",
        interpreters: Interpreters | None = None,
        workers: int = 1,
    ) -> None:
        self._hosts = Hosts(
            disk, Enclosure(disk, isolation), interpreters or Interpreters(), dict(environment), workers
        )
        self._limits = limits
        self._ping_limit_s = ping_limit_s
        self._sites: dict[str, LiveSite] = {}
        self._lock = threading.Lock()
        self._closed = False

    def load(self, site: SiteConfig) -> None:
        """Put the configuration in force; the worker starts with the first visitor."""
        self._site_for(site).adopt(site)

    def start(self, site: SiteConfig) -> None:
        """Put the configuration in force, and start the workers without asking them anything.

        Raises IsolationError as `reload` does.
        """
        self._site_for(site).start(site)

    def reload(self, site: SiteConfig) -> None:
        """Put the configuration in force, replace the workers, and send one request to "/".

        A broken site is no error, as on the platform. Raises ReloadTimeout when that request takes too long
        (the new workers stay), and IsolationError where isolation="namespace" cannot be had.
        """
        self._site_for(site).reload(site, self._ping_limit_s)

    def respond(self, site_domain: str, request: SiteRequest) -> SiteResponse:
        """Raises UnknownSiteError, and IsolationError as `reload` does."""
        return self._known(site_domain).respond(request)

    def notes(self, domain: str) -> tuple[str, ...]:
        """In what this site's worker differs from the platform's; its server log has it too.

        Raises UnknownSiteError.
        """
        return self._known(domain).notes

    def remove(self, domain: str) -> None:
        """End the site's worker and forget it; its files and logs stay. An unknown domain is left unknown."""
        with self._lock:
            site = self._sites.pop(domain.lower(), None)
        if site is not None:
            site.end()

    def close(self) -> None:
        """End every worker, wait for all of them."""
        with self._lock:
            self._closed = True
            sites = list(self._sites.values())
            self._sites.clear()
        with ThreadPoolExecutor(max_workers=max(1, len(sites))) as pool:
            list(pool.map(LiveSite.end, sites))

    def _known(self, domain: str) -> LiveSite:
        with self._lock:
            site = self._sites.get(domain.lower())
        if site is None:
            raise UnknownSiteError(domain)
        return site

    def _site_for(self, config: SiteConfig) -> LiveSite:
        with self._lock:
            if self._closed:
                raise UnknownSiteError(f"{config.domain}: the hosting is closed")
            return self._sites.setdefault(config.domain.lower(), LiveSite(config, self._hosts, self._limits))
