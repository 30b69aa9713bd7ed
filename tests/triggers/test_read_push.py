"""What is read of a webhook's request, and what is refused, without a server."""

import hashlib
import hmac
import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import urlencode

import pytest

from deployer.planning.patterns import PathPatterns
from deployer.secret import Secret
from deployer.triggers.headers import by_name
from deployer.triggers.rejection import Rejected
from deployer.triggers.signatures import secret_problem
from deployer.triggers.webhooks import Ping, Push, read_push, why_ignored
from tests.triggers import senders
from tests.triggers.senders import BEFORE, COMMIT, GOOD, NONE, PROOF, SECRET, SIGNING_TOKEN, Delivery

EVERY_KIND = pytest.mark.parametrize("kind", GOOD)


def read(delivery: Delivery, *, secret: str | None = None, late: timedelta = timedelta(0)) -> Push | Ping:
    kept = Secret(delivery.secret if secret is None else secret)
    return read_push(delivery.provider, kept, delivery.lowered(), delivery.body, now=datetime.now(UTC) + late)


def push(delivery: Delivery) -> Push:
    found = read(delivery)
    assert isinstance(found, Push)
    return found


def refused(delivery: Delivery, **how: Any) -> Rejected:
    with pytest.raises(Rejected) as caught:
        read(delivery, **how)
    assert delivery.secret not in caught.value.why
    return caught.value


@EVERY_KIND
def test_a_push_is_read_as_its_service_sends_it(kind: str) -> None:
    found = push(GOOD[kind]())

    assert found.branches == {"main": COMMIT}
    assert why_ignored(found, "main", None) == ""
    assert found.words("main") == f"webhook {found.provider} {COMMIT[:7]}"


@EVERY_KIND
def test_another_secret_is_refused(kind: str) -> None:
    other = senders.SIGNING_TOKEN.replace("A", "B") if kind == "gitlab-signed" else "another"

    assert refused(GOOD[kind](), secret=other).status == 401


@EVERY_KIND
def test_a_proof_that_is_missing_doubled_or_empty_is_refused(kind: str) -> None:
    delivery, name = GOOD[kind](), PROOF[kind]
    value = delivery.headers[name]
    bare = delivery.lacking(name)
    if kind == "forgejo":
        bare = bare.lacking("X-Gitea-Signature")

    assert "missing" in refused(bare).why
    assert refused(bare.having({name: ""})).status == 401
    for doubled in (f"{value}, {value}", f"{value},{value}", f"{value}\n{value}"):
        assert refused(bare.having({name: doubled})).status == 401


@EVERY_KIND
def test_a_proof_of_the_right_form_with_another_end_is_refused(kind: str) -> None:
    delivery, name = GOOD[kind](), PROOF[kind]
    value = delivery.headers[name]
    at = len(value) - 3

    assert refused(delivery.having({name: value[:at]})).status == 401
    changed = value[:at] + ("0" if value[at] != "0" else "1") + value[at + 1 :]
    assert refused(delivery.having({name: changed})).status == 401
    assert refused(delivery.having({name: value.swapcase()})).status == 401
    assert refused(delivery.having({name: "ä" * len(value)})).status == 401


@pytest.mark.parametrize("kind", sorted(set(GOOD) - {"gitlab"}))
def test_a_body_that_was_changed_on_the_way_is_refused(kind: str) -> None:
    """GitLab's token is no signature: it says who sends, not what."""
    delivery = GOOD[kind]()

    assert refused(delivery.saying(delivery.body + b" ")).status == 401


@EVERY_KIND
def test_without_a_secret_nothing_is_accepted(kind: str) -> None:
    delivery = GOOD[kind]()
    unkeyed = hmac.new(b"", delivery.body, hashlib.sha256).hexdigest()

    for secret in ("", " ", "\n"):
        assert refused(delivery, secret=secret).status == 401
        assert refused(delivery.having({PROOF[kind]: f"sha256={unkeyed}"}), secret=secret).status == 401
        assert secret_problem(delivery.provider, Secret(secret))


