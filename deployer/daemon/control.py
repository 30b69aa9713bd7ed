"""The control socket: local commands and git hooks speak to the daemon, one JSON object each.

The client sends one line; the first line of the answer is {"ok": true, …} or {"error": …}. With `follow`
more lines come until the deployment has ended. Who may connect is the file's mode: the daemon's own user,
and a group where the configuration names one.
"""

import grp
import json
import os
import selectors
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Thread
from typing import Any

from deployer.control_client import reachable
from deployer.daemon.following import follow
from deployer.daemon.gate import receive
from deployer.daemon.service import Daemon
from deployer.errors import DeployerError, UsageError
from deployer.events import log
from deployer.model.order import Source, Work

LONGEST_REQUEST = 65_536
JUST_NOW = timedelta(minutes=5)
"""How long ago a deployment began that a push is still shown as its own."""
PATIENCE_S = 10.0
"""How long a client may take to say what it wants, and to take a line."""

Answer = Iterator[Mapping[str, Any]]


class ControlServer:
    """Accepts connections until it is stopped; each has a thread."""

    def __init__(self, listening: socket.socket, daemon: Daemon, *, reload: Callable[[], None]) -> None:
        self._listening = listening
        self._daemon = daemon
        self._reload = reload
        self._awake, self._waker = socket.socketpair()
        listening.setblocking(False)  # whoever was waiting may be gone when we look
        self._thread = Thread(target=self._accept, name="control", daemon=True)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        """Accept nobody any more. Where systemd passed the socket, connections queue there: it is closed
        here, and never shut down, which would end it for systemd as well.
        """
        self._waker.close()
        self._thread.join()
        self._listening.close()
        self._awake.close()

    def _accept(self) -> None:
        with selectors.DefaultSelector() as ready:
            ready.register(self._listening, selectors.EVENT_READ)
            ready.register(self._awake, selectors.EVENT_READ)
            while True:
                if self._awake in {key.fileobj for key, _ in ready.select()}:
                    return
                self._accept_one()

    def _accept_one(self) -> None:
        with suppress(OSError):  # it may have gone away again
            connection, _ = self._listening.accept()
            connection.setblocking(True)
            Thread(target=self._serve, args=(connection,), name="control-client", daemon=True).start()

    def _serve(self, connection: socket.socket) -> None:
        with connection, suppress(OSError):  # one that goes away is not our business
            connection.settimeout(PATIENCE_S)
            stream = connection.makefile("rwb")
            for line in self._answer(stream.readline(LONGEST_REQUEST), stream):
                stream.write(json.dumps(line, ensure_ascii=False, default=str).encode() + b"\n")
                stream.flush()

    def _answer(self, line: bytes, stream: Any) -> Answer:
        try:
            request = json.loads(line)
            if not isinstance(request, dict):
                raise UsageError("a request is one JSON object on one line")
            yield from self._do(request, stream)
        except ValueError as error:
            yield {"error": f"the request is not JSON: {error}", "left": "", "hint": "", "exit_status": 2}
        except DeployerError as error:
            yield {
                "error": error.message,
                "left": error.left,
                "hint": error.hint,
                "exit_status": int(error.exit_status),
            }

    def _do(self, request: dict[str, Any], stream: Any) -> Answer:
        daemon, site = self._daemon, request.get("site")
        match request.get("do"):
            case "status":
                yield {"ok": True, "pid": os.getpid(), "sites": [asdict(view) for view in daemon.sites()]}
            case "deploy":
                yield from self._deploy(request, stream)
            case "rollback":
                order = daemon.post(
                    _named(site), source=Source.COMMAND, work=Work.ROLLBACK, rev=request.get("to")
                )
                yield from follow(daemon, order.id, wait=bool(request.get("follow")))
            case "follow":
                yield from follow(daemon, str(request.get("deployment")), wait=True)
            case "cancel":
                yield {"ok": True, "cancelled": daemon.cancel(_named(site))}
            case "freeze":
                daemon.freeze(site, str(request.get("message") or "frozen by hand"))
                yield {"ok": True}
            case "thaw":
                daemon.thaw(site)
                yield {"ok": True}
            case "look":
                daemon.look(Source.COMMAND)
                yield {"ok": True}
            case "reload":
                self._reload()
                yield {"ok": True}
            case other:
                raise UsageError(f"the daemon does not know how to {other!r}")

    def _deploy(self, request: dict[str, Any], stream: Any) -> Answer:
        daemon, site = self._daemon, _named(request.get("site"))
        source = Source.PUSH if request.get("source") == "push" else Source.COMMAND
        rev = None
        if request.get("gate"):
            rev = receive(daemon.worker(site), request, stream)
        if rev is None and not request.get("force"):
            known = _begun_for(daemon, site, str(request.get("commit") or ""))
            if known is not None:
                yield from follow(daemon, known, wait=bool(request.get("follow")))
                return
        words = f"{source} {str(request.get('commit') or '')[:10]}".strip()
        order = daemon.post(site, source=words, force=bool(request.get("force")), rev=rev)
        yield from follow(daemon, order.id, wait=bool(request.get("follow")))


def _begun_for(daemon: Daemon, site: str, commit: str) -> str | None:
    """The deployment of a pushed commit that the watch saw before the push's own hook could ask.

    It holds the story, and the evidence where it failed; one more would only find that nothing is to be done.
    """
    if not commit:
        return None
    view = daemon.site(site)
    if view.running is not None and view.running.commit == commit:
        return view.running.deployment
    if daemon.orders.known(site).handled != commit:
        return None
    recent = datetime.now(UTC) - JUST_NOW
    return next((d.id for d in view.history if d.commit == commit and d.started > recent), None)


def _named(site: object) -> str:
    if not isinstance(site, str) or not site:
        raise UsageError("the request names no site")
    return site


def listen(path: Path, group: str | None) -> socket.socket:
    """A new socket at the path, in place of one that nobody listens on.

    Raises UsageError when another daemon does, or when it cannot be made.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    if path.is_socket():
        with socket.socket(socket.AF_UNIX) as probe, suppress(OSError), reachable(path) as address:
            probe.connect(address)
            raise UsageError(
                f"another daemon listens on {path}",
                hint="`deployer status` shows it; [daemon] socket and state name others.",
            )
        path.unlink()
    listening = socket.socket(socket.AF_UNIX)
    try:
        mask = os.umask(0o077)
        try:
            with reachable(path) as address:
                listening.bind(address)
        finally:
            os.umask(mask)
        if group is not None:
            os.chown(path, -1, grp.getgrnam(group).gr_gid)
            path.chmod(0o660)
        listening.listen(64)
    except KeyError:
        listening.close()
        raise UsageError(f"[daemon] socket_group: this machine has no group {group}") from None
    except OSError as error:
        listening.close()
        raise UsageError(f"{path} cannot be made: {error.strerror}") from error
    log.debug("control_listening", path=str(path))
    return listening
