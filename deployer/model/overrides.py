"""A person's word against a guard."""

from dataclasses import dataclass

from deployer.model.site import MaxDelete


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What a person said on the command line against a guard."""

    allow_empty: bool = False
    max_delete: MaxDelete | None = None
    overwrite: bool = False
    move: bool = False
    """The site may leave the target that it has, and become one of the other kind (`[app] kind`)."""
    force: bool = False
    """Deploy again what is there, and deploy a commit that failed before."""
    keep_certificate: bool = False
    """The certificate that is there stays, whatever this machine has."""


PUT_BACK = Overrides(allow_empty=True, max_delete=MaxDelete(share=1.0), move=True, keep_certificate=True)
"""Going back to what was there may delete as much as the way here had created. No certificate stops it."""
