"""An account with one site, and what a test does with it."""

import json
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

from deployer.sandbox.disk import AccountDisk
from deployer.sandbox.hosting import (
    Interpreters,
    Isolation,
    SiteConfig,
    SiteHosting,
    SiteRequest,
    SiteResponse,
)

DOMAIN = "alice.pythonanywhere.com"
WSGI = "/var/www/alice_pythonanywhere_com_wsgi.py"
HERE = f"{sys.version_info[0]}.{sys.version_info[1]}"
DEADLINE_S = 20.0

SITE = SiteConfig(
    domain=DOMAIN,
    python_version=HERE,
    source_directory="",
    working_directory="",
    virtualenv_path="",
    force_https=False,
    static_mappings=(),
    wsgi_path=WSGI,
)
INTERPRETERS = Interpreters()  # shared, so that each is looked for once


def wait_for(condition: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.005)


class SiteOfAlice:
    def __init__(self, data: Path, isolation: Isolation = "auto", **options: Any) -> None:
        self.disk = AccountDisk(data, "alice")
        self.hosting = SiteHosting(
            self.disk,
            environment={"API_TOKEN": "secret"},
            isolation=isolation,
            interpreters=options.pop("interpreters", INTERPRETERS),
            **options,
        )
        self.config = SITE

    def write(self, path: str, text: str) -> Path:
        file = self.disk.real(path)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(textwrap.dedent(text))
        return file

    def serve(self, source: str, **settings: Any) -> None:
        """Write the WSGI file and reload."""
        self.write(WSGI, source)
        self.reload(**settings)

    def serve_value(self, expression: str, setup: str = "", **settings: Any) -> None:
        """A site that answers with the JSON of an expression, in which `environ` is the request's."""
        self.serve(
            f"import json, os, sys, time\n{setup}\n"
            "def application(environ, start_response):\n"
            "    start_response('200 OK', [('Content-Type', 'application/json')])\n"
            f"    return [json.dumps({expression}).encode()]\n",
            **settings,
        )

    def reload(self, **settings: Any) -> None:
        self.config = replace(self.config, **settings)
        self.hosting.reload(self.config)

    def ask(self, target: str = "/", method: str = "GET", body: bytes = b"", **headers: str) -> SiteResponse:
        named = tuple((name.replace("_", "-"), value) for name, value in headers.items())
        request = SiteRequest(method=method, target=target, headers=named, body=body, client="192.0.2.7")
        return self.hosting.respond(DOMAIN, request)

    def value(self, target: str = "/", **request: Any) -> Any:
        response = self.ask(target, **request)
        assert response.status == 200, self.log("error")
        return json.loads(response.body)

    def log(self, kind: str) -> str:
        file = self.disk.real(f"/var/log/{DOMAIN}.{kind}.log")
        return file.read_text() if file.exists() else ""

    def log_has(self, kind: str, text: str) -> Callable[[], bool]:
        return lambda: text in self.log(kind)
