"""Static mappings: URL prefixes that the platform serves from folders and files."""

from deployer.model.actions import CreateMapping, DeleteMapping, UpdateMapping
from deployer.model.site import StaticMapping
from deployer.planning.settings.listed import Listed


def bare_url(url: str) -> str:
    """With and without a final slash both work and mean the same (help page "Static files")."""
    return url.rstrip("/")


def same_mapping(one: StaticMapping, other: StaticMapping) -> bool:
    return bare_url(one.url) == bare_url(other.url) and one.path.rstrip("/") == other.path.rstrip("/")


MAPPINGS: Listed[StaticMapping] = Listed(
    name="static",
    word="static mapping",
    verb="serve",
    of_account=False,
    title=lambda mapping: mapping.url,
    shown=lambda mapping: mapping.path,
    identity=lambda mapping: bare_url(mapping.url),
    same=same_mapping,
    create=CreateMapping,
    update=UpdateMapping,
    delete=DeleteMapping,
)
