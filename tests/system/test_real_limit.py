"""The platform's real limit, 40 requests a minute for each endpoint: kept, used up, and shared."""

from collections import Counter
from contextlib import ExitStack
from pathlib import Path
from time import monotonic

import pytest

from deployer.sandbox import Switches
from tests.builders.git import GitRepo
from tests.cli.project import CONFIG, WSGI, Project
from tests.system.account import account, running

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

REAL = Switches()
PER_MINUTE = 40
ENOUGH_S = 200.0


def site(number_of_files: int, config: str = CONFIG) -> dict[str, bytes | str | None]:
    files = {f"static/{number:03}.css": f"{number}" for number in range(number_of_files - 2)}
    return {"pythonanywhere.toml": config, "wsgi.py": WSGI, **files}


def refused(project: Project) -> list[str]:
    """Requests that came too soon."""
    project.sandbox.requests.wait_idle()
    return [entry.path for entry in project.sandbox.requests.list() if entry.status == 429]


def imposed_s(project: Project) -> float:
    """The time that nobody could have been faster in: every 40 requests of an endpoint fill a minute."""
    counts = Counter(entry.endpoint for entry in project.sandbox.requests.list())
    return max((count - 1) // PER_MINUTE * 60.0 for count in counts.values())


def test_a_first_deployment_of_seventy_files_takes_the_time_that_the_limit_imposes(tmp_path: Path) -> None:
    with account(tmp_path, switches=REAL) as place:
        place.commit(site(70))

        began = monotonic()
        with running(place, "sync") as sync:
            ended = sync.ended(ENOUGH_S)
        took_s = monotonic() - began

        assert ended.status == 0, ended.err
        assert refused(place) == []
        assert imposed_s(place) == 60
        assert imposed_s(place) < took_s <= 1.1 * imposed_s(place)


def test_two_sites_of_one_account_deployed_at_once_share_the_limit(tmp_path: Path) -> None:
    with account(tmp_path, plan="paid", switches=REAL) as place, ExitStack() as opened:
        other = GitRepo(tmp_path / "other")
        place.commit(site(22))
        other.commit(site(22, CONFIG.replace("~/mysite", '~/other"\ndomain = "www.example.org')))

        began = monotonic()
        both = [
            opened.enter_context(running(place, "sync", name="first")),
            opened.enter_context(running(place, "sync", repo=other, name="second")),
        ]
        ended = [sync.ended(ENOUGH_S) for sync in both]
        took_s = monotonic() - began

        assert [each.status for each in ended] == [0, 0], ended
        assert refused(place) == []
        assert imposed_s(place) == 60
        assert took_s <= 1.1 * imposed_s(place)
        for folder in ("mysite", "other"):
            assert len([*place.sandbox.disk.real(f"/home/alice/{folder}/static").iterdir()]) == 20
