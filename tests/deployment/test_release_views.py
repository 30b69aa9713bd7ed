"""What is told of releases, and what becomes of the files that a site had before it had any."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.deployment.adopt import adopt
from deployer.deployment.overview import overview
from deployer.deployment.release_list import Releases, ReleaseState, list_releases
from deployer.deployment.verify import heal, verify
from deployer.errors import Refused, RolledBack, UsageError
from deployer.model.actions import SendRelease, UpdateMapping
from deployer.model.site import FileRules, ReleaseRules, Site, StaticMapping, WebAppSettings
from deployer.sandbox import Switches
from tests.deployment.stage import UNLIMITED, Stage, stage
from tests.deployment.test_releases import commit, page, release_site

TARGET = "/home/alice/mysite"
BAD = {"version.py": "import nowhere\n"}


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Stage]:
    yield from release_site(tmp_path)


def listed(site: Stage) -> Releases:
    with site.work() as work:
        return list_releases(work)


def states(site: Stage) -> dict[str, ReleaseState]:
    return {each.subject or "": each.state for each in listed(site).releases}


def moved_to_releases(site: Stage, **flat: str) -> Site:
    """A site that was deployed by file, and is to have releases from now on. Returns it as it was."""
    wanted = site.site
    site.change_site(releases=None, files=FileRules(), webapp=WebAppSettings(source_directory=TARGET))
    before = site.site
    site.sites[commit(site, "flat", **flat)] = before
    site.sync()
    site.site = wanted
    return before


class TestTheList:
    def test_tells_what_is_live_what_each_holds_and_where_rollback_goes(self, site: Stage) -> None:
        one = commit(site, "one", big="x" * 10_000)
        site.sync()
        commit(site, "two", big="x" * 10_000)
        site.sync()
        with site.counted() as requests:
            seen = listed(site)
        assert sum(requests.values()) == 2
        new, old = seen.releases
        assert (new.subject, new.state, old.subject, old.state) == ("two", "live", "one", "kept")
        assert new.files == old.files == 4
        assert new.bytes is not None
        assert new.adds_bytes is not None
        assert old.adds_bytes is not None
        assert new.adds_bytes < 100
        assert new.bytes > 10_000
        assert old.adds_bytes == old.bytes
        assert seen.current == new.id
        assert (seen.rollback_to, seen.rollback_release) == (one, old.id)

    def test_a_release_that_failed_is_told_with_its_reason(self, site: Stage) -> None:
        commit(site, "one")
        site.sync()
        site.repo.commit(BAD, message="bad")
        with pytest.raises(RolledBack):
            site.sync()
        found = {each.subject: each for each in listed(site).releases}
        assert found["bad"].state is ReleaseState.FAILED
        assert "nowhere" in (found["bad"].failed or "")
        assert found["one"].state is ReleaseState.LIVE

    def test_a_release_that_somebody_removed_is_gone_and_sent_again(self, site: Stage) -> None:
        commit(site, "one")
        site.sync()
        commit(site, "two")
        site.sync()
        commit(site, "three")
        old = next(each.id for each in listed(site).releases if each.subject == "one")
        for path in sorted((site.target / "releases" / old).rglob("*"), reverse=True):
            path.unlink()
        (site.target / "releases" / old).rmdir()
        site.sync()
        assert states(site)["one"] is ReleaseState.GONE
        site.rollback(old)
        assert page(site) == "200 one one"

    def test_a_site_without_releases_says_how_it_gets_some(self, site: Stage) -> None:
        site.change_site(releases=None)
        commit(site, "one")
        with pytest.raises(UsageError, match="no releases") as failure:
            listed(site)
        assert "strategy" in failure.value.hint


class TestGoingBack:
    def test_to_any_kept_release_without_a_file_in_five_requests(self, site: Stage) -> None:
        for name in ("one", "two", "three"):
            commit(site, name)
            site.sync()
        oldest = listed(site).releases[-1]
        with site.counted() as requests:
            outcome = site.rollback(oldest.id[:16])
        assert page(site) == "200 one one"
        assert sum(requests.values()) <= 5
        assert (outcome.plan.release, outcome.plan.sending) == (oldest.id, None)

    def test_to_one_that_failed_only_by_force(self, site: Stage) -> None:
        commit(site, "one")
        site.sync()
        bad = site.repo.commit(BAD, message="bad")
        with pytest.raises(RolledBack):
            site.sync()
        with pytest.raises(Refused, match="--force"):
            site.rollback(bad[:12])
        assert page(site) == "200 one one"


class TestThePlan:
    def test_counts_what_changes(self, site: Stage) -> None:
        commit(site, "one", a="a", b="b")
        site.sync()
        site.repo.commit({"a": "changed", "b": None, "c": "c"}, message="two")
        plan = site.plan().plan
        sending = plan.sending
        assert isinstance(sending, SendRelease)
        assert (sending.new, sending.changed, sending.gone, sending.files) == (1, 1, 1, 5)
        assert sending.content_bytes == len("changed") + len("c")
        assert plan.reload is not None
        assert f"switches to release {plan.release}" in plan.reload.reason

    def test_refuses_names_that_are_the_deployers_own(self, site: Stage) -> None:
        moved_to_releases(site, releases__notes="of the site")
        commit(site, "one")
        with pytest.raises(Refused, match="releases need that name"):
            site.sync()

    def test_a_shipped_secret_stops_it(self, site: Stage) -> None:
        commit(site, "one", **{".env": "TOKEN=1"})
        with pytest.raises(Refused, match=r"\.env"):
            site.sync()


@pytest.mark.parametrize(
    "switches",
    [
        UNLIMITED,
        Switches(rate_limit="off", tree_entries="all", directory_links="symlink", tree_depth="two-levels"),
    ],
    ids=["links-hidden", "links-shown"],
)
def test_status_misses_files_of_a_release_and_verify_puts_them_right(
    tmp_path: Path, switches: Switches
) -> None:
    for site in release_site(tmp_path, switches=switches):
        commit(site, "one", static__a="a")
        site.sync()
        with site.work() as work:
            assert "all names of 4 files" in overview(work).drift
        (site.target / "current/static/a").unlink()
        with site.work() as work:
            seen = overview(work)
            assert "static/a" in seen.drift
            assert "verify --heal" in seen.drift
            found = verify(work)
            assert [str(each) for each in found.differences] == ["static/a: missing"]
            outcome = heal(work, found)
        before, after = seen.release, outcome.plan.release
        assert before is not None
        assert after is not None
        assert before != after
        assert (site.target / "current/static/a").read_text() == "a"
        with site.counted() as nothing:
            site.sync()
        assert sum(nothing.values()) <= 2
        with site.work() as work:
            assert verify(work).differences == ()


class TestFlatFiles:
    def test_go_with_the_second_release_but_for_what_is_not_as_it_was_sent(self, site: Stage) -> None:
        moved_to_releases(site, static__a="a", static__b="b", static__deep__c="c", media__photo="sent")
        site.put("static/own", "the site's")
        site.put("static/b", "edited")
        site.put("__pycache__/version.cpython-311.pyc", "bytecode")
        site.change_site(releases=ReleaseRules(keep=2, shared=("media/",)))
        commit(site, "one")
        site.sync()
        assert (site.target / "static/a").exists()
        commit(site, "two")
        outcome = site.sync()
        left = {
            path.relative_to(site.target).parts[0]
            for path in site.target.rglob("*")
            if "releases" not in path.parts
        }
        assert left == {"current", "shared", "static", "media"}
        assert {path.name for path in (site.target / "static").iterdir()} == {"b", "own"}
        assert (site.target / "shared/media/photo").read_text() == "sent"
        assert any("1 file " in note.reason for note in outcome.notes)
        assert site.manifest().flat == {}
        assert page(site) == "200 two two"

    def test_stay_until_then_so_that_the_way_back_sends_nothing(self, site: Stage) -> None:
        moved_to_releases(site, **{f"data__{n}": str(n) for n in range(50)})
        commit(site, "one")
        site.sync()
        with site.counted() as requests:
            outcome = site.rollback()
        assert page(site) == "200 flat flat"
        assert not any(action.kind in {"create", "update"} for action in outcome.plan.actions)
        assert sum(requests.values()) < 20

    def test_are_taken_over_by_adopt(self, site: Stage) -> None:
        moved_to_releases(site, static__a="a")
        site.sandbox.disk.real(site.site.manifest_path).unlink()
        with site.work() as work:
            found = adopt(work, work.repository.resolve("main"))
        assert (found.same, found.missing) == (4, ())
        for name in ("one", "two"):
            commit(site, name)
            site.sync()
        assert not (site.target / "static/a").exists()
        assert page(site) == "200 two two"


def test_exact_static_mappings_name_the_release_that_is_live(site: Stage) -> None:
    site.change_site(
        releases=ReleaseRules(static="exact"),
        static=(StaticMapping(url="/static/", path=f"{TARGET}/current/static/"),),
    )
    ids = []
    for name in ("one", "two"):
        commit(site, name, static__a=name)
        outcome = site.sync()
        ids.append(outcome.plan.release)
    assert sum(isinstance(action, UpdateMapping) for action in outcome.plan.actions) == 1
    with site.counted() as nothing:
        site.sync()
    assert sum(nothing.values()) <= 2
    site.rollback()
    with site.work() as work:
        (mapping,) = work.api.static_files.list(site.site.domain)
    assert mapping.path == f"{TARGET}/releases/{ids[0]}/static/"


def test_a_site_that_the_platform_serves_alone_can_have_releases(tmp_path: Path) -> None:
    with stage(
        tmp_path,
        files=FileRules(links="keep"),
        webapp=WebAppSettings(),
        static=(StaticMapping(url="/", path=f"{TARGET}/current/"),),
        releases=ReleaseRules(keep=1),
    ) as site:
        site.pause = time.sleep
        for name in ("one", "two"):
            site.repo.commit({"index.html": name}, message=name)
            site.sync()
            assert page(site) == f"200 {name}"
        site.rollback()
        assert page(site) == "200 one"
