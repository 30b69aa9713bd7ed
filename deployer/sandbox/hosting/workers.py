"""The workers of one site: as many processes as the account's plan gives each of its web apps."""

import contextlib
import socket
import threading
import time
from collections.abc import Iterable, Iterator

from deployer.sandbox.disk import OutsideAccountError
from deployer.sandbox.hosting.exchange import Answer, Exchange, Question, WorkerEndedError
from deployer.sandbox.hosting.launching import Hosts, NoInterpreterError, prepare
from deployer.sandbox.hosting.logs import SiteLogs
from deployer.sandbox.hosting.model import SiteConfig
from deployer.sandbox.hosting.worker import Post, Worker


class Workers:
    """Run one configuration, from its first request or `start` until `end`. Thread-safe.

    All take their requests from one socket, as the platform's do: whoever is free takes the next one, and
    whoever still imports the application takes none. No more requests are in that socket than there are
    workers; others wait for their turn here. One that has ended is replaced for the next request.
    """

    def __init__(self, config: SiteConfig, hosts: Hosts, logs: SiteLogs) -> None:
        self.config = config
        self.notes: tuple[str, ...] = ()
        """In what the workers differ from the platform's; empty before the first one was started."""
        self._hosts = hosts
        self._logs = logs
        self._state = threading.Condition()
        self._turns = hosts.workers
        self._crew: dict[int, Worker] = {}
        self._working: set[Worker | None] = set()  # those whose answer somebody waits for
        self._ours: socket.socket | None = None
        self._theirs: socket.socket | None = None  # kept for workers to come; closed when nobody reads it
        self._is_over = False

    def start(self) -> None:
        """Start those that are missing; where none can be, the error log says why."""
        with self._state:
            self._fill()

    def ask(self, question: Question, *, limit_s: float) -> Answer:
        """One request, after those that came before it.

        Raises WorkerEndedError, and TimeoutError after the limit: whoever kept it waiting is then killed.
        """
        with self._turn(None):
            return self._exchange(question, limit_s, kill_late=True)

    def ping(self, question: Question, *, limit_s: float) -> Answer:
        """The first request after a reload. Raises as `ask`, but whoever is late works on."""
        with self._turn(limit_s):
            return self._exchange(question, limit_s, kill_late=False)

    def end(self, mercy_s: float) -> None:
        """Let running requests finish, kill what takes longer than this; who waits for a turn is dropped.

        None is left when this returns, and none is started again.
        """
        with self._state:
            self._is_over = True
            self._state.notify_all()
            crew = list(self._crew.values())
            if self._ours is not None:
                with contextlib.suppress(OSError):
                    self._ours.shutdown(socket.SHUT_RDWR)
        deadline = time.monotonic() + mercy_s
        for worker in crew:
            worker.wait(max(0.0, deadline - time.monotonic()))
        with self._state:
            self._close()

    @contextlib.contextmanager
    def _turn(self, limit_s: float | None) -> Iterator[None]:
        with self._state:
            came = self._state.wait_for(lambda: self._is_over or self._turns > 0, limit_s)
            if self._is_over:
                raise WorkerEndedError("a reload came between")
            if not came:
                raise TimeoutError
            self._turns -= 1
        try:
            yield
        finally:
            with self._state:
                self._turns += 1
                self._state.notify()

    def _exchange(self, question: Question, limit_s: float, *, kill_late: bool) -> Answer:
        taker: Worker | None = None
        try:
            with Exchange(self._send, limit_s) as exchange:
                taker = self._taken_by(exchange.ask(question))
                return exchange.answer()
        except TimeoutError:
            if kill_late:
                self._kill([taker] if taker else self._idle())
            raise
        except WorkerEndedError:
            self._kill([taker] if taker else [])  # and wait until that is noticed: the next one needs another
            raise
        finally:
            with self._state:
                self._working.discard(taker)

    def _taken_by(self, number: int) -> Worker:
        with self._state:
            worker = self._crew[number]
            self._working.add(worker)
            return worker

    def _idle(self) -> list[Worker]:
        """Those that work for nobody and yet took no request: they hang."""
        with self._state:
            return [worker for worker in self._crew.values() if worker not in self._working]

    def _send(self, connection: socket.socket) -> None:
        with self._state:
            self._fill()
            if self._ours is None:
                raise WorkerEndedError("no worker started")
            socket.send_fds(self._ours, [b"."], [connection.fileno()])

    def _fill(self) -> None:
        """Have every worker that the plan gives; fewer, and the reason in the error log, where that fails."""
        missing = [n for n in range(1, self._hosts.workers + 1) if not self._is_alive(n)]
        if self._is_over or not missing:
            return
        try:
            prepared = prepare(self.config, self._logs, self._hosts)
            control = self._open().fileno()
            for number in missing:
                post = Post(worker=number, workers=self._hosts.workers, control=control)
                worker = Worker.start(prepared.launch, post, self._hosts.enclosure, self._tell_end)
                self._crew[number] = worker
                self._logs.server(f"worker {worker.pid} started on Python {prepared.interpreter.spelled}")
        except (NoInterpreterError, OutsideAccountError, OSError) as error:
            self._logs.error(f"the worker did not start: {error}")
            self._close_unread()
            return
        self.notes = prepared.notes
        for note in prepared.notes:
            self._logs.server(f"not as on the platform: {note}")

    def _is_alive(self, number: int) -> bool:
        return number in self._crew and self._crew[number].alive

    def _open(self) -> socket.socket:
        """The workers' end of the socket, anew where nobody reads the old one any more."""
        if self._theirs is None:
            self._close()
            self._ours, self._theirs = socket.socketpair()
        return self._theirs

    def _close(self) -> None:
        for end in (self._ours, self._theirs):
            if end is not None:
                end.close()
        self._ours = self._theirs = None

    def _close_unread(self) -> None:
        """Where no worker is left, end the requests that wait in the socket: they go with it."""
        if not any(worker.alive for worker in self._crew.values()):
            self._close()

    @staticmethod
    def _kill(workers: Iterable[Worker]) -> None:
        for worker in workers:
            worker.kill()

    def _tell_end(self, pid: int, status: int) -> None:
        how = f"was ended by signal {-status}" if status < 0 else f"ended with exit status {status}"
        self._logs.server(f"worker {pid} {how}")
        with self._state:
            self._close_unread()
