"""A web app that is served, and its visitors."""

from typing import Any

import requests

from tests.sandbox.client import DOMAIN, Client

APP = f"webapps/{DOMAIN}/"
WSGI = "/var/www/alice_pythonanywhere_com_wsgi.py"
PIDS = """
import os
def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain"), ("X-Own", "own")])
    return [str(os.getpid()).encode()]
"""


def visit(api: Client, path: str = "/", *, domain: str = DOMAIN, **kwargs: Any) -> requests.Response:
    """A visitor brings no token along."""
    headers = {"Host": domain, "Authorization": None, **kwargs.pop("headers", {})}
    url = f"{api.sandbox.url}{path}"
    return api.session.get(url, headers=headers, allow_redirects=False, timeout=30, **kwargs)


def serve(api: Client, source: str = PIDS, domain: str = DOMAIN) -> None:
    """Create the web app and let it run this WSGI file."""
    api.sandbox.switch(wsgi_upload="nothing")
    assert api.create_webapp(domain).status_code in (200, 201)
    api.upload(f"/var/www/{domain.replace('.', '_')}_wsgi.py", source.encode())
    reload(api, domain)


def reload(api: Client, domain: str = DOMAIN) -> None:
    assert api.post(f"webapps/{domain}/reload/").status_code == 200


def log(api: Client, kind: str, *, suffix: str = "") -> str:
    """Of the site at DOMAIN; "" where there is none."""
    file = api.sandbox.disk.real(f"/var/log/{DOMAIN}.{kind}.log{suffix}")
    return file.read_text() if file.exists() else ""