@EVERY_KIND
def test_nothing_is_parsed_before_the_proof(kind: str) -> None:
    delivery = GOOD[kind]().saying(b"{").having({"Content-Type": "text/html"})
    if kind == "gitlab":
        delivery = delivery.having({"X-Gitlab-Token": "wrong"})

    assert refused(delivery).status == 401


def test_a_signing_token_of_gitlab_is_never_taken_for_a_plain_one() -> None:
    """Whoever sends chooses the headers: that must not choose the weaker proof."""
    plain = senders.gitlab(senders.gitlab_push(), token=SIGNING_TOKEN)

    assert refused(plain, secret=SIGNING_TOKEN).status == 401
    assert refused(senders.gitlab_signed(senders.gitlab_push()), secret=SECRET).status == 401


def test_one_good_signature_among_several_is_enough_while_gitlab_replaces_a_key() -> None:
    delivery = senders.gitlab_signed(senders.gitlab_push())
    right = delivery.headers["webhook-signature"]
    wrong = senders.gitlab_signed(senders.gitlab_push(), key=b"x" * 32).headers["webhook-signature"]

    assert isinstance(read(delivery.having({"webhook-signature": f"{wrong} {right} v2,abc"})), Push)
    assert refused(delivery.having({"webhook-signature": f"{wrong} v2,{right[3:]}"})).status == 401


@pytest.mark.parametrize("token", ["whsec_", "whsec_!!!!", "whsec_c2hvcnQ="])
def test_a_signing_token_that_is_no_key_verifies_nothing(token: str) -> None:
    assert secret_problem("gitlab", Secret(token))
    assert refused(senders.gitlab(senders.gitlab_push(), token=token), secret=token).status == 401


@pytest.mark.parametrize("make", [GOOD["hmac"], GOOD["gitlab-signed"]])
@pytest.mark.parametrize(
    ("late_s", "fine"), [(0, True), (290, True), (-20, True), (310, False), (86_400, False), (-40, False)]
)
def test_a_signed_time_counts_for_five_minutes(make: Callable[[], Delivery], late_s: int, fine: bool) -> None:
    delivery, late = make(), timedelta(seconds=late_s)

    if fine:
        assert isinstance(read(delivery, late=late), Push)
    else:
        assert refused(delivery, late=late).status == 401


@pytest.mark.parametrize("stamp", ["", "soon", "-1", "1e9", "9" * 40, "1700000000.5", " 1700000000"])
def test_a_time_that_is_none_is_refused_even_when_it_is_signed(stamp: str) -> None:
    body = json.dumps(senders.plain_push()).encode()
    signature = "sha256=" + senders.hexed(SECRET, stamp.encode() + b"." + body)
    delivery = GOOD["hmac"]().saying(body)

    signed = delivery.having({"X-Deployer-Timestamp": stamp, "X-Deployer-Signature": signature})
    assert refused(signed).status == 401


@EVERY_KIND
def test_a_delivery_is_known_again_and_told_from_every_other(kind: str) -> None:
    one, other = GOOD[kind](), GOOD[kind]()

    assert push(one).names == push(one).names
    assert not push(one).names & push(other).names


@pytest.mark.parametrize("kind", ["github", "gitea", "forgejo", "bitbucket", "bitbucket-server"])
def test_a_delivery_is_known_again_under_an_id_that_its_signature_does_not_cover(kind: str) -> None:
    names = ("X-GitHub-Delivery", "X-Gitea-Delivery", "X-Forgejo-Delivery", "X-Request-UUID", "X-Request-Id")
    one = GOOD[kind]()
    again = one.having({name: "another" for name in names if name in one.headers})

    assert push(one).names != push(again).names
    assert push(one).names & push(again).names


@pytest.mark.parametrize("id_", ["", "a,b", "a, b", "a\nb", "a b", "x" * 300, "ü"])
@pytest.mark.parametrize(
    ("kind", "name"),
    [
        ("github", "X-GitHub-Delivery"),
        ("gitea", "X-Gitea-Delivery"),
        ("gitlab", "Idempotency-Key"),
        ("bitbucket", "X-Request-UUID"),
    ],
)
def test_a_delivery_without_one_plain_id_is_refused(kind: str, name: str, id_: str) -> None:
    delivery = GOOD[kind]().having({name: id_})
    if kind == "gitlab":
        delivery = delivery.lacking("X-Gitlab-Webhook-UUID").lacking("X-Gitlab-Event-UUID")

    assert refused(delivery).status == 401


