"""One site as its visitors meet it: the configuration in force and the worker that goes with it."""

import threading
from dataclasses import dataclass

from deployer.sandbox.disk import OutsideAccountError
from deployer.sandbox.hosting import gateway, pages, static_files
from deployer.sandbox.hosting.launching import Hosts, NoInterpreterError, prepare
from deployer.sandbox.hosting.logs import SiteLogs
from deployer.sandbox.hosting.model import ReloadTimeout, SiteConfig, SiteRequest, SiteResponse
from deployer.sandbox.hosting.worker import Worker, WorkerEndedError

RELOAD_PAUSE_S = 1.0  # at most so long a visitor waits for the redirect; without, clients would spin in it


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    request_s: float = 300.0  # any request: five minutes (help pages on 504 errors)
    mercy_s: float = 60.0  # an old worker's running request; nobody knows, 60 s is uWSGI's default
    farewell_s: float = 2.0  # the same when the site goes, or the sandbox itself


class LiveSite:
    """Thread-safe. One request at a time reaches the worker, for a free account has one.

    `_changing` keeps reloads apart, `_turn` is held by whoever uses or replaces the worker.
    """

    def __init__(self, config: SiteConfig, hosts: Hosts, limits: Limits) -> None:
        self._config = config
        self._hosts = hosts
        self._limits = limits
        self._logs = SiteLogs(hosts.disk, config.domain)
        self._changing = threading.Lock()
        self._turn = threading.Lock()
        self._settled = threading.Event()
        self._settled.set()
        self._epoch = 0  # goes up with each reload: who waited for a turn since an earlier one is dropped
        self._ended = False
        self._worker: Worker | None = None
        self._notes: tuple[str, ...] = ()

    @property
    def notes(self) -> tuple[str, ...]:
        """In what the worker differs from the platform's; empty before the first one was started."""
        return self._notes

    def respond(self, request: SiteRequest) -> SiteResponse:
        response = self._while_reloading(request) or self._from_front(request) or self._in_turn(request)
        self._logs.access(request, response)
        return response

    def reload(self, config: SiteConfig, ping_limit_s: float) -> None:
        """Put the configuration in force with a new worker. Raises ReloadTimeout."""
        with self._changing:
            self._settled.clear()
            try:
                self._replace_worker(config, ping_limit_s)
            finally:
                self._settled.set()

    def adopt(self, config: SiteConfig) -> None:
        """Put the configuration in force without a request; the worker starts with its first visitor."""
        with self._changing:
            self._stop_worker(self._limits.mercy_s)
            with self._turn:
                self._stop_worker(self._limits.mercy_s)
                self._config = config

    def end(self) -> None:
        """No worker is left when this returns, and none will be started again."""
        self._ended = True
        self._stop_worker(self._limits.farewell_s)  # which also cuts short a reload that waits for it
        with self._changing, self._turn:
            self._stop_worker(self._limits.farewell_s)

    def _replace_worker(self, config: SiteConfig, ping_limit_s: float) -> None:
        self._epoch += 1
        self._logs.server(f"reload of {config.domain}")
        self._stop_worker(self._limits.mercy_s)  # before the turn is ours: its holder is the running request
        with self._turn:
            self._stop_worker(self._limits.mercy_s)  # one that a visitor started in between
            self._config = config
            self._ping(ping_limit_s)

    def _ping(self, limit_s: float) -> None:
        headers = (("Host", self._config.domain), ("User-Agent", "sandbox reload"))
        ping = SiteRequest(method="GET", target="/", headers=headers, body=b"", client="127.0.0.1")
        worker = self._running_worker()
        response = self._from_front(ping)
        if response is None and worker is not None:
            try:
                response = self._ask(worker, ping, limit_s)
            except TimeoutError:
                self._logs.server(f"the first request took longer than {limit_s:g} s")
                raise ReloadTimeout(self._config.domain) from None
        self._logs.access(ping, response or pages.no_application())

    def _while_reloading(self, request: SiteRequest) -> SiteResponse | None:
        """302 to the same address while a reload runs, by the platform's help page ReloadWebApp."""
        if self._settled.is_set():
            return None
        self._settled.wait(RELOAD_PAUSE_S)
        return pages.moved(302, request.target)

    def _from_front(self, request: SiteRequest) -> SiteResponse | None:
        config = self._config
        if config.force_https and not request.is_secure:
            return pages.moved(301, f"https://{config.domain}{request.target}")
        return static_files.respond(self._hosts.disk, config.static_mappings, request)

    def _in_turn(self, request: SiteRequest) -> SiteResponse:
        epoch = self._epoch
        with self._turn:
            worker = self._running_worker() if epoch == self._epoch else None
            if worker is None:
                return pages.no_application()
            try:
                return self._ask(worker, request, self._limits.request_s)
            except TimeoutError:
                self._logs.error(f"{request.method} {request.target} took too long: its worker was killed")
                worker.kill()
                return pages.too_slow()

    def _ask(self, worker: Worker, request: SiteRequest, limit_s: float) -> SiteResponse:
        variables = gateway.environ(self._config.domain, request)
        try:
            answer = worker.ask(variables, gateway.scheme(request), request.body, limit_s=limit_s)
        except WorkerEndedError:
            worker.kill()
            return pages.no_application()
        return gateway.response(request, answer)

    def _running_worker(self) -> Worker | None:
        """The worker, started when there is none; None, and the reason in the error log, when none starts."""
        if self._ended:
            return None
        if self._worker is not None and self._worker.alive:
            return self._worker
        try:
            prepared = prepare(self._config, self._logs, self._hosts)
            self._worker = worker = Worker.start(prepared.launch, self._hosts.enclosure, self._tell_end)
        except (NoInterpreterError, OutsideAccountError, OSError) as error:
            self._worker = None
            self._logs.error(f"the worker did not start: {error}")
            return None
        self._notes = prepared.notes
        self._logs.server(f"worker {worker.pid} started on Python {prepared.interpreter.spelled}")
        for note in prepared.notes:
            self._logs.server(f"not as on the platform: {note}")
        return worker

    def _stop_worker(self, mercy_s: float) -> None:
        worker = self._worker
        if worker is not None:
            worker.finish(mercy_s)

    def _tell_end(self, pid: int, status: int) -> None:
        how = f"was ended by signal {-status}" if status < 0 else f"ended with exit status {status}"
        self._logs.server(f"worker {pid} {how}")
