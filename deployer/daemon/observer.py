"""Whoever counts what a daemon does: /metrics, in the end."""

from typing import Protocol


class Observer(Protocol):
    """Called from any thread; must not block."""

    def request(self, endpoint: str, status: int | None) -> None:
        """One request to the platform; None: no answer."""

    def waited(self, seconds: float) -> None:
        """So long was waited for the platform's limit, or after a failure."""

    def ended(self, site: str, status: str, seconds: float) -> None:
        """A deployment ended, by the words of `Status`."""


class Nobody:
    """Counts nothing."""

    def request(self, endpoint: str, status: int | None) -> None: ...

    def waited(self, seconds: float) -> None: ...

    def ended(self, site: str, status: str, seconds: float) -> None: ...
