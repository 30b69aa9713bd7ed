"""What the services say of a push, in their own JSON, as far as it matters here.

Sources: GitHub "Webhook events and payloads: push"; GitLab "Webhook events: push events"; Gitea and Forgejo
"Webhooks"; Bitbucket Cloud "Event payloads: push", Bitbucket Data Center "Event payload: push".
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

BRANCHES = "refs/heads/"
GITHUB_MOST_COMMITS = 2048
"""GitHub lists no more of a push."""
GITHUB_MOST_FILES = 3000
"""GitHub lists no more of a commit."""

CommitId = Annotated[str, Field(pattern=r"^[0-9a-f]{40}([0-9a-f]{24})?$")]
"""SHA-1 or SHA-256; all zeros: there is none."""


@dataclass(frozen=True, slots=True)
class Told:
    """What a payload tells."""

    branches: Mapping[str, str | None]
    """Each branch that has a new commit -> that commit, where it is told. Tags and deleted branches are not
    among them."""
    paths: frozenset[str] | None
    """Every path that may differ; None where the service does not tell all."""


class Payload(BaseModel):
    """Other keys are allowed and not looked at; what is looked at has to be of its type."""

    model_config = ConfigDict(strict=True)

    def told(self) -> Told:
        raise NotImplementedError


class _Commit(BaseModel):
    model_config = ConfigDict(strict=True)

    added: Sequence[str] | None = None
    modified: Sequence[str] | None = None
    removed: Sequence[str] | None = None

    def paths(self) -> frozenset[str] | None:
        """None: not told. Without any path it is a merge, or empty, or its list was left out."""
        lists = (self.added, self.modified, self.removed)
        found = frozenset(path for paths in lists for path in paths or ())
        return found if found and None not in lists else None


class GitHubPush(Payload):
    ref: str
    after: CommitId
    deleted: bool = False
    created: bool = False
    forced: bool = False
    commits: Sequence[_Commit] = ()

    def told(self) -> Told:
        # A forced push also takes commits away, and a new branch has no commit before: neither is listed.
        all_told = not self.forced and not self.created and len(self.commits) < GITHUB_MOST_COMMITS
        paths = _paths(self.commits, most=GITHUB_MOST_FILES) if all_told else None
        return Told({} if self.deleted else _one(self.ref, self.after), paths)


class GitLabPush(Payload):
    object_kind: str
    ref: str
    before: CommitId
    after: CommitId
    commits: Sequence[_Commit] = ()
    total_commits_count: int | None = None

    def told(self) -> Told:
        # The list ends at 20 commits.
        all_told = self.total_commits_count == len(self.commits) and _is_there(self.before)
        return Told(_one(self.ref, self.after), _paths(self.commits) if all_told else None)


class GiteaPush(Payload):
    """Forgejo's, too."""

    ref: str
    before: CommitId
    after: CommitId
    commits: Sequence[_Commit] | None = None
    total_commits: int | None = None

    def told(self) -> Told:
        # The server's settings say where the list ends, often at 5.
        commits = self.commits or ()
        all_told = self.total_commits == len(commits) and _is_there(self.before)
        return Told(_one(self.ref, self.after), _paths(commits) if all_told else None)


class _CloudTarget(BaseModel):
    model_config = ConfigDict(strict=True)
    hash: CommitId


class _CloudNew(BaseModel):
    model_config = ConfigDict(strict=True)
    type: str
    name: str
    target: _CloudTarget


class _CloudChange(BaseModel):
    model_config = ConfigDict(strict=True)
    new: _CloudNew | None


class _CloudChanges(BaseModel):
    model_config = ConfigDict(strict=True)
    changes: Sequence[_CloudChange]


class BitbucketCloudPush(Payload):
    """One push may move several branches."""

    push: _CloudChanges

    def told(self) -> Told:
        new = [change.new for change in self.push.changes if change.new is not None]
        return Told({one.name: one.target.hash for one in new if one.type == "branch"}, None)


class _ServerRef(BaseModel):
    model_config = ConfigDict(strict=True)
    id: str


class _ServerChange(BaseModel):
    model_config = ConfigDict(strict=True)
    ref: _ServerRef
    to_hash: CommitId = Field(alias="toHash")
    type: str


class BitbucketServerPush(Payload):
    """One push may move several branches."""

    changes: Sequence[_ServerChange]

    def told(self) -> Told:
        moved: dict[str, str | None] = {}
        for change in self.changes:
            if change.type != "DELETE":
                moved.update(_one(change.ref.id, change.to_hash))
        return Told(moved, None)


class PlainPush(Payload):
    """What a script sends."""

    ref: str
    commit: CommitId | None = None
    paths: Sequence[str] | None = None

    def told(self) -> Told:
        return Told(_one(self.ref, self.commit), None if self.paths is None else frozenset(self.paths))


def _one(ref: str, commit: str | None) -> dict[str, str | None]:
    if not ref.startswith(BRANCHES) or (commit is not None and not _is_there(commit)):
        return {}
    return {ref.removeprefix(BRANCHES): commit}


def _is_there(commit: str) -> bool:
    return bool(commit.strip("0"))


def _paths(commits: Sequence[_Commit], *, most: int | None = None) -> frozenset[str] | None:
    """Of all commits; None where one does not tell, or tells so many that its list may be cut."""
    told = list(_each(commits, most))
    known = [paths for paths in told if paths is not None]
    return frozenset().union(*known) if known and len(known) == len(told) else None


def _each(commits: Sequence[_Commit], most: int | None) -> Iterator[frozenset[str] | None]:
    for commit in commits:
        paths = commit.paths()
        yield None if paths is not None and most is not None and len(paths) >= most else paths
