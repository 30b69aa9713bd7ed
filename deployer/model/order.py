"""What somebody or something asked a daemon for, until a deployment has answered it."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Source(StrEnum):
    """Where a hint came from."""

    WATCH = "watch"
    """A ref of a local repository moved."""
    POLL = "poll"
    WEBHOOK = "webhook"
    PUSH = "push"
    """A push to a repository that `deployer push-target` made."""
    COMMAND = "command"
    """`deployer sync --via-daemon`, or the status page."""
    SIGNAL = "signal"
    START = "start"
    """The daemon started and looked."""
    DRIFT = "drift"
    """A difference on the server is to be healed."""
    CERTIFICATE = "certificate"
    """The certificate of this machine is not the one that was sent, or one that was asked for has come."""


class Work(StrEnum):
    """What is to be done."""

    DEPLOY = "deploy"
    """Bring the newest commit of the branch to the server, whatever it is by then."""
    ROLLBACK = "rollback"
    HEAL = "heal"
    """Put right what was found to differ on the server."""
    RENEW = "renew"
    """Send the certificate: deploy once more what is live."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """One deployment to come. Hints for a site join the order that waits, so that a burst becomes one.

    It is on disk before anybody is told of it.
    """

    id: str
    """The id that its deployment will have, too."""
    site: str
    """The name of the [site.<name>] table."""
    work: Work
    sources: tuple[str, ...]
    """Each hint in a few words: "webhook github 1a2b3c4", "watch refs/heads/main"."""
    created: datetime
    not_before: datetime
    """Later than `created` after a temporary failure."""
    attempts: int
    """How often it was tried and met a temporary failure."""
    force: bool = False
    """Deploy also a commit that failed, and look at every setting again."""
    rev: str | None = None
    """For a rollback: the commit or deployment; None: what was live before. For a deployment held by a
    gate: the commit that waits. Otherwise None: the branch."""
    problem: str = ""
    """Why the last attempt failed."""
