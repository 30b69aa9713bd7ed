"""One site as its visitors meet it: the configuration in force and the workers that go with it."""

import threading
from dataclasses import dataclass

from deployer.sandbox.hosting import front, gateway, pages
from deployer.sandbox.hosting.exchange import Question, WorkerEndedError
from deployer.sandbox.hosting.launching import Hosts
from deployer.sandbox.hosting.logs import SiteLogs
from deployer.sandbox.hosting.model import ReloadTimeout, SiteConfig, SiteRequest, SiteResponse
from deployer.sandbox.hosting.workers import Workers

RELOAD_PAUSE_S = 1.0  # at most so long a visitor waits for the redirect; without, clients would spin in it


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    request_s: float = 300.0  # any request: five minutes (help pages on 504 errors)
    mercy_s: float = 60.0  # an old worker's running request; nobody knows, 60 s is uWSGI's default
    farewell_s: float = 2.0  # the same when the site goes, or the sandbox itself


class LiveSite:
    """Thread-safe. `_changing` keeps reloads apart; each has workers of its own, which end with the next.

    Whoever waits for a turn with workers that are replaced is dropped.
    """

    def __init__(self, config: SiteConfig, hosts: Hosts, limits: Limits) -> None:
        self._hosts = hosts
        self._limits = limits
        self._logs = SiteLogs(hosts.disk, config.domain)
        self._changing = threading.Lock()
        self._swapping = threading.Lock()
        self._settled = threading.Event()
        self._settled.set()
        self._ended = False
        self._workers = Workers(config, hosts, self._logs)

    @property
    def notes(self) -> tuple[str, ...]:
        """In what the workers differ from the platform's; empty before the first one was started."""
        return self._workers.notes

    def respond(self, request: SiteRequest) -> SiteResponse:
        response = self._while_reloading(request) or self._served(request, self._workers)
        self._logs.access(request, response)
        return response

    def reload(self, config: SiteConfig, ping_limit_s: float) -> None:
        """Put the configuration in force with new workers. Raises ReloadTimeout."""
        with self._changing:
            self._settled.clear()
            try:
                self._logs.server(f"reload of {config.domain}")
                self._workers.end(self._limits.mercy_s)
                self._ping(self._replaced(config), ping_limit_s)
            finally:
                self._settled.set()

    def adopt(self, config: SiteConfig) -> None:
        """Put the configuration in force without a request; its workers start with the first visitor."""
        with self._changing:
            self._workers.end(self._limits.mercy_s)
            self._replaced(config)

    def start(self, config: SiteConfig) -> None:
        """Put the configuration in force and let its workers begin; nothing waits for them."""
        with self._changing:
            self._workers.end(self._limits.mercy_s)
            self._replaced(config).start()

    def end(self) -> None:
        """No worker is left when this returns, and none will be started again."""
        with self._swapping:
            self._ended = True
        self._workers.end(self._limits.farewell_s)  # which also cuts short a reload that waits for it
        with self._changing:
            self._workers.end(self._limits.farewell_s)

    def _replaced(self, config: SiteConfig) -> Workers:
        """The configuration's workers, not started yet, in the place of those that have ended."""
        workers = Workers(config, self._hosts, self._logs)
        with self._swapping:
            if self._ended:
                workers.end(0)
            self._workers = workers
        return workers

    def _ping(self, workers: Workers, limit_s: float) -> None:
        """Start all workers, and ask one of them, whichever is ready first."""
        config = workers.config
        headers = (("Host", config.domain), ("User-Agent", "sandbox reload"))
        ping = SiteRequest(method="GET", target="/", headers=headers, body=b"", client="127.0.0.1")
        if not config.disabled:
            workers.start()
        response = front.answer(self._hosts.disk, config, ping, trusted=True)
        if response is None:
            try:
                response = gateway.response(ping, workers.ping(_question(config, ping), limit_s=limit_s))
            except TimeoutError:
                self._logs.server(f"the first request took longer than {limit_s:g} s")
                raise ReloadTimeout(config.domain) from None
            except WorkerEndedError:
                response = pages.no_application()
        self._logs.access(ping, response)

    def _while_reloading(self, request: SiteRequest) -> SiteResponse | None:
        """302 to the same address while a reload runs, by the platform's help page ReloadWebApp."""
        if self._settled.is_set():
            return None
        config = self._workers.config
        if config.static_while_reloading == "served":
            static = front.answer(self._hosts.disk, config, request)
            if static is not None:
                return static
        self._settled.wait(RELOAD_PAUSE_S)
        return pages.moved(302, request.target)

    def _served(self, request: SiteRequest, workers: Workers) -> SiteResponse:
        config = workers.config
        response = front.answer(self._hosts.disk, config, request)
        if response is not None:
            return response
        try:
            answer = workers.ask(_question(config, request), limit_s=self._limits.request_s)
        except WorkerEndedError:
            return pages.no_application()
        except TimeoutError:
            self._logs.error(f"{request.method} {request.target} took too long: its worker was killed")
            return pages.too_slow()
        return front.finished(config, request, gateway.response(request, answer))


def _question(config: SiteConfig, request: SiteRequest) -> Question:
    return Question(
        environ=gateway.environ(config.domain, request), scheme=gateway.scheme(request), body=request.body
    )
