"""Everything that can go wrong, in one tree; each leaf knows its exit status.

    DeployerError                     1  only a bug of ours ends here
    ├── UsageError                    2  the command, the repository or the commit is not what was meant
    │   └── ConfigError               2  one file, every problem in it
    ├── Refused                       3  a guard stopped it before anything was written
    ├── RolledBack                    4  failed; the previous version is live again
    ├── NeedsPerson                   5  failed; what is on the server now is in the message
    ├── SiteBusy                      6  somebody else is deploying this site
    ├── Interrupted                   8  somebody stopped it between two requests; run it again
    └── ApiError                      5  the platform said no and will say no again
        ├── CredentialsRefused        7  401: the token, or the user name it is used with
        ├── NotFound                  5  404, or the 403 that a missing web app gives
        ├── ConsoleNotStarted         5  412: no browser has opened the console's page yet
        └── Temporary                 8  safe to run again
            ├── RateLimited           8  429, longer than we were willing to wait
            ├── ServerFault           8  5xx
            ├── Unreachable           8  no connection, no answer in time
            ├── NoAnswer              8  something came back that is not the platform's answer
            └── OutcomeUnknown        8  a creating call was sent and its answer was lost

Every error says in `message` what happened and to what, in `left` what was left behind
(empty when nothing was touched), and in `hint` what to type next.
"""

from collections.abc import Sequence
from enum import IntEnum


class ExitStatus(IntEnum):
    """What the process ends with: part of the public interface."""

    OK = 0
    BUG = 1
    USAGE = 2
    REFUSED = 3
    ROLLED_BACK = 4
    NEEDS_PERSON = 5
    BUSY = 6
    CREDENTIALS = 7
    TEMPORARY = 8
    CHANGES = 10  # only `plan --exit-code`


class DeployerError(Exception):
    """The root. `str()` is the whole text for a person, one line per part."""

    exit_status = ExitStatus.BUG

    def __init__(self, message: str, *, left: str = "", hint: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.left = left
        self.hint = hint

    def __str__(self) -> str:
        return "\n".join(part for part in (self.message, self.left, self.hint) if part)


class UsageError(DeployerError):
    """The command, the repository or the commit named is not there or not usable."""

    exit_status = ExitStatus.USAGE


class ConfigError(UsageError):
    """A configuration file with every problem found in it.

    Each problem is a sentence that starts with its key path, with the line where it is known.
    """

    def __init__(self, source: str, problems: Sequence[str], *, hint: str = "") -> None:
        self.source = source
        self.problems = tuple(problems)
        count = "1 problem" if len(self.problems) == 1 else f"{len(self.problems)} problems"
        listed = "\n".join(f"  {problem}" for problem in self.problems)
        super().__init__(f"{source}: {count}\n{listed}", hint=hint)


class Refused(DeployerError):
    """Guards stopped the deployment before anything was written; each refusal names what overrides it."""

    exit_status = ExitStatus.REFUSED

    def __init__(self, refusals: Sequence[str], *, hint: str = "") -> None:
        self.refusals = tuple(refusals)
        listed = "\n".join(f"  {refusal}" for refusal in self.refusals)
        super().__init__(f"refused:\n{listed}", left="Nothing was written on the server.", hint=hint)


class RolledBack(DeployerError):
    """The deployment failed and the previous version is live again."""

    exit_status = ExitStatus.ROLLED_BACK


class NeedsPerson(DeployerError):
    """The deployment failed and the site is not as it was before."""

    exit_status = ExitStatus.NEEDS_PERSON


class SiteBusy(DeployerError):
    """Somebody else is deploying this site."""

    exit_status = ExitStatus.BUSY


class Interrupted(DeployerError):
    """Somebody stopped it between two requests. What was done is recorded; running it again goes on."""

    exit_status = ExitStatus.TEMPORARY

    def __init__(self, message: str, *, left: str = "", hint: str = "") -> None:
        super().__init__(message, left=left, hint=hint or "Run it again: it goes on from there.")


class ApiError(DeployerError):
    """The platform answered, and the answer is no.

    `status` is the HTTP status, or None when there was no answer at all.
    """

    exit_status = ExitStatus.NEEDS_PERSON

    def __init__(self, message: str, *, status: int | None = None, left: str = "", hint: str = "") -> None:
        super().__init__(message, left=left, hint=hint)
        self.status = status


class CredentialsRefused(ApiError):
    """401, or the 403 that another user's name in the address gives."""

    exit_status = ExitStatus.CREDENTIALS


class NotFound(ApiError):
    """The thing named is not there, or is not ours to see."""


class ConsoleNotStarted(ApiError):
    """412: the console exists, its process does not. A person has to open its page in a browser once."""


class Temporary(ApiError):
    """Nothing is wrong that running it again would not cure."""

    exit_status = ExitStatus.TEMPORARY


class RateLimited(Temporary):
    """429 after all the waiting we were willing to do."""


class ServerFault(Temporary):
    """A 5xx answer."""


class Unreachable(Temporary):
    """No connection could be made, or no answer came in time."""


class NoAnswer(Temporary):
    """Something came back that is not the platform's answer: HTML for JSON, half a body, a redirect."""


class OutcomeUnknown(Temporary):
    """A call that must not be repeated was sent, and whether it took effect is not known.

    Raised only for calls that create something, and for typing into a console; the caller settles it by
    looking: at the list, or at the console's output.
    """
