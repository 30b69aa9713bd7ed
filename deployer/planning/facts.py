"""Everything that a plan is made from, as one value."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from deployer.model.files import Change, Commit, FileEntry
from deployer.model.manifest import Manifest
from deployer.model.overrides import Overrides
from deployer.model.release import ReleaseList
from deployer.model.site import Site
from deployer.planning.listing import Listing
from deployer.planning.settings import InDoubt, LiveSettings
from deployer.planning.tls import TlsFacts


@dataclass(frozen=True, slots=True, kw_only=True)
class Facts:
    """Everything a plan is made from."""

    site: Site
    commit: Commit
    manifest: Manifest
    changes: tuple[Change, ...]
    """Recorded against wanted, with the vanished and the doubtful added."""
    shipped: int
    """How many files the commit ships."""
    listing: Listing
    heads: Mapping[str, bytes] = field(default_factory=dict)
    """First bytes of the files that would be sent."""
    tree_shows_hidden: bool = False
    """Whether the platform's tree names dot-files, and so perhaps links as well."""
    identical: frozenset[str] = frozenset()
    """Paths that are not recorded as ours but were found to hold just what is wanted."""
    wsgi: FileEntry | None = None
    """What the WSGI file shall be; None: it is not ours."""
    wsgi_digest_live: str | None = None
    """Digest of a WSGI file that is there and not recorded as ours."""
    broken_wsgi: str | None = None
    """Why the WSGI file cannot be run at all."""
    plain: bool = False
    """`Snapshot.plain` of the commit."""
    doubt: InDoubt = InDoubt()
    live: LiveSettings = LiveSettings()
    password: str | None = None
    """Fingerprint of the password that visitors shall give; None: they need none, or it is not ours."""
    tls: TlsFacts | None = None
    """None: nobody says where a certificate comes from."""
    release: ReleaseList | None = None
    """What a site that has releases shall serve; None: files go straight into the target."""
    moved_from: str | None = None
    """The target that the last deployment had, when it was another one."""
    overrides: Overrides = Overrides()
