"""The bench tells what a deployment costs; here its smallest story, of which every count is known."""

from pathlib import Path
from time import perf_counter

import pytest

from tests.bench.bars import Bar
from tests.bench.daemon import Arrivals, Figure
from tests.bench.planning import Course, Race
from tests.bench.releases import Run, runs
from tests.bench.report import (
    COST_HEAD,
    FIGURE_HEAD,
    RACE_HEAD,
    RUN_HEAD,
    cost_lines,
    figure_lines,
    race_lines,
    run_lines,
)
from tests.bench.scenarios import Cost, tell
from tests.deployment.stage import WSGI, stage


@pytest.fixture(scope="module")
def story(tmp_path_factory: pytest.TempPathFactory) -> list[Cost]:
    return list(tell(tmp_path_factory.mktemp("bench"), 10))


def test_a_first_deployment_and_one_without_a_change_cost_just_these_requests(story: list[Cost]) -> None:
    first, nothing = story

    assert first.requests == {
        "GET files/path{path}": 2,
        "GET files/tree/": 1,
        "GET webapps/": 1,
        "GET websites/": 1,
        "GET schedule/": 1,
        "GET webapps/{domain}/static_files/": 1,
        "POST files/path{path}": 10 + len(["the WSGI file", "the intent", "the record"]),
        "POST webapps/": 1,
        "PATCH webapps/{domain}/": 1,
        "POST webapps/{domain}/static_files/": 1,
        "POST schedule/": 1,
        "POST webapps/{domain}/reload/": 1,
    }
    assert nothing.requests == {"GET files/path{path}": 1, "GET files/tree/": 1}
    assert [bar.holds for bar in nothing.bars] == [True, True]


def test_requests_and_bytes_are_the_same_in_every_run(story: list[Cost], tmp_path: Path) -> None:
    again = tell(tmp_path, 10)

    assert [_counted(cost) for cost in again] == [_counted(cost) for cost in story]
    assert all(cost.bytes_received > 0 for cost in story)


def test_what_is_timed_is_a_whole_plan_whatever_way_it_is_made(tmp_path: Path) -> None:
    with Course(tmp_path, 60) as course:
        assert course.plan() == course.plan_afresh()
        assert course.plan().counts() == {"update": 1, "reload": 1}
        assert [change.path for change in course.compare()] == [course.changed]
        assert course.changes() == course.compare()
        assert course.changed in course.diff_tree()
        assert course.ls_tree().count("\0") == 60


def test_every_figure_has_its_place_under_its_heading(story: list[Cost]) -> None:
    line, counts, *bars = cost_lines(story[1])

    assert len(line) == len(COST_HEAD)
    assert line.split()[:6] == ["10", "files", "nothing", "changed", "2", "0"]
    assert counts.strip() == "1 GET files/path{path}, 1 GET files/tree/"
    assert [bar.strip() for bar in bars] == [
        "requests 2 of at most 2: ok",
        "requests for settings 0 of at most 0: ok",
    ]


def test_a_bar_that_is_not_kept_says_so() -> None:
    bar = Bar(what="ratio", value=2.125, limit=2)
    race = Race(
        files=1_000,
        name="the whole plan",
        against="git diff-tree",
        ours_s=0.0042,
        gits_s=0.002,
        ratios=(2.0, 2.125, 2.5),
        bar=bar,
    )

    line, below = race_lines(race)

    assert not bar.holds
    assert below.strip() == "ratio 2.125 of at most 2: OVER"
    assert line.split() == [
        "1,000",
        "the",
        "whole",
        "plan",
        "4.2",
        "ms",
        "git",
        "diff-tree",
        "2.0",
        "ms",
        "2.12",
        "2.00",
        "to",
        "2.50",
    ]
    assert RACE_HEAD.index("middle half") == line.index("2.00 to 2.50")


def test_a_figure_of_the_daemon_stands_under_its_heading_with_its_bar_below() -> None:
    bar = Bar(what="push to the first upload, ms", value=70.8, limit=300)
    figure = Figure(name="push to the first upload", unit="ms", median=70.8, worst=106.1, rounds=10, bar=bar)

    line, below = figure_lines(figure)

    assert line.split()[-5:] == ["70.8", "ms", "106.1", "ms", "10"]
    assert len(line) == len(FIGURE_HEAD)
    assert below.strip() == "push to the first upload, ms 70.8 of at most 300: ok"


def test_both_strategies_and_the_platforms_library_run_under_the_limit_whose_minutes_pass_at_once() -> None:
    ended = list(runs(45))

    counts = {(run.way, run.deployment): run.requests for run in ended}
    assert [count for (way, _), count in counts.items() if way == "release"] == [9, 1, 6, 6, 6, 5]
    assert [count for (way, _), count in counts.items() if way == "files"] == [55, 2, 7, 16, 52, 52]
    took = {way: run.took_s for run in ended if run.deployment == "first deployment" for way in [run.way]}
    assert took["release"] < 60 < took["files"] < 120
    assert "40 of 45 files arrived, then" in ended[-1].end
    assert "Request was throttled" in ended[-1].end
    assert all(run.bar.holds for run in ended if run.bar)


def test_a_long_deployment_stands_under_its_heading_in_minutes() -> None:
    run = Run(way="files", deployment="first deployment", requests=1_010, bytes_sent=314_390, took_s=1502.9)

    (line,) = run_lines(run)

    assert len(line) == len(RUN_HEAD)
    assert line.split()[3:] == ["1,010", "314,390", "B", "25", "min", "02.9", "s"]


def test_an_upload_arrived_when_it_began_and_not_when_it_was_answered(tmp_path: Path) -> None:
    arrivals = Arrivals()
    with stage(tmp_path, wsgi="wsgi.py") as place:
        place.sandbox.requests._follow = arrivals
        place.repo.commit({"wsgi.py": WSGI})
        place.sync()
        claimed, sent = arrivals.first(), arrivals.first("/mysite/wsgi.py")
        arrivals.clear()

        assert claimed < sent < perf_counter()
        assert arrivals.arrived("/mysite/wsgi.py") is None


def _counted(cost: Cost) -> tuple[str, dict[str, int], int]:
    return cost.scenario, dict(cost.requests), cost.bytes_sent
