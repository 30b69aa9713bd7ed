"""`make bench`: what deployments cost, how long planning takes, and what the daemon needs.

Beside the bars of the design; ends with 1 when one is not kept.
"""

import os
import sys
import tempfile
from io import StringIO
from pathlib import Path

from deployer.events import configure
from tests.bench import daemon, planning, releases, scenarios
from tests.bench.bars import Bar
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
from tests.builders.git import ENVIRONMENT


def main() -> int:
    os.environ.update(ENVIRONMENT)
    configure(level="warning")
    bars = [*_costs(), *_releases(), *_visitors(), *_races(), *_daemon()]
    over = [bar for bar in bars if not bar.holds]
    _say("", f"{len(bars) - len(over)} of {len(bars)} bars are kept")
    return 1 if over else 0


def _costs() -> list[Bar]:
    _say("What a deployment costs: requests and bytes of bodies as the sandbox counted them; the time")
    _say("that the plan announced under the platform's limit, that the limit imposes on all requests")
    _say("that were made (the reading that made the plan included), and our own, the site's answer included.")
    _say("", COST_HEAD)
    bars: list[Bar] = []
    for files in scenarios.STORIES:
        with tempfile.TemporaryDirectory(prefix="deployer-bench-") as folder:
            for cost in scenarios.tell(Path(folder), files):
                _say(*cost_lines(cost))
                bars += cost.bars
    return bars


def _releases() -> list[Bar]:
    size = f"{releases.FILES:,} files"
    _say("", f"Both strategies and the platform's own library under the real limit: {size}, no mappings, no")
    _say("tasks. The sandbox keeps the limit; its minutes pass at once whenever a client waits, and count.")
    _say("", RUN_HEAD)
    bars: list[Bar] = []
    for run in releases.runs(releases.FILES):
        _say(*run_lines(run))
        bars += [run.bar] if run.bar is not None else []
    return bars


def _visitors() -> list[Bar]:
    _say("", "What somebody sees who asks for page and static file in turns, every 10 ms, through")
    _say(f"{releases.DEPLOYMENTS} deployments without the limit, of which some fail and some go back.")
    _say("")
    configure(stream=StringIO())  # that some fail is no news
    bars: list[Bar] = []
    for way, sight, bar in releases.sights(releases.DEPLOYMENTS):
        _say(f"{way:32}{sight}")
        bars += [bar] if bar is not None else []
    configure(level="warning")
    return bars


def _races() -> list[Bar]:
    _say("", "Planning one changed file, in turns with git itself through GitPython: medians, and the ratio")
    _say("of each turn. The plan is timed from the record's bytes and the tree answer at hand.")
    _say("", RACE_HEAD)
    bars: list[Bar] = []
    for files in planning.SIZES:
        for race in planning.measure(files):
            _say(*race_lines(race))
            bars += [race.bar] if race.bar is not None else []
    return bars


def _daemon() -> list[Bar]:
    _say("", "`deployer run` as a process: from `git push` returning to the first request that writes, which")
    _say("claims the site, and to the first file, a second later because a claim settles for a second; and")
    _say(f"what it takes of the machine in {daemon.IDLE_S:g} s without anything to do.")
    _say("", FIGURE_HEAD)
    bars: list[Bar] = []
    for figure in daemon.measure():
        _say(*figure_lines(figure))
        bars += [figure.bar] if figure.bar is not None else []
    return bars


def _say(*lines: str) -> None:
    for line in lines:
        sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
