"""What the platform's web server answers itself, before and after the application."""

import base64
import binascii
import hmac
from collections.abc import Iterable
from dataclasses import replace

from deployer.sandbox.disk import AccountDisk
from deployer.sandbox.hosting import pages, static_files
from deployer.sandbox.hosting.model import Login, SiteConfig, SiteRequest, SiteResponse, StaticHeader

# Where nginx, which the platform's front is said to be, adds headers at all (its manual, `add_header`).
DRESSED = frozenset({200, 201, 204, 206, 301, 302, 303, 304, 307, 308})


def answer(
    disk: AccountDisk, config: SiteConfig, request: SiteRequest, *, trusted: bool = False
) -> SiteResponse | None:
    """None where the application has to answer. A request of the reload's own is `trusted`: no password."""
    if config.disabled:
        return pages.disabled(config.disabled)
    if config.force_https and not request.is_secure:
        return pages.moved(301, f"https://{config.domain}{request.target}")
    if config.login and not trusted and not knows(config.login, request):
        return pages.login_wanted(config.domain)
    response = static_files.respond(disk, config.static_mappings, request)
    return response and dressed(response, config.static_headers, request)


def finished(config: SiteConfig, request: SiteRequest, response: SiteResponse) -> SiteResponse:
    """The application's answer as visitors get it."""
    if config.headers_reach == "static-files":
        return response
    return dressed(response, config.static_headers, request)


def dressed(response: SiteResponse, headers: Iterable[StaticHeader], request: SiteRequest) -> SiteResponse:
    """With the headers for its address, each in the place of any that had its name before."""
    path = static_files.resolved_path(request.path)
    if path is None or response.status not in DRESSED:
        return response
    all_headers = response.headers
    for header in headers:
        if static_files.remainder(path, header.url) is not None:
            name = header.name.lower()
            others = tuple(each for each in all_headers if each[0].lower() != name)
            all_headers = (*others, (header.name, header.value))
    return replace(response, headers=all_headers)


def knows(login: Login, request: SiteRequest) -> bool:
    """Whether the request carries user name and password (RFC 7617); how long that takes tells nothing."""
    scheme, _, encoded = request.header("authorization").partition(" ")
    try:
        given = base64.b64decode(encoded.strip(), validate=True) if scheme.lower() == "basic" else b""
    except (binascii.Error, ValueError):
        given = b""
    wanted = f"{login.username}:{login.password}".encode()
    return hmac.compare_digest(given, wanted)
