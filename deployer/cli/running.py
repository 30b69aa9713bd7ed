"""`deployer run`: puts the daemon, its pages and its socket together, and obeys signals."""

import faulthandler
import os
import queue
import signal
import socket
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from types import FrameType

from deployer import events
from deployer.config import (
    MachineConfig,
    control_socket,
    find_machine,
    is_loopback,
    load_machine,
    read_secret,
)
from deployer.daemon import control
from deployer.daemon.journal import journal_stream
from deployer.daemon.notify import CONTROL, HTTP, Notify, Watchdog, listen_sockets, watchdog_interval_s
from deployer.daemon.service import Daemon
from deployer.errors import DeployerError, UsageError
from deployer.events import log
from deployer.model.order import Source
from deployer.planning.patterns import PathPatterns
from deployer.secret import Secret
from deployer.state.deliveries import Deliveries
from deployer.triggers.signatures import secret_problem
from deployer.triggers.webhooks import Target
from deployer.web.app import application
from deployer.web.metrics import Metrics
from deployer.web.server import WebServer
from deployer.web.webhooks import webhook_routes

STOP_S = 100.0
"""Less than the unit's TimeoutStopSec; a request of ours may take most of it."""
PULSE_S = 1.0
MAIN = "main"
MAIN_SILENCE_S = 30.0
"""A reload may read secrets and repositories; it takes nothing like that long."""


def run(config: Path | None, *, verbose: bool) -> None:
    """Until SIGTERM or SIGINT. Raises ConfigError or UsageError before anything is begun."""
    faulthandler.enable()
    journal = journal_stream()
    as_json = True if journal is not None else None
    events.configure(level="debug" if verbose else "info", as_json=as_json, stream=journal)
    path = find_machine(config, os.environ)
    if path is None:
        raise UsageError(
            "no deployer.toml: the daemon deploys the sites of one",
            hint="Name it with --config; docs/configuration.md tells what is in it.",
        )
    machine = load_machine(path)
    notify, passed = Notify.from_environment(), listen_sockets()
    metrics = Metrics()
    with ExitStack() as opened:
        opened.callback(notify.close)
        watchdog = Watchdog(notify, watchdog_interval_s(), starving=_say_starving)
        daemon = Daemon(machine, os.environ, observer=metrics, watchdog=watchdog)
        http = _http_socket(machine, passed.get(HTTP, ()))
        local = _control_socket(machine, passed.get(CONTROL, ()))
        signals = Signals()
        daemon.start()
        deliveries = Deliveries(daemon.folder)
        opened.callback(deliveries.close)
        web = _web(daemon, metrics, deliveries, http)
        web.start()
        commands = control.ControlServer(local, daemon, reload=signals.ask_reload)
        commands.start()
        watchdog.start()
        try:
            with watchdog.working(MAIN, MAIN_SILENCE_S):
                _until_stopped(daemon, signals, notify, beat=lambda: watchdog.beat(MAIN))
        finally:
            notify.stopping("letting the requests in flight end")
            commands.stop()
            web.stop()
            clean = daemon.stop(STOP_S)
            watchdog.stop()
    if not clean:
        # A worker that hangs would keep the process; what it did is journalled, as after a kill.
        os._exit(0)


class Signals:
    """What was asked for by signals, in order; handled by the main thread."""

    def __init__(self) -> None:
        self._wanted: queue.SimpleQueue[signal.Signals] = queue.SimpleQueue()
        self._stops = 0
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGUSR1):
            signal.signal(number, self._received)

    def ask_reload(self) -> None:
        """As SIGHUP does."""
        self._wanted.put(signal.SIGHUP)

    def next(self) -> signal.Signals | None:
        """The next one; None after a while without."""
        try:
            return self._wanted.get(timeout=PULSE_S)
        except queue.Empty:
            return None

    def _received(self, number: int, _: FrameType | None) -> None:
        if number in (signal.SIGTERM, signal.SIGINT):
            self._stops += 1
            if self._stops > 1:
                os._exit(8)  # as safe as SIGKILL, which is what would come next
        self._wanted.put(signal.Signals(number))


def _say_starving(silent: Mapping[str, float]) -> None:
    """The service manager is about to restart us; its SIGABRT leaves the stacks of all threads."""
    log.error("worker_hangs", silent={name: round(seconds) for name, seconds in silent.items()})


