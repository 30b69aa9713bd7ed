"""A person's word against a guard."""

from dataclasses import dataclass

from deployer.model.site import MaxDelete


@dataclass(frozen=True, slots=True, kw_only=True)
class Overrides:
    """What a person said on the command line against a guard."""

    allow_empty: bool = False
    max_delete: MaxDelete | None = None
    overwrite: bool = False
