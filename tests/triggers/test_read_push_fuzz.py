"""Whatever comes, it is read or it is refused: nothing else is raised, and nothing unproved is read."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.planning.patterns import PathPatterns
from deployer.secret import Secret
from deployer.triggers.headers import by_name
from deployer.triggers.rejection import Rejected
from deployer.triggers.webhooks import Ping, Push, read_push, why_ignored
from tests.triggers import senders
from tests.triggers.senders import GOOD, PROOF, SECRET, SIGNING_TOKEN

PROVIDERS = ("github", "gitlab", "gitea", "forgejo", "bitbucket", "hmac", "", "other")
NAMES = sorted({name.lower() for make in GOOD.values() for name in make().headers})
NOW = datetime(2026, 5, 4, 12, tzinfo=UTC)
KEYS = (
    *("ref", "after", "before", "commits", "added", "modified", "removed", "deleted", "created", "forced"),
    *("total_commits", "total_commits_count", "object_kind", "push", "changes", "new", "type", "name"),
    *("target", "hash", "toHash", "id", "commit", "paths"),
)
VALUES = st.sampled_from(
    ["refs/heads/main", "refs/tags/v1", "refs/heads/", "branch", "UPDATE", "push", "0" * 40, "a" * 40]
)

headers = st.dictionaries(st.sampled_from(NAMES), st.text(max_size=80), max_size=12)
anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20) | VALUES,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=8),
    max_leaves=30,
)
bodies = st.binary(max_size=200) | anything.map(lambda value: json.dumps(value).encode())


def outcome(
    provider: str, secret: str, given_headers: dict[str, str], body: bytes, now: datetime
) -> Push | Ping | Rejected:
    found: Push | Ping | Rejected
    try:
        found = read_push(provider, Secret(secret), given_headers, body, now=now)
    except Rejected as rejected:
        found = rejected
    if isinstance(found, Rejected):
        assert found.status in {400, 401, 415}
        assert 0 < len(found.why) < 200
    elif isinstance(found, Push):
        assert isinstance(why_ignored(found, "main", PathPatterns(["a", "!b/"])), str)
        assert found.words("main")
        assert found.names
    return found


@given(
    provider=st.sampled_from(PROVIDERS),
    secret=st.text(max_size=40) | st.just(SECRET) | st.just(SIGNING_TOKEN) | st.text().map("whsec_{}".format),
    given_headers=headers,
    body=bodies,
)
def test_what_strangers_send_is_never_a_push(
    provider: str, secret: str, given_headers: dict[str, str], body: bytes
) -> None:
    given_headers = {name: value for name, value in given_headers.items() if value != secret}

    assert isinstance(outcome(provider, secret, given_headers, body, NOW), Rejected)


@given(
    make=st.sampled_from(
        [
            senders.github,
            senders.gitlab,
            senders.gitlab_signed,
            senders.gitea,
            senders.forgejo,
            senders.bitbucket,
            lambda body: senders.bitbucket(body, event="repo:refs_changed"),
            senders.plain,
        ]
    ),
    body=bodies,
    more=headers,
)
def test_what_is_signed_is_read_or_refused(make: Any, body: bytes, more: dict[str, str]) -> None:
    delivery = make(body)

    outcome(delivery.provider, delivery.secret, more | delivery.lowered(), body, datetime.now(UTC))
    outcome(delivery.provider, delivery.secret, delivery.lowered() | more, body, datetime.now(UTC))


@pytest.mark.parametrize("kind", GOOD)
@given(data=st.data())
def test_a_good_delivery_with_any_byte_of_its_proof_changed_is_refused(
    kind: str, data: st.DataObject
) -> None:
    delivery = GOOD[kind]()
    proof = PROOF[kind].lower()
    right = delivery.lowered()[proof]
    wrong = data.draw(st.text(max_size=90) | st.just(right[:-1]) | st.just(right + "0"))

    found = outcome(
        delivery.provider,
        delivery.secret,
        delivery.lowered() | {proof: wrong},
        delivery.body,
        datetime.now(UTC),
    )
    assert isinstance(found, Rejected) or wrong == right


@given(st.lists(st.tuples(st.binary(max_size=8), st.binary(max_size=8)), max_size=8))
def test_headers_of_any_bytes_are_read(raw: list[tuple[bytes, bytes]]) -> None:
    assert set(by_name(raw)) == {name.decode("latin-1").lower() for name, _ in raw}


def test_a_ping_says_that_the_secret_is_right() -> None:
    found = outcome("github", SECRET, senders.github(b"{}", event="ping").lowered(), b"{}", NOW)

    assert found == Ping("a ping: the secret is right")
