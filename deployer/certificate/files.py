"""Reads the two files that `tls` in deployer.toml names."""

import stat
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Final

from deployer.errors import UsageError
from deployer.model.tls import Leaf
from deployer.secret import Secret

LARGEST: Final = 1 << 20
"""Bytes. Chains and keys have some thousand; what is larger is another file."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Material:
    """What the platform is given: the chain as PEM, the domain's own certificate first, and its key."""

    leaf: Leaf
    chain: str
    private_key: Secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """What the files hold. Either `material` or `problem` is there."""

    leaf: Leaf | None
    """Also of a certificate that cannot be used; None: not even that could be made out."""
    material: Material | None
    problem: str = ""
    """The file and what is wrong with it, in a sentence."""
    advice: str = ""
    """What may be wrong, and cannot be seen from here."""


def look_at(certificate: Path, private_key: Path, *, domain: str, now: datetime) -> Found:
    """Read both files, and check that a visitor of `domain` would be let in with what they hold."""
    from deployer.certificate import checks

    leaf: Leaf | None = None
    try:
        pem = _content(certificate)
        try:
            chain = checks.chain_of(pem)
            leaf = checks.leaf_of(chain)
            checks.check_chain(chain, domain, now)
        except checks.Unusable as error:
            raise UsageError(f"{certificate} {error}") from None
        try:
            key = checks.key_of(_content(private_key))
        except checks.Unusable as error:
            raise UsageError(f"{private_key} {error}") from None
        try:
            checks.check_key(chain, key)
        except checks.Unusable as error:
            raise UsageError(f"{certificate} and {private_key} {error}") from None
    except UsageError as error:
        return Found(leaf=leaf, material=None, problem=error.message)
    material = Material(leaf=leaf, chain=checks.chain_text(chain), private_key=checks.key_text(key))
    advice = f"{certificate} {words}" if (words := checks.advice(chain)) else ""
    return Found(leaf=leaf, material=material, advice=advice)


def _content(path: Path) -> bytes:
    """Raises UsageError. A pipe or a device would keep us waiting: only a file is opened."""
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise UsageError(f"{path} is not a file")
        with path.open("rb") as opened:
            content = opened.read(LARGEST + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    if len(content) > LARGEST:
        raise UsageError(f"{path} is larger than any certificate or key")
    return content