def test_a_header_that_came_twice_fits_nothing() -> None:
    headers = by_name([(b"X-Gitlab-Token", b"s"), (b"x-gitlab-token", b"s"), (b"Other", b"1")])

    assert headers["other"] == "1"
    with pytest.raises(Rejected, match="more than once"):
        read_push("gitlab", Secret("s"), headers, b"{}", now=datetime.now(UTC))


def test_a_service_that_nobody_knows_is_refused() -> None:
    with pytest.raises(Rejected):
        read_push("other", Secret("s"), {}, b"{}", now=datetime.now(UTC))


@pytest.mark.parametrize(
    "delivery",
    [
        senders.github(senders.github_push("v1", after=NONE)),
        senders.github({**senders.github_push(), "ref": "refs/tags/v1"}),
        senders.gitlab(senders.gitlab_push(after=NONE)),
        senders.gitea(senders.gitea_push(after=NONE)),
        senders.forgejo({**senders.gitea_push(), "ref": "refs/tags/v1"}),
        senders.bitbucket({"push": {"changes": [{"new": None}]}}),
        senders.bitbucket(
            {"push": {"changes": [{"new": {"type": "tag", "name": "main", "target": {"hash": COMMIT}}}]}}
        ),
        senders.bitbucket(senders.server_push("refs/tags/v1"), event="repo:refs_changed"),
        senders.bitbucket(senders.server_push("refs/heads/main", kind="DELETE"), event="repo:refs_changed"),
        senders.plain({"ref": "refs/tags/v1"}),
        senders.plain({"ref": "main"}),
    ],
)
def test_tags_and_deletions_are_ignored(delivery: Delivery) -> None:
    found = push(delivery)

    assert found.branches == {}
    assert "tag" in why_ignored(found, "main", None)


@pytest.mark.parametrize(
    ("delivery", "words"),
    [
        (senders.github({"zen": "…"}, event="ping"), "ping"),
        (senders.github({}, event="issues"), "no push"),
        (senders.gitlab({}, event="Tag Push Hook"), "no push"),
        (senders.gitea({}, event="release"), "no push"),
        (senders.bitbucket({"test": True}, event="diagnostics:ping"), "ping"),
        (senders.bitbucket({}, event="pullrequest:created"), "no push"),
    ],
)
def test_what_is_no_push_is_ignored(delivery: Delivery, words: str) -> None:
    found = read(delivery)

    assert isinstance(found, Ping)
    assert words in found.why


def test_one_push_of_bitbucket_may_move_several_branches() -> None:
    cloud = push(senders.bitbucket(senders.cloud_push("next", "main")))
    server = push(
        senders.bitbucket(
            senders.server_push("refs/heads/next", "refs/heads/main"), event="repo:refs_changed"
        )
    )

    for found in (cloud, server):
        assert why_ignored(found, "main", None) == ""
        assert why_ignored(found, "next", None) == ""
        assert "main2" in why_ignored(found, "main2", None)


def test_only_pushes_that_touch_the_named_paths_count() -> None:
    site = PathPatterns(["site/"])
    inside = push(senders.github(senders.github_push(paths=["README", "site/a.html"])))
    outside = push(senders.github(senders.github_push(paths=["README", "other/site.html"])))

    assert why_ignored(inside, "main", site) == ""
    assert "paths" in why_ignored(outside, "main", site)
    assert why_ignored(outside, "main", None) == ""


def changed(payload: dict[str, Any], **keys: Any) -> dict[str, Any]:
    return payload | keys


NOBODY = {"id": COMMIT, "added": [], "modified": [], "removed": []}


