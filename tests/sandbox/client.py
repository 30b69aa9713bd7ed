"""A client that speaks to a sandbox as a person with `curl` would."""

import socket
from typing import Any

import requests

from deployer.sandbox import Sandbox

DOMAIN = "alice.pythonanywhere.com"


class Client:
    """Places are relative to the account's API; the token is added and no redirect followed."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.base = f"{sandbox.url}/api/v0/user/{sandbox.user}/"
        self.session = requests.Session()
        self.session.trust_env = False
        self.session.headers["Authorization"] = f"Token {sandbox.token}"

    def __call__(self, method: str, place: str, **kwargs: Any) -> requests.Response:
        return self.session.request(method, self.base + place, allow_redirects=False, timeout=10, **kwargs)

    def get(self, place: str, **kwargs: Any) -> requests.Response:
        return self("GET", place, **kwargs)

    def post(self, place: str, **kwargs: Any) -> requests.Response:
        return self("POST", place, **kwargs)

    def patch(self, place: str, **kwargs: Any) -> requests.Response:
        return self("PATCH", place, **kwargs)

    def delete(self, place: str) -> requests.Response:
        return self("DELETE", place)

    def upload(self, path: str, data: bytes = b"x") -> requests.Response:
        return self.post(f"files/path{path}", files={"content": ("ignored", data)})

    def create_webapp(self, domain: str = DOMAIN, version: str = "python311") -> requests.Response:
        return self.post("webapps/", data={"domain_name": domain, "python_version": version})

    def control(self, method: str, place: str, **kwargs: Any) -> requests.Response:
        url = f"{self.sandbox.url}/_sandbox/{place}"
        return self.session.request(method, url, timeout=10, **kwargs)

    def raw(self, head: str, body: bytes = b"", *, host: str = "127.0.0.1") -> socket.socket:
        """A connection of its own on which a request has been sent; the head's lines are put right."""
        address, port = self.sandbox.url.removeprefix("http://").split(":")
        connection = socket.create_connection((address, int(port)), timeout=10)
        lines = [*head.splitlines(), f"Host: {host}", f"Authorization: Token {self.sandbox.token}"]
        connection.sendall("\r\n".join([*lines, "", ""]).encode() + body)
        return connection
