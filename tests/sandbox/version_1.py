"""The account's API of version 1, and websites whose server needs nothing but the account's own Python."""

import textwrap
from typing import Any

import requests

from tests.builders.waiting import until
from tests.sandbox.client import DOMAIN, Client

SERVER = "/home/alice/server.py"
COMMAND = f"python {SERVER} ${{DOMAIN_SOCKET}}".replace("/home/alice", "~")
SOURCE = textwrap.dedent(
    '''
    """Tells what it was asked and echoes bodies, in pieces; `/end` ends it."""
    import json, os, socketserver, sys, threading
    from http.server import BaseHTTPRequestHandler

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self):
            if "Upgrade" in self.headers:
                self.send_response(101)
                self.send_header("Connection", "Upgrade")
                self.send_header("Upgrade", self.headers["Upgrade"])
                self.end_headers()
                self.wfile.write(b"hello ")
                while data := self.rfile.read1(65536):
                    self.wfile.write(data.upper())
                self.close_connection = True
                return
            if self.path == "/end":
                os._exit(3)
            if self.path == "/half":
                self.send_response(200)
                self.send_header("Content-Length", "10")
                self.end_headers()
                self.wfile.write(b"half")
                self.wfile.flush()
                os._exit(4)
            facts = {"pid": os.getpid(), "method": self.command, "target": self.path,
                     "headers": list(self.headers.items()), "text": TEXT}
            body = json.dumps(facts).encode()
            self.send_response(200, "Fine")
            self.send_header("Content-Length", str(len(body)))
            self.send_header("Set-Cookie", "a=1")
            self.send_header("Set-Cookie", "b=2")
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        do_HEAD = do_DELETE = do_GET

        def do_POST(self):
            """Each piece goes back as it comes, chunked."""
            self.send_response(201)
            self.send_header("Transfer-Encoding", "chunked")
            self.end_headers()
            self.wfile.flush()
            for piece in self.pieces():
                self.wfile.write(b"%x\\r\\n%s\\r\\n" % (len(piece), piece))
                self.wfile.flush()
            self.wfile.write(b"0\\r\\n\\r\\n")

        def pieces(self):
            if "Content-Length" in self.headers:
                left = int(self.headers["Content-Length"])
                while left and (piece := self.rfile.read1(min(left, 65536))):
                    left -= len(piece)
                    yield piece
            else:
                while size := int(self.rfile.readline(), 16):
                    yield self.rfile.read(size)
                    self.rfile.readline()
                self.rfile.readline()

        def log_message(self, format, *arguments):
            print("asked for", self.path, flush=True)

    TEXT = "one"
    print("a word on stdout", flush=True)
    print("a word on stderr", file=sys.stderr, flush=True)
    socketserver.ThreadingUnixStreamServer(sys.argv[1], Handler).serve_forever()
    '''
)


class Version1:
    """Places are relative to the account's API of version 1."""

    def __init__(self, api: Client) -> None:
        self.api = api
        self._base = f"{api.sandbox.url}/api/v1/user/{api.sandbox.user}/"

    def __call__(self, method: str, place: str, **kwargs: Any) -> requests.Response:
        return self.api.session.request(
            method, self._base + place, allow_redirects=False, timeout=20, **kwargs
        )

    def create(self, domain: str = DOMAIN, command: str = COMMAND, **fields: Any) -> requests.Response:
        body = {"domain_name": domain, "enabled": True, "webapp": {"command": command}, **fields}
        return self("POST", "websites/", json=body)

    def serve(self, domain: str = DOMAIN) -> None:
        """A website that answers."""
        self.api.upload(SERVER, SOURCE.encode())
        response = self.create(domain)
        assert response.status_code == 201, response.text
        assert until(lambda: self.visit(domain=domain).status_code == 200), self.log("error", domain)

    def visit(
        self, target: str = "/", method: str = "GET", *, domain: str = DOMAIN, **kwargs: Any
    ) -> requests.Response:
        headers = {"Host": domain, **kwargs.pop("headers", {})}
        url = self.api.sandbox.url + target
        return requests.request(method, url, headers=headers, allow_redirects=False, timeout=20, **kwargs)

    def log(self, kind: str, domain: str = DOMAIN) -> str:
        file = self.api.sandbox.disk.real(f"/var/log/{domain}.{kind}.log")
        return file.read_text() if file.exists() else ""
