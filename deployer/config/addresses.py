"""Addresses that the file or the environment gives: of the platform, of repositories, of our own pages."""

import ipaddress
import re
from typing import Annotated
from urllib.parse import SplitResult, urlsplit

from pydantic import AfterValidator, WithJsonSchema

from deployer.config.values import local_path

PLATFORM_HOST = "https://www.pythonanywhere.com"
EU_HOST = "https://eu.pythonanywhere.com"


def platform_host(value: str) -> str:
    """The platform's address with its scheme and without a path; raises ValueError.

    Without a scheme it is https://, as the platform's own clients take `PYTHONANYWHERE_SITE`.
    """
    address = _split(value if "://" in value else f"https://{value}")
    name = (address.hostname or "").lower()
    if address.path.strip("/") or address.query or address.fragment:
        raise ValueError(f'must be the bare address, as in "{PLATFORM_HOST}", not "{value}"')
    if name in ("pythonanywhere.com", "eu.pythonanywhere.com", "www.eu.pythonanywhere.com"):
        expected = EU_HOST if "eu." in name else PLATFORM_HOST
        if name != urlsplit(expected).hostname:
            raise ValueError(f'must be "{expected}", not "{value}"')
    elif name.endswith(".pythonanywhere.com") and name != "www.pythonanywhere.com":
        raise ValueError(f'is the address of a site; the platform is at "{PLATFORM_HOST}" or "{EU_HOST}"')
    if address.scheme == "http" and not is_loopback(name):
        raise ValueError(f'would send the token unencrypted to {name}; write "https://{address.netloc}"')
    return f"{address.scheme}://{address.netloc.lower()}"


def is_loopback(name: str) -> bool:
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def is_url(repo: str) -> bool:
    """Whether git would fetch it from elsewhere: a URL, or SSH's short form (git@example.org:blog.git)."""
    return "://" in repo or re.match(r"[\w.-]+@[\w.-]+:", repo) is not None


def _split(value: str) -> SplitResult:
    try:
        address = urlsplit(value)
        _ = address.port
    except ValueError:
        raise ValueError("is not an address") from None
    if address.username or address.password:
        raise ValueError("must not hold a user name or password")
    if address.scheme not in ("http", "https") or not address.hostname or re.search(r"\s", value):
        raise ValueError(f'must be an address like "{PLATFORM_HOST}", not "{value}"')
    return address


def _site_address(value: str) -> str:
    _split(value)
    return value


def _repository(value: str) -> str:
    """Refuses a password in the address: git would repeat it in messages and in the process list."""
    if not value.strip() or not value.isprintable():
        raise ValueError("must be one line that names a repository")
    address = urlsplit(value)
    if address.password or (address.scheme in ("http", "https") and address.username):
        raise ValueError(
            "must not hold a user name or password; use git's credential helper, or an SSH address"
            ' as in "git@example.org:blog.git"'
        )
    return value if is_url(value) else str(local_path(value))


def _listen(value: str) -> str:
    host, _, port = value.rpartition(":")
    if not host or not port.isdecimal() or int(port) > 65535:
        raise ValueError(f'must be an address and a port, as in "127.0.0.1:8042", not "{value}"')
    return value


PlatformHost = Annotated[
    str, AfterValidator(platform_host), WithJsonSchema({"type": "string", "pattern": "^[^/]+(//[^/]+)?/?$"})
]
SiteAddress = Annotated[
    str, AfterValidator(_site_address), WithJsonSchema({"type": "string", "pattern": "^https?://"})
]
Repository = Annotated[str, AfterValidator(_repository), WithJsonSchema({"type": "string", "minLength": 1})]
ListenAddress = Annotated[
    str, AfterValidator(_listen), WithJsonSchema({"type": "string", "pattern": ":[0-9]{1,5}$"})
]
