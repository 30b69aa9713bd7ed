"""What a measured figure must not exceed."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Bar:
    """One figure beside its limit."""

    what: str
    value: float
    limit: float

    @property
    def holds(self) -> bool:
        return self.value <= self.limit

    def __str__(self) -> str:
        return f"{self.what} {self.value:.4g} of at most {self.limit:g}: {'ok' if self.holds else 'OVER'}"
