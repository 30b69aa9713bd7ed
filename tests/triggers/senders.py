"""Deliveries as each service makes and signs them: written from the services' pages, not from our code."""

import base64
import hashlib
import hmac
import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any
from uuid import uuid4

SECRET = "correct-horse-battery-staple"
KEY = bytes(range(32))
SIGNING_TOKEN = "whsec_" + base64.b64encode(KEY).decode()
BEFORE = "1" * 40
COMMIT = "5ebd81afbc" + "0" * 29 + "1"
NONE = "0" * 40


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One request as it goes over the wire."""

    provider: str
    secret: str
    headers: Mapping[str, str]
    body: bytes

    def lowered(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.headers.items()}

    def having(self, headers: Mapping[str, str]) -> "Delivery":
        return replace(self, headers={**self.headers, **headers})

    def lacking(self, name: str) -> "Delivery":
        kept = {key: value for key, value in self.headers.items() if key.lower() != name.lower()}
        assert len(kept) < len(self.headers), name
        return replace(self, headers=kept)

    def saying(self, body: bytes) -> "Delivery":
        """The same headers, another body: signed wrongly, then."""
        return replace(self, body=body)


def hexed(secret: str, message: bytes) -> str:
    return hmac.new(secret.encode(), message, hashlib.sha256).hexdigest()


def written(payload: Any) -> bytes:
    return payload if isinstance(payload, bytes) else json.dumps(payload).encode()


def commit(*paths: str) -> dict[str, Any]:
    return {"id": COMMIT, "message": "words", "added": list(paths), "modified": [], "removed": []}


def github(payload: Any, *, event: str = "push", secret: str = SECRET) -> Delivery:
    body = written(payload)
    return Delivery(
        provider="github",
        secret=SECRET,
        body=body,
        headers={
            "Content-Type": "application/json",
            "X-GitHub-Event": event,
            "X-GitHub-Delivery": str(uuid4()),
            "X-Hub-Signature-256": "sha256=" + hexed(secret, body),
        },
    )


def github_push(branch: str = "main", *, after: str = COMMIT, paths: Sequence[str] = ("a.py",)) -> Any:
    return {
        "ref": f"refs/heads/{branch}",
        "before": BEFORE,
        "after": after,
        "deleted": after == NONE,
        "created": False,
        "forced": False,
        "commits": [commit(*paths)],
        "repository": {"full_name": "alice/blog", "pushed_at": time.time_ns()},
    }


def gitlab(payload: Any, *, event: str = "Push Hook", token: str = SECRET) -> Delivery:
    return Delivery(
        provider="gitlab",
        secret=SECRET,
        body=written(payload),
        headers={
            "Content-Type": "application/json",
            "X-Gitlab-Event": event,
            "X-Gitlab-Webhook-UUID": str(uuid4()),
            "X-Gitlab-Event-UUID": str(uuid4()),
            "Idempotency-Key": str(uuid4()),
            "X-Gitlab-Token": token,
        },
    )


def gitlab_signed(payload: Any, *, key: bytes = KEY, at: int | None = None) -> Delivery:
    body, id_, stamp = written(payload), str(uuid4()), str(int(time.time()) if at is None else at)
    digest = hmac.new(key, f"{id_}.{stamp}.".encode() + body, hashlib.sha256).digest()
    return Delivery(
        provider="gitlab",
        secret=SIGNING_TOKEN,
        body=body,
        headers={
            "Content-Type": "application/json",
            "X-Gitlab-Event": "Push Hook",
            "webhook-id": id_,
            "webhook-timestamp": stamp,
            "webhook-signature": "v1," + base64.b64encode(digest).decode(),
        },
    )


def gitlab_push(branch: str = "main", *, after: str = COMMIT, paths: Sequence[str] = ("a.py",)) -> Any:
    return {
        "object_kind": "push",
        "ref": f"refs/heads/{branch}",
        "before": BEFORE,
        "after": after,
        "checkout_sha": None if after == NONE else after,
        "commits": [commit(*paths)],
        "total_commits_count": 1,
    }


def gitea(payload: Any, *, name: str = "Gitea", event: str = "push", secret: str = SECRET) -> Delivery:
    body, id_ = written(payload), str(uuid4())
    headers = {"Content-Type": "application/json"}
    for brand in {name, "Gitea"}:
        headers |= {
            f"X-{brand}-Event": event,
            f"X-{brand}-Delivery": id_,
            f"X-{brand}-Signature": hexed(secret, body),
        }
    return Delivery(provider=name.lower(), secret=SECRET, body=body, headers=headers)


def forgejo(payload: Any, *, secret: str = SECRET) -> Delivery:
    return gitea(payload, name="Forgejo", secret=secret)


def gitea_push(branch: str = "main", *, after: str = COMMIT, paths: Sequence[str] = ("a.py",)) -> Any:
    return {
        "ref": f"refs/heads/{branch}",
        "before": BEFORE,
        "after": after,
        "commits": [commit(*paths)],
        "total_commits": 1,
        "repository": {"updated_at": time.time_ns()},
    }


def bitbucket(payload: Any, *, event: str = "repo:push", secret: str = SECRET) -> Delivery:
    body = written(payload)
    return Delivery(
        provider="bitbucket",
        secret=SECRET,
        body=body,
        headers={
            "Content-Type": "application/json; charset=utf-8",
            "X-Event-Key": event,
            "X-Request-UUID" if event == "repo:push" else "X-Request-Id": str(uuid4()),
            "X-Hub-Signature": "sha256=" + hexed(secret, body),
        },
    )


def cloud_push(*branches: str) -> Any:
    target = {"hash": COMMIT, "date": str(time.time_ns())}
    news = [{"type": "branch", "name": name, "target": target} for name in branches]
    return {"push": {"changes": [{"new": new, "old": None, "truncated": False} for new in news]}}


def server_push(*refs: str, kind: str = "UPDATE") -> Any:
    changes = [{"ref": {"id": ref}, "fromHash": BEFORE, "toHash": COMMIT, "type": kind} for ref in refs]
    return {"eventKey": "repo:refs_changed", "date": str(time.time_ns()), "changes": changes}


def plain(payload: Any, *, secret: str = SECRET, at: int | None = None) -> Delivery:
    body, stamp = written(payload), str(int(time.time()) if at is None else at)
    return Delivery(
        provider="hmac",
        secret=SECRET,
        body=body,
        headers={
            "Content-Type": "application/json",
            "X-Deployer-Timestamp": stamp,
            "X-Deployer-Signature": "sha256=" + hexed(secret, stamp.encode() + b"." + body),
        },
    )


def plain_push(branch: str = "main") -> Any:
    return {"ref": f"refs/heads/{branch}", "commit": COMMIT, "paths": ["a.py"], "sent": time.time_ns()}


GOOD: Mapping[str, Callable[[], Delivery]] = {
    "github": lambda: github(github_push()),
    "gitlab": lambda: gitlab(gitlab_push()),
    "gitlab-signed": lambda: gitlab_signed(gitlab_push()),
    "gitea": lambda: gitea(gitea_push()),
    "forgejo": lambda: forgejo(gitea_push()),
    "bitbucket": lambda: bitbucket(cloud_push("main")),
    "bitbucket-server": lambda: bitbucket(server_push("refs/heads/main"), event="repo:refs_changed"),
    "hmac": lambda: plain(plain_push()),
}
"""A push of main as each kind of sender announces it, another one each time."""

PROOF = {
    "github": "X-Hub-Signature-256",
    "gitlab": "X-Gitlab-Token",
    "gitlab-signed": "webhook-signature",
    "gitea": "X-Gitea-Signature",
    "forgejo": "X-Forgejo-Signature",
    "bitbucket": "X-Hub-Signature",
    "bitbucket-server": "X-Hub-Signature",
    "hmac": "X-Deployer-Signature",
}
"""The header that proves who sent it."""