@pytest.mark.parametrize(
    "delivery",
    [
        senders.github(changed(senders.github_push(), forced=True)),
        senders.github(changed(senders.github_push(), created=True)),
        senders.github(changed(senders.github_push(), commits=[])),
        senders.github(changed(senders.github_push(), commits=[senders.commit("a")] * 2048)),
        senders.github(changed(senders.github_push(), commits=[senders.commit(*map(str, range(3000)))])),
        senders.github(changed(senders.github_push(), commits=[senders.commit("a"), NOBODY])),
        senders.github(changed(senders.github_push(), commits=[{"id": COMMIT}])),
        senders.gitlab(changed(senders.gitlab_push(), total_commits_count=21)),
        senders.gitlab(changed(senders.gitlab_push(), before=NONE)),
        senders.gitea(changed(senders.gitea_push(), total_commits=6)),
        senders.gitea(changed(senders.gitea_push(), commits=None)),
        senders.gitea(changed(senders.gitea_push(), before=NONE)),
        senders.bitbucket(senders.cloud_push("main")),
        senders.bitbucket(senders.server_push("refs/heads/main"), event="repo:refs_changed"),
        senders.plain({"ref": "refs/heads/main"}),
    ],
)
def test_what_a_service_does_not_tell_in_full_counts_as_touched(delivery: Delivery) -> None:
    found = push(delivery)

    assert found.paths is None
    assert why_ignored(found, "main", PathPatterns(["elsewhere/"])) == ""


def test_paths_come_from_every_commit_and_every_kind_of_change() -> None:
    commits = [
        {"added": ["a"], "modified": ["b"], "removed": []},
        {"added": [], "modified": [], "removed": ["c"]},
    ]

    assert push(senders.github(changed(senders.github_push(), commits=commits))).paths == frozenset("abc")


def test_github_may_send_a_form() -> None:
    body = urlencode({"payload": json.dumps(senders.github_push("grün"))}).encode()
    form = senders.github(body).having({"Content-Type": "application/x-www-form-urlencoded"})

    assert push(form).branches == {"grün": COMMIT}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"payload",
        b"payload=",
        b"payload=%7B",
        b"other=%7B%7D",
        b"payload=%7B%7D&payload=%7B%7D",
        b"payload=%ff",
        "payload=ü".encode(),
        b"&".join([b"a=1"] * 20),
        b'{"ref": "refs/heads/main"}',
    ],
)
def test_a_form_that_does_not_hold_a_push_is_refused(body: bytes) -> None:
    form = senders.github(body).having({"Content-Type": "application/x-www-form-urlencoded"})

    assert refused(form).status == 400


@pytest.mark.parametrize(
    "media", ["", "text/plain", "text/html", "application/json\napplication/json", "a/b"]
)
@EVERY_KIND
def test_another_content_type_is_refused(kind: str, media: str) -> None:
    assert refused(GOOD[kind]().having({"Content-Type": media})).status == 415


@pytest.mark.parametrize("kind", sorted(set(GOOD) - {"github"}))
def test_a_form_is_refused_where_it_would_not_be_signed_as_it_is_sent(kind: str) -> None:
    form = GOOD[kind]().having({"Content-Type": "application/x-www-form-urlencoded"})

    assert refused(form).status == 415


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b"7",
        b'"text"',
        b"[" * 100_000,
        b'{"a":' * 100_000,
        b"\xff\xfe{}",
        b'\xef\xbb\xbf{"ref": "refs/heads/main"}',
        b'{"ref": 7}',
        b'{"ref": null}',
        b'{"ref": "\\ud800"}',
        b'{"ref": "refs/heads/main", "after": "main", "commit": "main", "before": 1}',
        b'{"ref": "refs/heads/main", "after": "' + COMMIT.encode() + b'", "commits": {}, "paths": "a"}',
        b'{"push": {"changes": 1}, "changes": [1]}',
        b'{"ref": ' + b"9" * 10_000 + b"}",
    ],
)
@pytest.mark.parametrize(
    "make",
    [
        senders.github,
        senders.gitlab,
        senders.gitlab_signed,
        senders.gitea,
        senders.forgejo,
        senders.bitbucket,
        lambda body: senders.bitbucket(body, event="repo:refs_changed"),
        senders.plain,
    ],
)
def test_a_signed_body_that_is_no_push_is_refused_without_repeating_it(
    make: Callable[[bytes], Delivery], body: bytes
) -> None:
    rejected = refused(make(body))

    assert rejected.status == 400
    assert len(rejected.why) < 200
    assert BEFORE not in rejected.why
    assert len(body) < 8 or body.decode("latin-1") not in rejected.why
