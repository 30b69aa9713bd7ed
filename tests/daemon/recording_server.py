"""A real HTTP server on this machine that writes down what it is told, and answers as it is asked to."""

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any


@dataclass(frozen=True, slots=True)
class Told:
    """One request."""

    path: str
    headers: Mapping[str, str]
    """Names in lower case."""
    body: dict[str, Any]


@dataclass(slots=True)
class Recorder:
    """`answers` are given one after the other, the last one for ever: status, headers, body."""

    url: str = ""
    told: list[Told] = field(default_factory=list)
    answers: list[tuple[int, Mapping[str, str], str]] = field(default_factory=lambda: [(201, {}, "{}")])
    hold: threading.Event = field(default_factory=threading.Event)
    """Requests are answered while it is set."""

    def next_answer(self) -> tuple[int, Mapping[str, str], str]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


@contextmanager
def recording() -> Iterator[Recorder]:
    """One that serves inside the block."""
    recorder = Recorder()
    recorder.hold.set()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            recorder.told.append(Told(self.path, headers, json.loads(body)))
            recorder.hold.wait(30)
            status, more, text = recorder.next_answer()
            self.send_response(status)
            for name, value in more.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        recorder.url = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield recorder
        finally:
            recorder.hold.set()
            server.shutdown()
            thread.join()
