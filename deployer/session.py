"""How every HTTP request of ours leaves this machine: one policy for the API and for the health check.

Imported when a request is about to be made: importing requests takes longer than many a command runs.
"""

import os
from collections.abc import Mapping
from http.cookiejar import DefaultCookiePolicy

import requests
from requests.utils import get_environ_proxies

from deployer import __version__


class Session(requests.Session):
    """Takes from the environment the proxy and the certificate authorities, once, and nothing else.

    requests by itself would also take a login from ~/.netrc. Plain http is spoken to this machine and its
    neighbours only, so no proxy stands in between. No cookie is kept. No redirect is followed, nor looked
    at: requests raises on an address that is none.
    """

    def __init__(self, url: str) -> None:
        """`url` is anything on the one host that will be asked."""
        super().__init__()
        self.trust_env = False
        self.verify = _certificate_bundle(os.environ)
        self.cookies.set_policy(DefaultCookiePolicy(allowed_domains=()))
        if url.startswith("https:"):
            self.proxies.update(get_environ_proxies(url))
        # No compression: then Content-Length is the length of the content, and a cut body shows.
        self.headers.update(
            {"User-Agent": f"deployer/{__version__}", "Accept": "*/*", "Accept-Encoding": "identity"}
        )

    def get_redirect_target(self, resp: requests.Response) -> None:
        del resp


def _certificate_bundle(environment: Mapping[str, str]) -> str | bool:
    return environment.get("REQUESTS_CA_BUNDLE") or environment.get("SSL_CERT_FILE") or True
