"""Repositories over real HTTP, as git's own CGI program serves them."""

import os
import subprocess
from base64 import b64encode
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import Message
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any


@contextmanager
def serving(folder: Path, *, user: str = "", password: str = "") -> Iterator[str]:
    """The address of a server for the repositories in a folder; with a user it asks for the password."""
    wanted = "Basic " + b64encode(f"{user}:{password}".encode()).decode() if user else ""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if wanted and self.headers.get("Authorization") != wanted:
                self.send_response(401)
                self.send_header("WWW-Authenticate", 'Basic realm="git"')
                self.send_header("Content-Length", "0")
                self.end_headers()
                return
            status, headers, body = _answer(folder, self.command, self.path, self.headers, self.rfile)
            self.send_response(status)
            for name, value in headers:
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET  # noqa: N815 - http.server's name

        def log_message(self, *_: Any) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()


def _answer(
    folder: Path, method: str, path: str, headers: Message, given: Any
) -> tuple[int, list[tuple[str, str]], bytes]:
    name, _, query = path.partition("?")
    printed = subprocess.run(
        ["git", "http-backend"],
        env={
            **os.environ,
            "GIT_PROJECT_ROOT": str(folder),
            "GIT_HTTP_EXPORT_ALL": "1",
            "REQUEST_METHOD": method,
            "PATH_INFO": name,
            "QUERY_STRING": query,
            "CONTENT_TYPE": headers.get("Content-Type", ""),
            "HTTP_CONTENT_ENCODING": headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": headers.get("Git-Protocol", ""),
        },
        input=given.read(int(headers.get("Content-Length", 0))),
        stdout=subprocess.PIPE,
        check=True,
    ).stdout
    head, _, body = printed.partition(b"\r\n\r\n")
    fields = [line.partition(": ")[::2] for line in head.decode().split("\r\n")]
    status = next((int(value.split()[0]) for key, value in fields if key == "Status"), 200)
    return status, [field for field in fields if field[0] != "Status"], body
