"""Where each call goes: one table of URL patterns, one way to write an address.

The patterns are the headings of the platform's help page "API"; each is one rate budget.
"""

from typing import Final
from urllib.parse import quote, urlencode

from deployer.errors import UsageError
from deployer.model.endpoints import Endpoint

VERSION_1: Final = frozenset(
    {
        Endpoint.WEBSITES,
        Endpoint.WEBSITE,
        Endpoint.WEBSITE_RELOAD,
        Endpoint.DOMAINS,
        Endpoint.DOMAIN,
        Endpoint.DOMAIN_SSL,
    }
)
"""What is below /api/v1; everything else is below /api/v0."""

WEB_APP_FAMILY: Final = frozenset(
    {
        Endpoint.WEBAPP,
        Endpoint.RELOAD,
        Endpoint.ENABLE,
        Endpoint.DISABLE,
        Endpoint.SSL,
        Endpoint.STATIC_FILES,
        Endpoint.STATIC_FILE,
        Endpoint.STATIC_HEADERS,
        Endpoint.STATIC_HEADER,
        Endpoint.WEBSITE,
        Endpoint.WEBSITE_RELOAD,
        Endpoint.DOMAIN,
        Endpoint.DOMAIN_SSL,
    }
)
"""Below one web app: 403 here means that there is no such web app, as the tests of the vendor's client
pythonanywhere-core have it since July 2025, or 404, as they had it before. Nothing is known of version 1:
taken to be alike."""

ALLOWANCE: Final = {Endpoint.CONSOLE_INPUT.value: 3}
"""How many times the general limit a pattern is allowed: 120 against 40 a minute (help page "API")."""


def address(username: str, endpoint: Endpoint, **names: str | int) -> str:
    """The path of an endpoint, each name percent-encoded, always with the final slash.

    Without that slash the platform redirects, and a redirected POST becomes a GET that does nothing.
    """
    quoted = {key: quote(str(value), safe="") for key, value in names.items()}
    version = "v1" if endpoint in VERSION_1 else "v0"
    return f"{_root(username, version)}{endpoint.value.format_map(quoted)}/"


def file_address(username: str, path: str) -> str:
    """The one address without a slash of its own: the file's path as it is, encoded segment by segment."""
    return f"{_root(username)}{Endpoint.FILES_PATH.value}{quote(checked(path), safe='/')}"


def query_address(username: str, endpoint: Endpoint, path: str) -> str:
    """Of the two endpoints that take a file's path as a parameter."""
    return f"{address(username, endpoint)}?{urlencode({'path': checked(path)})}"


def checked(path: str) -> str:
    """Refuse what cannot be said in a URL, or would be taken there for another path.

    Raises UsageError.
    """
    if not path.startswith("/"):
        raise UsageError(f"{path!r} is not an absolute path on the server")
    if any(ord(character) < 32 or ord(character) == 127 for character in path):
        raise UsageError(f"{path!r} has control characters; what the platform makes of them is not known")
    if any(segment in {".", ".."} for segment in path.split("/")):
        raise UsageError(f"{path!r} has a '.' or '..' segment, which every HTTP library takes away")
    try:
        path.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{path!r} is not UTF-8; the API has no way to name it") from None
    return path


def _root(username: str, version: str = "v0") -> str:
    return f"/api/{version}/user/{quote(username, safe='')}/"