def _until_stopped(daemon: Daemon, signals: Signals, notify: Notify, *, beat: Callable[[], None]) -> None:
    notify.ready(_status(daemon))
    shown = ""
    while (wanted := signals.next()) not in (signal.SIGTERM, signal.SIGINT):
        beat()
        if wanted is signal.SIGHUP:
            _reload(daemon, notify)
        elif wanted is signal.SIGUSR1:
            daemon.look(Source.SIGNAL)
        status = _status(daemon)
        if status != shown:
            notify.status(status)
            shown = status


def _reload(daemon: Daemon, notify: Notify) -> None:
    """A bad configuration changes nothing; why it is bad is said."""
    notify.reloading()
    try:
        daemon.reload()
    except DeployerError as error:
        log.error("configuration_refused", error=str(error), kept="the one before is still in force")
    notify.ready(_status(daemon))


def _status(daemon: Daemon) -> str:
    """One line for `systemctl status`."""
    running = [
        f"{name} {worker.progress.seen().phase}"
        for name, worker in daemon.workers.items()
        if worker.progress is not None
    ]
    count = len(daemon.workers)
    sites = "1 site" if count == 1 else f"{count} sites"
    return f"deploying: {', '.join(running)}" if running else f"{sites}, nothing to do"


class _Targets:
    """The sites whose webhook has a secret, read once for each configuration. No other is served."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._of: MachineConfig | None = None
        self._found: dict[str, Target] = {}

    def __call__(self) -> dict[str, Target]:
        machine = self._daemon.machine
        if machine is not self._of:
            self._found, self._of = _targets(machine, os.environ), machine
            served = sorted(self._found)
            log.info("webhooks_served", sites=served, not_served=sorted({*machine.sites} - {*served}))
        return self._found


def _web(daemon: Daemon, metrics: Metrics, deliveries: Deliveries, listening: socket.socket) -> WebServer:
    targets = _Targets(daemon)
    targets()
    routes = webhook_routes(
        targets,
        deliveries,
        lambda site, words: daemon.post(site, source=words),
        lambda order: f"{daemon.url}/deployments/{order.id}",
    )
    table = daemon.machine.daemon
    app = application(
        daemon, token=_page_token(daemon.machine), metrics=metrics, extra_routes=routes, url=table.url
    )
    return WebServer(app, listening)


def _page_token(machine: MachineConfig) -> Secret | None:
    source = machine.daemon.token
    return None if source is None else read_secret(source, os.environ, folder=machine.folder)


def _targets(machine: MachineConfig, environ: Mapping[str, str]) -> dict[str, Target]:
    """The sites whose webhook has a secret. Any other is not served, which is said at start."""
    found = {}
    for name, table in machine.sites.items():
        if table.webhook is not None:
            try:
                secret = read_secret(table.webhook.secret, environ, folder=machine.folder)
            except DeployerError as error:
                log.error("webhook_without_secret", site=name, problem=error.message)
                continue
            if problem := secret_problem(table.webhook.provider, secret):
                log.error("webhook_without_secret", site=name, problem=problem)
                continue
            found[name] = Target(
                provider=table.webhook.provider,
                secret=secret,
                branch=table.branch,
                patterns=PathPatterns(table.webhook.paths) if table.webhook.paths else None,
            )
    return found


def _http_socket(machine: MachineConfig, passed: tuple[socket.socket, ...]) -> socket.socket:
    if passed:
        return passed[0]
    host, _, port = machine.daemon.listen.rpartition(":")
    name = host.strip("[]")
    listening = socket.socket(socket.AF_INET6 if ":" in name else socket.AF_INET)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    # Head and body are two writes; the second one would wait 40 ms for the client's word on the first.
    listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    try:
        listening.bind((name, int(port)))
    except OSError as error:
        listening.close()
        raise UsageError(
            f"[daemon] listen = {machine.daemon.listen!r} cannot be listened on: {error.strerror}",
            hint="Another daemon may run: `deployer status --via-daemon`. Or name another port.",
        ) from error
    listening.listen(128)
    if not is_loopback(name):
        log.warning("listening_openly", address=machine.daemon.listen, advice="put TLS before it")
    return listening


def _control_socket(machine: MachineConfig, passed: tuple[socket.socket, ...]) -> socket.socket:
    if passed:
        return passed[0]
    path = control_socket(machine, os.environ).value
    return control.listen(path, machine.daemon.socket_group)
