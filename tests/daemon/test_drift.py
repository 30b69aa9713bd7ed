"""The drift watch: finds what others changed, a little at a time, and is in nobody's way."""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from deployer.daemon.drift import DriftWatch
from deployer.daemon.view import DriftView
from deployer.deployment.record import Record
from deployer.deployment.verify import heal
from deployer.model.endpoints import Endpoint
from deployer.model.overrides import Overrides
from deployer.model.site import FileRules, ScheduledTask, StaticMapping, WebAppSettings
from tests.deployment.stage import WSGI, Stage, stage

STATIC = StaticMapping(url="/static/", path="/home/alice/mysite/static")
NIGHTLY = ScheduledTask(name="nightly", command="true", interval="daily", hour=4, minute=10)
FILES = {"wsgi.py": WSGI, "a": "x", "b": "x", "c/d": "x", ".hidden": "x", "site.db": "first"}
COMPARED = 6
"""All but site.db, and the WSGI file."""


@dataclass
class Watched:
    """A stage, and a daemon's watch of it that can be restarted."""

    stage: Stage
    allowed: list[bool] = field(default_factory=list)
    """What `may_go_on` answers next; nothing left: True."""

    def watch(self) -> DriftWatch:
        def may_go_on() -> bool:
            return self.allowed.pop(0) if self.allowed else True

        return DriftWatch(self.stage.folder / self.stage.state, site="blog", may_go_on=may_go_on)

    def look(self, *, files: int = 10) -> DriftView:
        """By a new process each time."""
        with self.stage.work() as work:
            return self.watch().look(work, files=files)

    def progress(self) -> dict[str, object]:
        file = self.stage.folder / self.stage.state / "drift" / "blog.json"
        content: dict[str, object] = json.loads(file.read_text())
        return content


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Watched]:
    with stage(
        tmp_path,
        wsgi="wsgi.py",
        files=FileRules(keep=("*.db",)),
        static=(STATIC,),
        tasks=(NIGHTLY,),
        webapp=WebAppSettings(source_directory="/home/alice/mysite", force_https=True),
    ) as opened:
        opened.repo.commit(FILES)
        opened.sync()
        yield Watched(opened)


def test_a_site_as_it_was_put_there_shows_nothing_and_nothing_is_written(place: Watched) -> None:
    place.stage.put("site.db", "grown by the site")
    place.stage.put("theirs", "x")

    with place.stage.counted() as requests:
        seen = place.look()

    assert seen.findings == ()
    assert seen.complete
    assert {name.split()[0] for name in requests} == {"GET"}
    # The record, the tree, three families of settings, and each file.
    assert sum(requests.values()) == 1 + 1 + 3 + COMPARED
    assert place.watch().found() is None


def test_several_looks_compare_every_file_whatever_process_takes_them(place: Watched) -> None:
    for path in ("a", "c/d", ".hidden"):
        place.stage.put(path, "somebody else's")

    looks = [place.look(files=2) for _ in range(6)]

    assert not looks[0].complete
    assert looks[-1].complete
    assert set(looks[-1].findings) == {
        "a: different content",
        "c/d: different content",
        ".hidden: different content",
    }


def test_one_look_costs_so_many_downloads(place: Watched) -> None:
    with place.stage.counted() as requests:
        place.look(files=2)

    assert requests["GET files/path{path}"] == 1 + 2
    assert sum(count for name, count in requests.items() if "files/tree" in name) == 1


def test_names_are_seen_at_once_and_a_hidden_one_when_its_turn_comes(place: Watched) -> None:
    (place.stage.target / "c/d").unlink()
    (place.stage.target / ".hidden").unlink()

    first = place.look(files=0)
    for _ in range(COMPARED):
        last = place.look(files=1)

    assert first.findings == ("c/d: missing",)
    assert set(last.findings) == {"c/d: missing", ".hidden: missing"}


def test_a_target_that_is_gone_is_every_file_missing(place: Watched) -> None:
    with place.stage.work() as work:
        work.api.files.delete(place.stage.site.target)

    assert len(place.look(files=0).findings) == len(FILES) - 1


