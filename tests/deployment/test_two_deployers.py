"""Two deployers of one site: one wins, the other says who, where and since when."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from deployer.deployment import record
from deployer.deployment.deploy import unlock
from deployer.deployment.record import Record
from deployer.errors import SiteBusy
from deployer.model.deployment import Status
from deployer.model.manifest import Manifest, Pending
from tests.deployment.release_scenario import check_release, commit_release, release_stage
from tests.deployment.stage import WSGI, Stage, stage


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path, wsgi="wsgi.py") as opened:
        yield opened


def claim(place: Stage, *, expires_in: timedelta, paths: tuple[str, ...] = ()) -> Manifest:
    """Somebody else's claim, as their deployer would have written it."""
    now = datetime.now(UTC)
    pending = Pending(
        deployment="20260101-000000-theirs",
        owner="another",
        who="bob@laptop",
        commit="d" * 40,
        started=now,
        expires=now + expires_in,
        paths=paths,
        settings=False,
    )
    claimed = place.manifest().with_pending(pending)
    place.sandbox.disk.write(place.site.manifest_path, claimed.dump())
    return claimed


def test_an_unexpired_claim_of_somebody_else_keeps_us_out_and_names_them(place: Stage) -> None:
    place.repo.commit({"wsgi.py": WSGI})
    place.sync()
    claim(place, expires_in=timedelta(minutes=5))
    place.repo.commit({"a": "x"})

    with pytest.raises(SiteBusy, match="bob@laptop: commit dddddddddd") as failure:
        place.sync()

    assert "deployer unlock" in failure.value.hint
    assert "a" not in place.on_disk()


def test_a_claim_whose_lease_has_ended_is_taken_over_and_what_it_touched_is_sent_again(place: Stage) -> None:
    place.repo.commit({"wsgi.py": WSGI, "a": "x", "b": "x"})
    place.sync()
    place.put("a", "half of something")
    claim(place, expires_in=timedelta(seconds=-1), paths=("/home/alice/mysite/a",))

    outcome = place.sync()

    assert place.on_disk()["a"] == b"x"
    assert outcome.plan.counts() == {"update": 1, "reload": 1}


def test_unlock_breaks_a_claim_and_keeps_its_doubts(place: Stage) -> None:
    place.repo.commit({"wsgi.py": WSGI, "a": "x"})
    place.sync()
    place.put("a", "half of something")
    claim(place, expires_in=timedelta(minutes=5), paths=("/home/alice/mysite/a",))

    with place.work() as work:
        broken = unlock(work)
    place.sync()

    assert broken is not None
    assert broken.who == "bob@laptop"
    assert place.on_disk()["a"] == b"x"
    with place.work() as work:
        assert unlock(work) is None


def test_whoever_finds_another_claim_when_reading_back_gives_way(place: Stage) -> None:
    place.repo.commit({"wsgi.py": WSGI})
    place.sync()
    place.repo.commit({"a": "x"})
    with place.work() as work:
        ours = Record(place.site, work.api)
        manifest = ours.read()
        now = datetime.now(UTC)
        pending = Pending(
            deployment="ours",
            owner=work.state.owner,
            who="us",
            commit="c" * 40,
            started=now,
            expires=now + timedelta(minutes=10),
            paths=(),
            settings=False,
        )

        def they_write(_: float) -> None:
            claim(place, expires_in=timedelta(minutes=5))

        with pytest.raises(SiteBusy, match="bob@laptop"):
            ours.claim(manifest, pending, they_write)


def test_a_record_that_changed_while_we_were_planning_is_not_overwritten(place: Stage) -> None:
    place.repo.commit({"wsgi.py": WSGI})
    place.sync()
    with place.work() as work:
        ours = Record(place.site, work.api)
        manifest = ours.read()
        ours._seen_at -= 60
        theirs = claim(place, expires_in=timedelta(minutes=5))
        now = datetime.now(UTC)
        pending = Pending(
            deployment="ours",
            owner=work.state.owner,
            who="us",
            commit="c" * 40,
            started=now,
            expires=now + timedelta(minutes=10),
            paths=(),
            settings=False,
        )

        with pytest.raises(SiteBusy, match="bob@laptop"):
            ours.claim(manifest, pending, lambda _: None)

    assert place.manifest().pending == theirs.pending


def test_a_claim_is_renewed_before_its_lease_ends_and_lost_when_it_was_broken(place: Stage) -> None:
    place.repo.commit({"wsgi.py": WSGI})
    place.sync()
    with place.work() as work:
        record = Record(place.site, work.api)
        fresh = claim(place, expires_in=timedelta(minutes=9))
        with place.counted() as requests:
            assert record.renew(fresh) is fresh
        assert not requests
        old = claim(place, expires_in=timedelta(minutes=1))
        renewed = record.renew(old)
        assert renewed.pending is not None
        assert renewed.pending.expires > datetime.now(UTC) + timedelta(minutes=9)
        place.sandbox.disk.write(place.site.manifest_path, old.with_pending(None).dump())
        with pytest.raises(SiteBusy):
            record.renew(old)


def test_our_own_cut_off_deployment_never_locks_us_out(place: Stage) -> None:
    place.repo.commit({"wsgi.py": WSGI, "a": "x"})
    place.sync()
    with place.work() as work:
        owner = work.state.owner
    claimed = claim(place, expires_in=timedelta(minutes=5), paths=("/home/alice/mysite/a",))
    assert claimed.pending is not None
    text = claimed.dump().replace(b'"owner":"another"', f'"owner":"{owner}"'.encode())
    place.sandbox.disk.write(place.site.manifest_path, text)

    assert place.sync().deployment.status is Status.LIVE


def test_a_record_that_needs_no_claim_does_not_wipe_out_somebody_elses(place: Stage) -> None:
    place.repo.commit({"wsgi.py": WSGI})
    place.sync()
    with place.work() as work:
        ours = Record(place.site, work.api)
        manifest = ours.read()
        ours._seen_at -= 60
        theirs = claim(place, expires_in=timedelta(minutes=5))

        with pytest.raises(SiteBusy, match="bob@laptop"):
            ours.write_unclaimed(manifest)

    assert place.manifest().pending == theirs.pending


def test_who_sends_an_archive_while_another_deploys_leaves_their_release_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The archive goes up before the claim, and may take minutes."""
    monkeypatch.setattr(record, "FRESH_S", 0.0)
    with release_stage(tmp_path) as place:
        commit_release(place, 1)
        place.sync()
        ours = commit_release(place, 2)
        theirs = commit_release(place, 3)

        def they_deploy() -> None:
            place.check_stop = lambda: None
            place.state = "theirs"
            place.sync(theirs)

        place.check_stop = they_deploy

        with pytest.raises(SiteBusy):
            place.sync(ours)

        check_release(place, 3, theirs)


def test_two_who_send_the_same_commit_send_archives_of_different_names_from_different_bases(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What one has ordered is not overwritten by what the other sends."""
    monkeypatch.setattr(record, "FRESH_S", 0.0)
    with release_stage(tmp_path) as place:
        commit_release(place, 1)
        place.sync()
        two = commit_release(place, 2)
        three = commit_release(place, 3)

        def they_deploy() -> None:
            place.check_stop = lambda: None
            place.state = "theirs"
            place.sync(two)
            place.sync(three)

        place.check_stop = they_deploy

        with pytest.raises(SiteBusy):
            place.sync(three)

        names = {path.name for path in (place.target.parent / ".deployer").rglob(f"{three[:12]}-*.zip")}
        assert len(names) == 2
        check_release(place, 3, three)
