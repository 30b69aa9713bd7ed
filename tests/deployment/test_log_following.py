"""A log that is followed: every line is shown once and in order, whatever becomes of the file."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deployer.deployment.log_following import GIVE_WAY_S, LONGEST_S, Following
from deployer.model.endpoints import Endpoint
from deployer.pythonanywhere import PythonAnywhere
from tests.deployment.stage import stage

LOG = "/var/log/alice.pythonanywhere.com.error.log"


@dataclass(slots=True)
class Scene:
    """A log on a sandbox's disk and somebody who follows it."""

    file: Path
    api: PythonAnywhere
    following: Following | None = None
    notes: list[str] = field(default_factory=list)

    def look(self) -> str:
        """What has come; the notes are kept apart. The first look begins it."""
        if self.following is None:
            self.following = Following(self.api, LOG, self.file.read_bytes() if self.file.exists() else None)
            return ""
        news = list(self.following.look())
        self.notes += [each for each in news if isinstance(each, str)]
        return " ".join(line for each in news if not isinstance(each, str) for line in each.lines)

    def append(self, text: str) -> None:
        with self.file.open("a") as log:
            log.write(text)

    def rotate(self) -> None:
        self.file.replace(self.file.with_name(f"{self.file.name}.1"))

    def clear(self) -> None:
        for file in self.file.parent.iterdir():
            file.unlink()
        self.following, self.notes = None, []


@pytest.fixture(scope="module")
def opened(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    with stage(tmp_path_factory.mktemp("followed")) as place, place.work() as work:
        yield Scene(place.sandbox.disk.real(LOG), work.api)


@pytest.fixture
def scene(opened: Scene) -> Scene:
    opened.clear()
    return opened


def test_only_what_is_new_is_shown(scene: Scene) -> None:
    scene.append("one\n")
    scene.look()

    assert scene.look() == ""
    scene.append("two\nthree\n")
    assert scene.look() == "two three"
    assert scene.look() == ""
    assert scene.notes == []


def test_half_a_line_is_shown_once_it_is_whole_or_stays_as_it_is(scene: Scene) -> None:
    scene.append("one\ntw")
    scene.look()
    scene.append("o\nthr")
    assert scene.look() == "two"
    scene.append("ee\nand the e")
    assert scene.look() == "three"
    scene.append("nd")
    assert scene.look() == ""
    assert scene.look() == "and the end"
    assert scene.look() == ""


def test_after_a_rotation_the_rest_of_the_old_file_comes_first(scene: Scene) -> None:
    scene.append("one\n")
    scene.look()
    scene.append("two\nhalf a line")
    scene.rotate()
    scene.append("three\n")

    assert scene.look() == "two half a line three"
    assert scene.notes == [f"{LOG} was rotated"]


def test_a_rotated_log_that_is_not_there_yet_is_waited_for(scene: Scene) -> None:
    scene.append("one\n")
    scene.look()
    scene.append("two\n")
    scene.rotate()

    assert scene.look() == "two"
    assert scene.look() == ""
    scene.append("three\n")
    assert scene.look() == "three"
    assert scene.notes == [
        f"{LOG} was rotated; nothing has been written since",
        f"{LOG} is there now",
    ]


@pytest.mark.parametrize(
    ("after", "told"), [("new\n", "cut short"), ("other one\nand more\n", "written anew")]
)
def test_a_log_that_was_emptied_or_replaced_is_shown_from_its_beginning(
    scene: Scene, after: str, told: str
) -> None:
    scene.append("one two\n")
    scene.file.with_name(f"{scene.file.name}.1").write_text("an old one, which nobody asked for\n")
    scene.look()
    scene.file.write_text(after)

    assert scene.look() == after.replace("\n", " ").strip()
    assert len(scene.notes) == 1
    assert told in scene.notes[0]


def test_a_deleted_log_is_told_of_once_and_followed_when_it_is_back(scene: Scene) -> None:
    scene.append("one\n")
    scene.file.with_name(f"{scene.file.name}.1").write_text("older\n")
    scene.look()
    scene.file.unlink()

    assert (scene.look(), scene.look()) == ("", "")
    scene.append("two\n")
    assert scene.look() == "two"
    assert scene.notes == [f"{LOG} was deleted; nothing has been written since", f"{LOG} is there now"]


def test_a_log_that_was_never_there_is_followed_from_its_first_line(scene: Scene) -> None:
    scene.look()
    assert scene.look() == ""
    scene.append("one\n")
    assert scene.look() == "one"


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.lists(st.sampled_from(["line", "lines", "rotate"]), max_size=4), max_size=6))
def test_every_line_is_shown_once_and_in_order(scene: Scene, between_looks: list[list[str]]) -> None:
    """What happens between each two looks, with one rotation at most: more of them come hours apart."""
    scene.clear()
    scene.append("first\n")
    scene.look()
    written: list[str] = []
    shown: list[str] = []
    for happened in between_looks:
        rotated = False
        for each in happened:
            if each == "rotate" and not rotated:
                scene.rotate()
                rotated = True
            for _ in range({"line": 1, "lines": 3, "rotate": 1}[each]):
                written.append(f"line-{len(written)}")
                scene.append(f"{written[-1]}\n")
        shown += scene.look().split()

    assert shown == written


def test_looks_are_few_and_fewer_for_a_large_log(tmp_path: Path) -> None:
    with stage(tmp_path) as place:
        place.per_minute = 40
        with place.work() as work:
            small, large, huge = (
                Following(work.api, LOG, b"x" * length) for length in (100, 4_000_000, 30_000_000)
            )

        assert small.interval_s == 15
        assert small.interval_s < large.interval_s < huge.interval_s == LONGEST_S


def test_a_look_waits_while_a_deployment_uses_the_limit(tmp_path: Path) -> None:
    waits: list[float] = []
    with stage(tmp_path) as place:
        place.per_minute = 40
        with place.work() as work:
            following = Following(work.api, LOG, b"")
            following.wait(waits.append)
            for _ in range(30):
                slot = work.api.budget.acquire(Endpoint.FILES_PATH, bound_s=1)
                work.api.budget.complete(slot)
            following.wait(waits.append)

    idle, given_way = waits[1], waits[3]
    assert idle == 0
    assert 50 < given_way <= GIVE_WAY_S