def test_a_tree_that_is_cut_makes_nothing_look_missing(place: Watched) -> None:
    place.stage.repo.commit({f"many/{number:04}": "x" for number in range(1100)})
    place.stage.sync(overrides=Overrides(force=True))

    assert place.look(files=1).findings == ()


def test_what_was_found_is_healed_and_then_gone(place: Watched) -> None:
    place.stage.put("a", "somebody else's")
    (place.stage.target / "b").unlink()
    with place.stage.work() as work:
        work.api.webapps.update(place.stage.site.domain, force_https=False)
        work.api.schedule.delete(work.api.schedule.list()[0].id)
    seen = place.look()

    with place.stage.work() as work:
        found = place.watch().found()
        assert found is not None
        heal(work, found)
    after = place.look(files=1)

    assert set(seen.findings) == {
        "a: different content",
        "b: missing",
        "web app: force_https: changed",
        "task nightly: missing",
    }
    assert after.findings == ()
    assert not after.complete
    assert place.stage.on_disk()["a"] == b"x"


def test_what_somebody_puts_right_by_hand_is_seen_without_a_whole_round(place: Watched) -> None:
    place.stage.put("a", "somebody else's")
    assert place.look().findings == ("a: different content",)
    place.stage.put("a", "x")

    assert place.look(files=2).findings == ()


def test_a_deployment_begins_the_round_anew_and_keeps_what_it_did_not_send(place: Watched) -> None:
    place.stage.put("a", "somebody else's")
    place.stage.put("b", "somebody else's")
    assert place.look().complete
    place.stage.repo.commit({"b": "y", "new": "y"})
    place.stage.sync()

    seen = place.look(files=1)

    assert seen.findings == ("a: different content",)
    assert not seen.complete


def test_a_deployment_that_waits_ends_the_look_and_the_next_one_goes_on(place: Watched) -> None:
    place.stage.put("a", "somebody else's")
    place.allowed = [True] * 7 + [False] * 100  # record, tree, settings, two files

    with place.stage.counted() as requests:
        seen = place.look()
    place.allowed = []

    assert sum(requests.values()) == 7
    assert (seen.findings, seen.complete) == ((), False)
    assert [place.look(files=2).complete for _ in range(3)] == [False, False, True]
    view = place.watch().view()
    assert view is not None
    assert view.findings == ("a: different content",)


def test_nothing_is_asked_while_a_deployment_is_under_way(place: Watched) -> None:
    place.allowed = [False] * 10

    with place.stage.counted() as requests:
        place.look()

    assert sum(requests.values()) == 0
    assert place.watch().view() is None


def test_a_deployment_that_came_between_makes_no_finding(
    place: Watched, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.stage.put("a", "somebody else's")
    reads = []
    read = Record.read

    def deployed_meanwhile(record: Record) -> object:
        reads.append(1)
        if len(reads) == 2:
            monkeypatch.setattr(Record, "read", read)
            place.stage.repo.commit({"b": "y"})
            place.stage.sync()
        return read(record)

    monkeypatch.setattr(Record, "read", deployed_meanwhile)

    assert place.look().findings == ()


@pytest.mark.parametrize("per_minute", [8, 12])
def test_a_quarter_of_every_budget_is_left_free(place: Watched, per_minute: int) -> None:
    place.stage.per_minute = per_minute
    place.stage.put("a", "somebody else's")

    for _ in range(3):
        place.look()
        with place.stage.work() as work:
            for endpoint in Endpoint:
                # One request, to see that what was found is still so, may go beyond.
                assert work.api.budget.free(endpoint) >= per_minute / 4 - 1
        place.stage.clock.sleep(61)

    view = place.watch().view()
    assert view is not None
    assert view.complete
    assert view.findings == ("a: different content",)


def test_before_anything_was_shipped_there_is_nothing_to_find(tmp_path: Path) -> None:
    with stage(tmp_path) as empty:
        seen = Watched(empty).look()

    assert (seen.findings, seen.complete) == ((), False)
