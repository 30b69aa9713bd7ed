"""Static headers: what the web server adds to its answers below a URL prefix."""

from collections.abc import Hashable

from deployer.model.actions import CreateHeader, DeleteHeader, UpdateHeader
from deployer.model.site import StaticHeader
from deployer.planning.settings.listed import Listed
from deployer.planning.settings.mappings import bare_url


def identity(header: StaticHeader) -> Hashable:
    """A prefix may have several headers. Their names have no case (RFC 9110, section 5.1)."""
    return bare_url(header.url), header.name.lower()


HEADERS: Listed[StaticHeader] = Listed(
    name="headers",
    word="static header",
    verb="send",
    of_account=False,
    title=lambda header: f"{header.url} {header.name}",
    shown=lambda header: header.value,
    identity=identity,
    same=lambda one, other: identity(one) == identity(other) and one.value == other.value,
    create=CreateHeader,
    update=UpdateHeader,
    delete=DeleteHeader,
)
