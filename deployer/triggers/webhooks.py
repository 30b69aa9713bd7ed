"""A webhook's request, from raw bytes to what it means for a site. No clock, no network: a decision."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import parse_qs

from pydantic import ValidationError

from deployer.planning.patterns import PathPatterns
from deployer.secret import Secret
from deployer.triggers.headers import only
from deployer.triggers.payloads import (
    BitbucketCloudPush,
    BitbucketServerPush,
    GiteaPush,
    GitHubPush,
    GitLabPush,
    Payload,
    PlainPush,
)
from deployer.triggers.rejection import Rejected
from deployer.triggers.signatures import verify

JSON = "application/json"
FORM = "application/x-www-form-urlencoded"

_EVENTS: Mapping[str, tuple[str, Mapping[str, type[Payload]]]] = {
    "github": ("X-GitHub-Event", {"push": GitHubPush}),
    "gitlab": ("X-Gitlab-Event", {"Push Hook": GitLabPush}),
    "gitea": ("X-Gitea-Event", {"push": GiteaPush}),
    "forgejo": ("X-Gitea-Event", {"push": GiteaPush}),
    "bitbucket": (
        "X-Event-Key",
        {"repo:push": BitbucketCloudPush, "repo:refs_changed": BitbucketServerPush},
    ),
}
"""Provider -> the header that names the event, and the events that are pushes. Forgejo sends Gitea's, too."""

_PINGS = {"ping", "diagnostics:ping"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Push:
    """Somebody who knows the secret says that branches have moved."""

    provider: str
    names: frozenset[str]
    """By which this delivery is remembered; a request that shares one of them is the same, sent again."""
    branches: Mapping[str, str | None]
    """Each branch that moved -> its new commit, None where that is not told. Empty: tags, or deletions."""
    paths: frozenset[str] | None
    """What the push touched; None where the service does not tell all."""

    def words(self, branch: str) -> str:
        """As an order's source: "webhook github 1a2b3c4"."""
        commit = self.branches.get(branch)
        return f"webhook {self.provider} {commit[:7]}" if commit else f"webhook {self.provider}"


@dataclass(frozen=True, slots=True)
class Ping:
    """Somebody who knows the secret says something else."""

    why: str
    """Why it is ignored."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """What one site listens to."""

    provider: str
    secret: Secret
    branch: str
    patterns: PathPatterns | None
    """None: every push to the branch counts."""


def read_push(
    provider: str, secret: Secret, headers: Mapping[str, str], body: bytes, *, now: datetime
) -> Push | Ping:
    """Who sent it is settled before anything of it is parsed.

    `headers` have lower-case names, as `headers.by_name` makes them; `now` knows its time zone.
    Raises Rejected, whatever comes: 401 for a proof that is missing or wrong, 415 for a content type that
    the service does not send, 400 for a body that is no push of its kind.
    """
    names = verify(provider, secret, headers, body, now)
    kind: type[Payload] = PlainPush
    if provider in _EVENTS:
        header, pushes = _EVENTS[provider]
        event = only(headers, header)
        if event not in pushes:
            return Ping("a ping: the secret is right" if event in _PINGS else "its event is no push")
        kind = pushes[event]
    told = _parsed(kind, _json(provider, headers.get("content-type", ""), body)).told()
    return Push(provider=provider, names=names, branches=told.branches, paths=told.paths)


def why_ignored(push: Push, branch: str, patterns: PathPatterns | None) -> str:
    """Why a push means nothing for a site; empty: it counts.

    A push whose paths are not told counts.
    """
    if not push.branches:
        return "no branch has a new commit: a tag, or a deletion"
    if branch not in push.branches:
        return f"another branch was pushed; this site is deployed from {branch}"
    if patterns is not None and push.paths is not None and not any(p in patterns for p in push.paths):
        return "nothing that was pushed matches the `paths` of this site's webhook"
    return ""


def _json(provider: str, content_type: str, body: bytes) -> bytes:
    """The JSON in the body. Only GitHub signs a form as it is sent; Gitea signs what is in it."""
    media = content_type.partition(";")[0].strip().lower()
    if media == JSON:
        return body
    if media != FORM or provider != "github":
        raise Rejected(415, f"the content type has to be {JSON}; choose it in the webhook's settings")
    try:
        fields = parse_qs(body.decode("ascii"), strict_parsing=True, errors="strict", max_num_fields=8)
        (payload,) = fields["payload"]
    except (ValueError, KeyError):  # not ASCII, not a form, not UTF-8 inside, no such field or several
        raise Rejected(400, "the form does not hold one field `payload`") from None
    return payload.encode()


def _parsed(kind: type[Payload], text: bytes) -> Payload:
    try:
        return kind.model_validate_json(text)
    except ValidationError as error:
        problems = error.errors(include_url=False, include_context=False, include_input=False)
        first = problems[0]
    if first["type"] == "json_invalid":
        raise Rejected(400, "the body is not JSON in UTF-8")
    where = ".".join(str(part) for part in first["loc"])
    if not re.fullmatch(r"[a-z_A-Z0-9.]{1,80}", where):
        where = "the whole"
    raise Rejected(400, f"the body is JSON, but no push of this service: see its key `{where}`")
