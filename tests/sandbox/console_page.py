"""A console's page without a browser: logs in, opens the websocket, types and reads."""

import json
import socket
import ssl
import time
from collections.abc import Callable
from typing import Any, Self

import requests
from wsproto import ConnectionType, WSConnection
from wsproto.events import AcceptConnection, CloseConnection, Message, RejectConnection, Request, TextMessage

from tests.sandbox.client import Client

DEADLINE_S = 20.0


class RefusedError(Exception):
    """The websocket was not accepted; the status is the argument."""


class ConsolePage:
    """Opening it starts the console, as in a browser. `text` is all that came so far."""

    def __init__(
        self,
        api: Client,
        number: int,
        *,
        columns: int = 80,
        rows: int = 24,
        origin: str | None = None,
        cookie: str | None = None,
        acknowledging: bool = True,
        secure: bool = False,
    ) -> None:
        self.text = ""
        self.size: tuple[int, int] | None = None
        self.ended: int | None = None
        self.fresh = 0
        self.replayed = ""
        self._part = ""
        self._acknowledging = acknowledging
        url = api.sandbox.https_url if secure else api.sandbox.url
        place = f"/user/{api.sandbox.user}/consoles/{number}/socket/?columns={columns}&rows={rows}"
        host, _, port = url.rpartition("/")[2].partition(":")
        self._socket = socket.create_connection(("127.0.0.1", int(port)), timeout=DEADLINE_S)
        if secure:
            trusting = ssl.create_default_context(cafile=api.sandbox.ca_file)
            self._socket = trusting.wrap_socket(self._socket, server_hostname=host)
        self._wire = WSConnection(ConnectionType.CLIENT)
        headers = [(b"cookie", (logged_in(api) if cookie is None else cookie).encode())]
        headers.append((b"origin", (origin or url).encode()))
        request = Request(host=f"{host}:{port}", target=place, extra_headers=headers)
        self._socket.sendall(self._wire.send(request))
        self._accepted = self._closed = False
        while not self._accepted:
            self._receive()

    def say(self, **message: Any) -> None:
        self._socket.sendall(self._wire.send(TextMessage(data=json.dumps(message))))

    def type(self, text: str) -> None:
        self.say(kind="input", text=text)

    def read_until(self, wanted: str) -> str:
        """All that came, as soon as the wanted text is in it."""
        return self._read_while(lambda: wanted not in self.text)

    def read_to_end(self) -> str:
        return self._read_while(lambda: not self._closed)

    def read_while_smaller(self, count: int) -> str:
        return self._read_while(lambda: len(self.text) < count)

    def wait_for_size(self, columns: int, rows: int) -> None:
        self._read_while(lambda: self.size != (columns, rows))

    def close(self) -> None:
        self._socket.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read_while(self, lacking: Callable[[], bool]) -> str:
        deadline = time.monotonic() + DEADLINE_S
        while lacking():
            assert time.monotonic() < deadline, f"so far: {self.text[-500:]!r}"
            assert not self._closed, f"closed after: {self.text[-500:]!r}"
            self._receive()
        return self.text

    def _receive(self) -> None:
        self._wire.receive_data(self._socket.recv(65536) or None)
        for event in self._wire.events():
            match event:
                case AcceptConnection():
                    self._accepted = True
                case RejectConnection(status_code=status):
                    self._socket.close()
                    raise RefusedError(status)
                case Message(data=data):
                    self._part += str(data)
                    if event.message_finished:
                        self._take(json.loads(self._part))
                        self._part = ""
                case CloseConnection():
                    self._closed = True

    def _take(self, said: dict[str, Any]) -> None:
        match said.pop("kind"):
            case "size":
                self.size = said["columns"], said["rows"]
            case "output":
                self.text += said["text"]
                self.fresh += said["fresh"]
                self.replayed += said["text"] if said["replay"] else ""
                if self._acknowledging:
                    self.say(kind="shown")
            case "ended":
                self.ended = said["status"]


def log_in(api: Client, token: str, back: str = "") -> requests.Response:
    """The answer to the login form, as it is."""
    return requests.post(
        f"{api.sandbox.url}/login/", data={"token": token, "next": back}, allow_redirects=False, timeout=10
    )


def logged_in(api: Client) -> str:
    """What the browser sends as `Cookie` from then on."""
    return log_in(api, api.sandbox.token).headers["set-cookie"].partition(";")[0]
