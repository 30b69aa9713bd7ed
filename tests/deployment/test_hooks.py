"""The site's own commands in a deployment: when they run, what they see, and what their failure means."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import requests

from deployer.errors import DeployerError, NeedsPerson, Refused, RolledBack
from deployer.model.deployment import Status
from deployer.model.overrides import Overrides
from deployer.model.site import Hook
from deployer.sandbox import Effect, Fault
from tests.deployment.killing import killed_at
from tests.deployment.stage import WSGI, Stage, stage

HOME = "/home/alice"
LOG = f"{HOME}/log"
CHANGED_A = ("a",)
SECOND = WSGI.replace("hello from the site", "hello from the second")


def says(word: str, *, at: str = "before_reload", changed: tuple[str, ...] = (), then: str = "true") -> Hook:
    """A hook that leaves a word in the log."""
    command = f"echo {word} >> {LOG}; {then}"
    if at == "after_live":
        return Hook(at="after_live", command=command, changed=changed)
    return Hook(at="before_reload", command=command, changed=changed)


def log(place: Stage) -> list[str]:
    path = place.sandbox.disk.real(LOG)
    return path.read_text().split() if path.exists() else []


def answer(place: Stage) -> str:
    return requests.get(place.sandbox.url, headers={"Host": place.site.domain}, timeout=10).text


def open_console(place: Stage) -> int:
    with place.work() as work:
        console = work.api.consoles.create().id
    url = f"{place.sandbox.url}/_sandbox/loaded-consoles"
    assert requests.post(url, json={"id": console}, timeout=10).status_code == 201
    return console


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Stage]:
    """A site with a version live, and a console that runs."""
    with stage(tmp_path, wsgi="wsgi.py") as opened:
        opened.repo.commit({"wsgi.py": WSGI, "a": "one"}, "First")
        opened.sync()
        open_console(opened)
        yield opened


def test_before_the_reload_it_finds_the_new_files_and_the_site_as_it_was(place: Stage) -> None:
    seen = Hook(
        at="before_reload", command="cat a > ~/seen; cat /var/www/alice_pythonanywhere_com_wsgi.py >> ~/seen"
    )
    place.change_site(hooks=(seen,))
    place.repo.commit({"wsgi.py": SECOND, "a": "two"})

    place.sync()

    text = place.sandbox.disk.real(f"{HOME}/seen").read_text()
    if "hello" in text:  # where this machine can show the account its own /var/www
        assert text == f"two{WSGI}"
    assert answer(place) == "hello from the second"


def test_hooks_run_in_their_order_around_the_reload(place: Stage) -> None:
    place.change_site(hooks=(says("last", at="after_live"), says("first"), says("second")))
    place.repo.commit({"a": "two"})

    outcome = place.sync()

    assert log(place) == ["first", "second", "last"]
    kinds = [action.kind for action in outcome.plan.actions]
    assert kinds == ["update", "hook", "hook", "reload", "hook"]
    assert [action.reason for action in outcome.plan.actions if action.kind == "hook"] == 3 * [
        "something changes"
    ]
    assert place.sync().deployment.status is Status.UNCHANGED
    assert len(log(place)) == 3


def test_it_runs_only_when_a_path_that_it_names_changes(place: Stage) -> None:
    place.change_site(hooks=(says("pip", changed=("requirements.txt", "*/migrations/")),))
    place.repo.commit({"requirements.txt": "x"})
    place.sync()
    place.repo.commit({"a": "two"})
    place.sync()
    assert log(place) == ["pip"]
    place.repo.commit({"shop/migrations/0001.py": "x"})
    (hook,) = [each for each in place.plan().plan.actions if each.kind == "hook"]
    assert hook.reason == "shop/migrations/0001.py changes"
    place.sync()
    place.repo.commit({"requirements.txt": None})
    place.sync()
    assert log(place) == ["pip", "pip", "pip"]


def test_one_that_fails_before_the_reload_leaves_the_site_as_it_was(place: Stage) -> None:
    good = place.repo.git("rev-parse", "main")
    place.sites[good] = replace(place.site, hooks=(says("back", changed=CHANGED_A),))
    failing = says("migrate", then="echo the reason why; exit 3")
    place.change_site(hooks=(says("pip", changed=CHANGED_A), failing))
    bad = place.repo.commit({"wsgi.py": SECOND, "a": "two"})

    with place.counted() as asked, pytest.raises(RolledBack) as failure:
        place.sync()

    assert "ended with 3" in failure.value.message
    assert "the reason why" in failure.value.message
    assert "What its hooks have done on the server is not undone." in failure.value.left
    assert [count for request, count in asked.items() if request.endswith("/reload/")] == [1]  # the way back
    assert place.on_disk()["a"] == b"one"
    assert answer(place) == "hello from the site"
    assert log(place) == ["pip", "migrate", "back"]
    manifest = place.manifest()
    assert manifest.live is not None
    assert manifest.failed is not None
    assert (manifest.live.commit, manifest.failed.commit) == (good, bad)
    with pytest.raises(Refused, match="ended with 3"):
        place.sync()


def test_after_a_hook_that_failed_the_next_commit_goes_its_way(place: Stage) -> None:
    place.change_site(hooks=(says("migrate", then="grep -q two a || exit 1"),))
    place.repo.commit({"a": "broken"})
    with pytest.raises(NeedsPerson):  # the hook of the commit that is put back fails in the same way
        place.sync()
    place.repo.commit({"a": "two"})

    assert place.sync().deployment.status is Status.LIVE
    assert place.manifest().failed is None
    assert place.on_disk()["a"] == b"two"


def test_one_that_fails_after_the_check_puts_the_version_before_back(place: Stage) -> None:
    good = place.repo.git("rev-parse", "main")
    place.sites[good] = place.site
    place.change_site(hooks=(says("warm", at="after_live", then="exit 1"),))
    place.repo.commit({"wsgi.py": SECOND})

    with pytest.raises(RolledBack, match="hook `echo warm"):
        place.sync()

    assert answer(place) == "hello from the site"


def test_a_first_deployment_whose_hook_fails_has_nothing_to_go_back_to(tmp_path: Path) -> None:
    with stage(tmp_path, wsgi="wsgi.py", hooks=(says("migrate", then="exit 1"),)) as place:
        open_console(place)
        place.repo.commit({"wsgi.py": WSGI})
        with pytest.raises(NeedsPerson, match="ended with 1") as failure:
            place.sync()
        assert "the site was not reloaded" in failure.value.left
        assert "nothing to go back to" in failure.value.left

        place.change_site(hooks=(says("mended"),))
        place.repo.commit({"b": "x"})
        assert place.sync().deployment.status is Status.LIVE
        assert log(place) == ["migrate", "mended"]


def test_a_time_out_fails_it(place: Stage) -> None:
    good = place.repo.git("rev-parse", "main")
    place.sites[good] = place.site
    place.change_site(hooks=(Hook(at="before_reload", command="echo begun; sleep 300", timeout_s=0.5),))
    place.repo.commit({"a": "two"})

    with pytest.raises(RolledBack, match=r"took longer than 0.5 s and was killed\n.*\n    begun"):
        place.sync()


def test_one_that_cannot_be_run_says_nothing_about_the_commit(tmp_path: Path) -> None:
    with stage(tmp_path, plan="free", wsgi="wsgi.py", hooks=(says("migrate"),)) as place:
        place.repo.commit({"wsgi.py": WSGI})
        with pytest.raises(NeedsPerson, match="only a browser can start one") as failure:
            place.sync()
        assert "logged in, then run this again" in failure.value.hint
        assert "the site was not reloaded" in failure.value.left
        assert place.manifest().failed is None

        (number,) = [each["id"] for each in consoles(place)]
        url = f"{place.sandbox.url}/_sandbox/loaded-consoles"
        assert requests.post(url, json={"id": number}, timeout=10).status_code == 201
        assert place.sync().deployment.status is Status.LIVE
        assert log(place) == ["migrate"]


def consoles(place: Stage) -> list[dict[str, int]]:
    url = f"{place.sandbox.url}/api/v0/user/alice/consoles/"
    headers = {"Authorization": f"Token {place.sandbox.token}"}
    found: list[dict[str, int]] = requests.get(url, headers=headers, timeout=10).json()
    return found


@pytest.mark.parametrize("at", ["before_reload", "after_live"])
def test_one_that_was_cut_off_is_run_again_even_if_all_files_are_there(place: Stage, at: str) -> None:
    place.change_site(hooks=(says("pip", at=at, changed=("a",)),))
    place.repo.commit({"a": "two", "b": "x"})
    refused = Effect(kind="status", status=400, json={"detail": "cut off"})
    for _ in range(2):
        place.sandbox.faults.add(Fault(effect=refused, method="GET", path=r"status\.json$"))
        with pytest.raises(DeployerError, match="cut off"):
            place.sync()
        place.sandbox.faults.clear()

    outcome = place.sync()

    assert log(place) == ["pip", "pip", "pip"]
    assert {"create", "update"}.isdisjoint(action.kind for action in outcome.plan.actions)
    assert place.manifest().pending is None
    assert place.sync().deployment.status is Status.UNCHANGED


def test_force_runs_them_all(place: Stage) -> None:
    place.change_site(hooks=(says("pip", changed=("requirements.txt",)), says("warm", at="after_live")))

    outcome = place.sync(overrides=Overrides(force=True))

    assert log(place) == ["pip", "warm"]
    assert {each.reason for each in outcome.plan.actions if each.kind == "hook"} == {"asked for (--force)"}


def test_a_claim_outlives_a_hook_that_takes_long(place: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deployer.deployment.record.LEASE", timedelta(seconds=0.5))
    place.change_site(hooks=(Hook(at="before_reload", command="sleep 1"),))
    place.repo.commit({"a": "two"})
    place.sandbox.requests.wait_idle()
    place.sandbox.requests.reset()
    place.sync()

    place.sandbox.requests.wait_idle()
    asked = [f"{each.method} {each.path.rpartition('/')[2]}" for each in place.sandbox.requests.list()]
    began, ended = asked.index("POST run.py"), asked.index("GET status.json")
    assert "POST manifest.json" in asked[began:ended]


CONFIG = f"""
[app]
target = "~/mysite"
wsgi = "wsgi.py"
[[hook]]
at = "before_reload"
command = "echo begun >> {LOG}; sleep 0.2; echo done >> {LOG}"
when = "changed:a"
"""


@pytest.mark.parametrize("number", [9, 11, 13])
def test_a_hook_whose_run_was_killed_is_run_again(place: Stage, number: int) -> None:
    """These are requests before, at and after its start; what was left is deleted by the next run."""
    place.repo.commit({"pythonanywhere.toml": CONFIG, "a": "two"})
    assert killed_at(place, number, "after") is None

    assert killed_at(place, 9999, "after") == 0

    assert log(place)[-2:] == ["begun", "done"]
    assert place.on_disk()["a"] == b"two"
