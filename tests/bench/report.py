"""The bench as text: one line for each figure, its bars beside it."""

from collections.abc import Iterator
from textwrap import wrap

from tests.bench.daemon import Figure
from tests.bench.planning import Race
from tests.bench.releases import Run
from tests.bench.scenarios import Cost

INDENT = " " * 12
COST_HEAD = (
    f"{'site':12}{'deployment':29}{'requests':>9}{'sent':>12}{'received':>12}"
    f"{'planned':>10}{'limit':>9}{'own time':>10}"
)
RACE_HEAD = f"{'files':>8}  {'ours':37}{'time':>9}   {'git':18}{'time':>9}{'ratio':>8}   middle half"
RUN_HEAD = f"{'way':12}{'deployment':29}{'requests':>9}{'sent':>14}{'took':>16}"
FIGURE_HEAD = f"{'the daemon':49}{'median':>12}{'worst':>12}{'rounds':>9}"


def cost_lines(cost: Cost) -> Iterator[str]:
    yield (
        f"{cost.site:12}{cost.scenario:29}{cost.total:>9,}"
        f"{cost.bytes_sent:>10,} B{cost.bytes_received:>10,} B"
        f"{cost.planned_s:>8,.0f} s{cost.imposed_s:>7,.0f} s{cost.seconds:>8.2f} s"
    )
    counted = ", ".join(f"{count:,} {name}" for name, count in sorted(cost.requests.items()))
    yield from wrap(counted, width=len(COST_HEAD), initial_indent=INDENT, subsequent_indent=INDENT)
    yield from (f"{INDENT}{bar}" for bar in cost.bars)


def run_lines(run: Run) -> Iterator[str]:
    minutes, seconds = divmod(run.took_s, 60)
    took = f"{minutes:.0f} min {seconds:04.1f} s" if minutes else f"{seconds:.1f} s"
    yield f"{run.way:12}{run.deployment:29}{run.requests:>9,}{run.bytes_sent:>12,} B{took:>16}"
    if run.end:
        yield f"{INDENT}{run.end}"
    if run.bar is not None:
        yield f"{INDENT}{run.bar}"


def race_lines(race: Race) -> Iterator[str]:
    low, high = race.spread
    yield (
        f"{race.files:>8,}  {race.name:37}{_ms(race.ours_s)}   {race.against:18}{_ms(race.gits_s)}"
        f"{race.ratio:>8.2f}   {low:.2f} to {high:.2f}"
    )
    if race.bar is not None:
        yield f"{INDENT}{race.bar}"


def figure_lines(figure: Figure) -> Iterator[str]:
    median, worst = f"{figure.median:,.1f} {figure.unit}", f"{figure.worst:,.1f} {figure.unit}"
    yield f"{figure.name:49}{median:>12}{worst:>12}{figure.rounds:>9}"
    if figure.bar is not None:
        yield f"{INDENT}{figure.bar}"


def _ms(seconds: float) -> str:
    return f"{1000 * seconds:>6,.1f} ms"
