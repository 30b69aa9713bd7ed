"""The certificate that a site shows its visitors: what is wanted, what was put there, what is there."""

from dataclasses import dataclass
from datetime import datetime
from typing import Final, Literal

LetsEncrypt = Literal["letsencrypt"]
LETSENCRYPT: Final[LetsEncrypt] = "letsencrypt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Leaf:
    """A certificate for domains, the first one of its chain."""

    fingerprint: str
    """SHA-256 of its DER, hexadecimal."""
    not_after: datetime
    names: tuple[str, ...]
    """The domains that it is for, as they stand in it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AppliedTls:
    """What was put there."""

    kind: Literal["files", "letsencrypt"]
    fingerprint: str | None = None
    """As `Leaf.fingerprint`. None: Let's Encrypt's, which the platform gets and renews by itself."""
    not_after: datetime | None = None
    """None: the platform has not got it yet."""
    names: tuple[str, ...] = ()
    asked: datetime | None = None
    """When the platform was asked for one of Let's Encrypt that is not there yet."""
    problem: str = ""
    """Why it was refused then."""

    @classmethod
    def of(cls, leaf: Leaf) -> "AppliedTls":
        return cls(kind="files", fingerprint=leaf.fingerprint, not_after=leaf.not_after, names=leaf.names)

    @property
    def is_awaited(self) -> bool:
        """Let's Encrypt's was asked for and is not there."""
        return self.kind == LETSENCRYPT and self.not_after is None


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveTls:
    """What the platform says of the certificate that is there: it may leave out any of it."""

    is_letsencrypt: bool | None
    """None: it does not say."""
    not_after: datetime | None
    """None also while Let's Encrypt's is awaited."""
    names: tuple[str, ...] = ()
    issuer: str | None = None

    def is_same(self, not_after: datetime | None, names: tuple[str, ...]) -> bool:
        """By its end and its names: there is no fingerprint to be asked for."""
        if self.not_after != not_after:
            return False
        return not self.names or _folded(self.names) == _folded(names)


def _folded(names: tuple[str, ...]) -> set[str]:
    return {name.lower() for name in names}
