"""The mark beside a commit at GitHub, GitLab, Gitea and Forgejo: how its deployment goes.

Sources: GitHub's REST reference "Commit statuses"; GitLab's "Commits API", set commit pipeline status; the
API description that every Gitea and Forgejo serves, repoCreateStatus.
"""

import re
import threading
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import quote

from deployer.daemon.kept import Kept
from deployer.daemon.outbox import PAUSES_S, Outbox, Undelivered
from deployer.errors import UsageError
from deployer.events import log
from deployer.secret import Secret

Provider = Literal["github", "gitlab", "gitea", "forgejo"]

DESCRIPTION_LENGTH: Final = 140
"""GitHub's limit; the others take more."""
CONNECT_TIMEOUT_S: Final = 10.0
READ_TIMEOUT_S: Final = 30.0
_ANSWER_BYTES: Final = 2000
_DEFAULT_API: Final = {"github": "https://api.github.com", "gitlab": "https://gitlab.com"}


class Mark(StrEnum):
    """How a deployment of a commit goes."""

    PENDING = "pending"
    SUCCESS = "success"
    FAILURE = "failure"
    """The commit did not answer well, or a guard refused it."""
    ERROR = "error"
    """It could not be tried: the network, the platform, the token."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CommitStatus:
    """What a commit is marked with."""

    commit: str
    """In full."""
    mark: Mark
    description: str
    """Shortened to what fits."""
    link: str
    """Where the status page shows the deployment; empty: nowhere."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Forge:
    """Where a repository's commits are marked."""

    provider: Provider
    repository: str
    """"owner/name"; at GitLab also with groups, or the project's number."""
    token: Secret
    api: str | None = None
    """The address without the parts that all installations share: GitLab's and Gitea's own, GitHub
    Enterprise's with its /api/v3. None: the provider's public one."""

    def address(self, commit: str) -> str:
        """Raises UsageError for a provider that has no public address."""
        base = (self.api or _DEFAULT_API.get(self.provider, "")).rstrip("/")
        if not base:
            raise UsageError(f"commit_status.api: {self.provider} has no public address; name yours")
        if self.provider == "gitlab":
            return f"{base}/api/v4/projects/{quote(self.repository, safe='')}/statuses/{commit}"
        root = base if self.provider == "github" else f"{base}/api/v1"
        return f"{root}/repos/{quote(self.repository)}/statuses/{commit}"

    def headers(self) -> Mapping[str, str]:
        """With the token. Raises Undelivered for what no header can hold, which a library would quote."""
        token = self.token.reveal()
        if not re.fullmatch(r"[!-~]+", token):
            raise Undelivered("its token is empty, or holds a space or a line break", final=True)
        if self.provider == "gitlab":
            return {"PRIVATE-TOKEN": token}
        if self.provider == "github":
            return {
                "Authorization": f"Bearer {token}",
                "Accept": "application/vnd.github+json",
                "X-GitHub-Api-Version": "2022-11-28",
            }
        return {"Authorization": f"token {token}"}

    def body(self, status: CommitStatus, context: str) -> Mapping[str, str]:
        """`context` is the name of the mark: a second one of the same name replaces the first."""
        state = str(status.mark)
        if self.provider == "gitlab" and status.mark in (Mark.FAILURE, Mark.ERROR):
            state = "failed"
        fields = {"state": state, "description": shortened(status.description), "context": context}
        return {**fields, "target_url": status.link} if status.link else fields


def shortened(text: str, most: int = DESCRIPTION_LENGTH) -> str:
    """One line of at most so many characters."""
    line = " ".join(text.split())
    return line if len(line) <= most else f"{line[: most - 1].rstrip()}…"


class CommitStatuses:
    """Marks the commits of one site, by a thread of its own; of each commit only the newest mark counts.

    What was not sent yet is on disk: a restart does not leave a commit pending for ever.
    Safe to call from any thread.
    """

    def __init__(
        self, forge: Forge, *, site: str, folder: Path, pauses_s: Sequence[float] = PAUSES_S
    ) -> None:
        """`folder` is the state folder. What an earlier process left unsent is sent now.

        Raises UsageError where the forge's address is not known.
        """
        forge.address("")
        self._forge = forge
        self._site = site
        self._kept = Kept(folder / "commit-status" / f"{site}.json")
        self._lock = threading.RLock()  # an outbox that is full settles while something is put in
        self._waiting = {status.commit: status for status in _statuses(self._kept.read())}
        self._outbox = Outbox[CommitStatus](
            f"commit status of {site} at {forge.provider}",
            self._deliver,
            settled=self._settled,
            pauses_s=pauses_s,
        )
        for commit, status in list(self._waiting.items()):
            self._outbox.put(commit, status)

    def mark(self, status: CommitStatus) -> None:
        """Takes milliseconds."""
        with self._lock:
            self._waiting[status.commit] = status
            self._write()
            self._outbox.put(status.commit, status)

    def close(self, *, timeout_s: float = 0.0) -> None:
        """What was not sent yet is sent by the next process."""
        self._outbox.close(timeout_s=timeout_s)

    def _settled(self, commit: str, status: CommitStatus) -> None:
        with self._lock:
            if self._waiting.get(commit) is status:
                del self._waiting[commit]
                self._write()

    def _write(self) -> None:
        """Where that cannot be, the mark is sent all the same."""
        try:
            self._kept.write({"waiting": [asdict(status) for status in self._waiting.values()]})
        except UsageError as error:
            log.warning("not_kept", site=self._site, problem=error.message)

    def _deliver(self, status: CommitStatus) -> None:
        from deployer.session import Session  # requests takes long to import

        forge = self._forge
        address = forge.address(status.commit)
        headers = forge.headers()
        with Session(address) as session:
            try:
                response = session.post(
                    address,
                    json=forge.body(status, f"deployer/{self._site}"),
                    headers=headers,
                    timeout=(CONNECT_TIMEOUT_S, READ_TIMEOUT_S),
                    stream=True,
                )
                with response:
                    words = next(response.iter_content(_ANSWER_BYTES), b"").decode(errors="replace")
            except OSError as error:  # as every error of requests is
                problem = type(error).__name__
            else:
                _judge(forge, response.status_code, response.headers, words)
                return
        raise Undelivered(f"{forge.provider} gave no answer: {problem}")


def _judge(forge: Forge, status: int, headers: Mapping[str, str], words: str) -> None:
    """Raises Undelivered unless the mark is set."""
    if 200 <= status < 300:
        return
    if forge.provider == "gitlab" and status == 400 and "Cannot transition status" in words:
        return  # it has that mark, or a later one (gitlab-foss issue 25807)
    said = shortened(words.replace(forge.token.reveal(), str(forge.token)))
    limited = status == 429 or "retry-after" in headers or headers.get("x-ratelimit-remaining") == "0"
    passing = limited or status == 408 or status >= 500
    raise Undelivered(f"{forge.provider} answered {status}: {said}", final=not passing)


def _statuses(content: Mapping[str, Any]) -> Sequence[CommitStatus]:
    """What was kept; nothing where that is not understood."""
    try:
        return [CommitStatus(**{**item, "mark": Mark(item["mark"])}) for item in content.get("waiting") or ()]
    except (KeyError, TypeError, ValueError):
        return []
