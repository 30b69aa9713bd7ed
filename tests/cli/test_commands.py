"""Each command as a person types it: what it prints, and what it ends with."""

import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from deployer.sandbox import Effect, Fault
from tests.builders.waiting import until
from tests.cli.project import CONFIG, WSGI, Project, project

SITE = {"pythonanywhere.toml": CONFIG, "wsgi.py": WSGI, "a.txt": "a\n"}


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Project]:
    with project(tmp_path) as opened:
        yield opened


def test_plan_prints_what_why_and_the_price_and_changes_nothing(place: Project) -> None:
    place.commit(SITE, "Open the site")

    ended = place.run("plan")

    assert ended.status == 0
    first, *actions, cost = ended.out.splitlines()
    assert first.startswith("alice.pythonanywhere.com: ")
    assert first.endswith('"Open the site"')
    assert [line.split()[0] for line in actions] == [
        "create",
        "create",
        "create",
        "create-webapp",
        "configure-webapp",
        "wsgi",
        "reload",
    ]
    assert all("(" in line for line in actions)
    assert cost.startswith("7 actions, 10 requests (7 files/path, 1 webapps, 1 webapps/{domain}, ")
    assert place.written() == []


def test_plan_as_json_is_one_value_with_reasons_and_costs(place: Project) -> None:
    place.commit(SITE)

    plan = json.loads(place.run("plan", "--json").out)

    assert plan["in_sync"] is False
    assert plan["cost"]["requests"]["files/path"] == 7
    assert {"action", "subject", "reason", "endpoint", "bytes"} == set(plan["actions"][0])


def test_exit_code_tells_in_sync_from_changes(place: Project) -> None:
    place.commit(SITE)

    before = place.run("plan", "--exit-code").status
    place.run("sync")
    after = place.run("plan", "--exit-code")

    assert (before, after.status) == (10, 0)
    assert "In sync" in after.out


def test_sync_ends_with_where_the_site_is_and_how_it_answered(place: Project) -> None:
    place.commit(SITE, "Open the site")

    first = place.run("sync")
    again = place.run("sync")

    assert first.status == again.status == 0
    assert "answered 200" in first.out
    assert "live: " in first.out
    assert "nothing to do (2 requests)" in again.out


def test_in_a_pipe_events_are_json_lines_with_one_deployment_id_and_there_is_no_bar(place: Project) -> None:
    place.commit(SITE)

    ended = place.run("sync")

    events = [json.loads(line) for line in ended.err.splitlines()]
    assert len({event["deployment"] for event in events}) == 1
    assert [event["event"] for event in events][:3] == ["deployment_started", "planned", "claimed"]
    assert "\x1b" not in ended.out + ended.err


def test_with_json_every_line_of_stdout_is_an_event_and_failures_are_one_too(place: Project) -> None:
    place.commit(SITE)
    place.run("sync")
    place.commit({".env": "SECRET=1"})

    ended = place.run("sync", "--json")

    events = [json.loads(line) for line in ended.out.splitlines()]
    assert ended.status == 3
    assert events[-1]["event"] == "failed"
    assert events[-1]["exit_status"] == 3
    assert ended.err == ""


def test_dry_run_is_plan(place: Project) -> None:
    place.commit(SITE)

    assert place.run("sync", "--dry-run").out == place.run("plan").out
    assert place.written() == []


def test_a_named_revision_is_deployed_instead_of_head(place: Project) -> None:
    old = place.commit(SITE)
    place.commit({"a.txt": "newer\n"})

    place.run("sync", old)

    assert place.sandbox.disk.real("/home/alice/mysite/a.txt").read_text() == "a\n"


def test_history_and_show_tell_what_was_done(place: Project) -> None:
    place.commit(SITE, "Open the site")
    place.run("sync")

    listed = json.loads(place.run("history", "--json").out)
    shown = place.run("show", listed["id"][:15]).out
    as_json = json.loads(place.run("show", listed["id"], "--json").out)

    assert listed["status"] == "live"
    assert "7 of 7 planned were confirmed" in shown
    assert "health_checked" in shown
    assert [action["action"] for action in as_json["actions"]][-1] == "reload"
    assert as_json["plan"]["commit"] == listed["commit"]


def test_status_says_what_is_live_what_is_missing_and_when_it_expires(place: Project) -> None:
    place.commit(SITE)
    nothing = place.run("status").out
    place.run("sync")
    place.sandbox.disk.real("/home/alice/mysite/a.txt").unlink()

    ended = place.run("status")

    assert "nothing that deployer knows of" in nothing
    assert ended.status == 0
    assert "1 of 3 files are missing (a.txt)" in ended.out
    assert "\nexpires   web app on 20" in ended.out
    assert "Log in and press the button on the page Web." in ended.out
    assert "\ntls       the platform's own certificate" in ended.out
    assert "seconds used today, counted anew from 20" in ended.out
    assert "\ndisk      " in ended.out


def test_status_as_json_has_the_same_keys_whatever_is_known(place: Project) -> None:
    place.commit(SITE)
    nothing = json.loads(place.run("status", "--json").out)
    place.run("sync")

    found = json.loads(place.run("status", "--json").out)

    assert set(found) == set(nothing)
    assert found["live"]["commit"] == found["branch_at"]
    assert found["disk"]["files"] == 3
    (expiry,) = found["expiry"]
    assert set(expiry) == {"what", "on", "days_left", "what_to_do"}
    assert 27 < expiry["days_left"] < 32
    assert found["unknown"] == {}


def test_status_tells_the_rest_when_something_cannot_be_read(place: Project) -> None:
    place.commit(SITE)
    place.run("sync")
    place.sandbox.faults.add(Fault(effect=Effect(kind="status", status=418), endpoint="webapps/"))

    ended = place.run("status")

    assert ended.status == 0
    assert "\nweb app   not known: " in ended.out
    assert "\ncpu       0.0 of 100 seconds" in ended.out


def test_verify_finds_every_difference_and_heal_mends_it(place: Project) -> None:
    place.commit(SITE)
    place.run("sync")
    good = place.run("verify")
    place.sandbox.disk.real("/home/alice/mysite/a.txt").write_text("spoilt")
    place.sandbox.disk.real("/home/alice/mysite/pythonanywhere.toml").unlink()
    place.sandbox.disk.real("/var/www/alice_pythonanywhere_com_wsgi.py").write_text("raise SystemExit")

    found = place.run("verify")
    healed = place.run("verify", "--heal")
    after = place.run("verify", "--json")

    assert (good.status, "4 files and the settings compared: no difference" in good.out) == (0, True)
    assert found.status == 5
    assert "different content: a.txt" in found.out
    assert "missing: pythonanywhere.toml" in found.out
    assert "different content: /var/www/alice_pythonanywhere_com_wsgi.py" in found.out
    assert healed.status == 0, healed.err
    assert json.loads(after.out)["differences"] == []


def test_config_shows_each_value_with_its_origin_and_no_secret(place: Project) -> None:
    ended = place.run("config")

    assert ended.status == 0
    assert "environment (PYTHONANYWHERE_USERNAME)" in ended.out
    assert "***" in ended.out
    assert place.sandbox.token not in ended.out


def test_doctor_asks_everything_and_ends_well_or_with_what_is_wrong(place: Project) -> None:
    place.commit(SITE)

    well = place.run("doctor")
    wrong = place.run("doctor", API_TOKEN="f" * 40)

    assert well.status == 0, well.out
    assert "accepted for alice" in well.out
    assert wrong.status == 7
    assert "wrong  token:" in wrong.out


@pytest.mark.parametrize(
    ("files", "kind", "expected"),
    [
        (
            {"manage.py": 'os.environ.setdefault("DJANGO_SETTINGS_MODULE", "shop.settings")\n'},
            "Django",
            "shop.settings",
        ),
        ({"app.py": "from flask import Flask\napp = Flask(__name__)\n"}, "Flask", "from app import app"),
        (
            {"shop/__init__.py": "import flask\n\ndef create_app(config=None):\n    pass\n"},
            "Flask",
            "from shop import create_app",
        ),
        ({"main.py": "from fastapi import FastAPI\napi = FastAPI()\n"}, "FastAPI", "from main import api"),
        ({"site.py": "def application(environ, start):\n    pass\n"}, "WSGI", "from site import application"),
    ],
)
def test_init_recognises_the_project_and_writes_files_that_plan_accepts(
    place: Project, files: dict[str, str], kind: str, expected: str
) -> None:
    place.commit(files)

    ended = place.run("init")
    place.repo.git("add", "--all")
    place.repo.git("commit", "--quiet", "--message", "Configure")

    assert ended.status == 0, ended.err
    assert f"This looks like: {kind}" in ended.out
    assert expected in (place.repo.path / "pythonanywhere_wsgi.py").read_text()
    assert place.run("plan").status == 0
    assert place.run("init").status == 2


def test_init_on_a_static_site_maps_the_whole_site(place: Project) -> None:
    place.commit({"index.html": "<h1>Hello from a file</h1>"})
    place.run("init")
    place.repo.git("add", "--all")
    place.repo.git("commit", "--quiet", "--message", "Configure")

    ended = place.run("sync")

    assert ended.status == 0, ended.err
    assert "create-static" in ended.out


def test_adopt_writes_the_configuration_from_the_live_site_and_then_takes_it_over(place: Project) -> None:
    place.commit(SITE)
    place.run("sync")
    place.sandbox.disk.real("/home/alice/.deployer/alice.pythonanywhere.com/manifest.json").unlink()
    place.commit({"pythonanywhere.toml": None})

    written = place.run("adopt")
    place.repo.git("add", "--all")
    place.repo.git("commit", "--quiet", "--message", "Adopt")
    adopted = place.run("adopt")

    assert written.status == 0, written.err
    assert "Written from the live site" in written.out
    assert adopted.status == 0, adopted.err
    assert "2 files are as the commit has them, 1 differ, 0 are missing" in adopted.out
    assert "update" in place.run("plan").out


def test_a_deployment_that_is_under_way_keeps_the_second_out(place: Project) -> None:
    place.commit(SITE)
    with _stalled_upload(place) as first:
        second = place.run("sync")
        first.send_signal(signal.SIGTERM)
        _, err = first.communicate(timeout=60)

    assert second.status == 6, second.err
    assert f"process {first.pid}" in second.err
    assert first.returncode == 8, err
    assert "stopped by SIGTERM" in err
    assert place.run("sync").status == 0


def test_a_broken_version_ends_with_four_and_the_old_one_serving(place: Project) -> None:
    place.commit({**SITE, "pythonanywhere.toml": CONFIG.replace('"5s"', '"1s"')})
    place.run("sync")
    place.commit({"wsgi.py": "raise RuntimeError('the reason why')\n"})

    broken = place.run("sync")
    again = place.run("sync")
    left = place.run("sync", "--json", "--force")

    assert broken.status == 4, broken.err
    assert "the reason why" in broken.err
    assert "is back and answers as it should" in broken.err
    assert again.status == 3
    assert "--force" in again.err
    assert left.status == 4
    assert place.sandbox.disk.real("/home/alice/mysite/wsgi.py").read_text() == WSGI


def test_rollback_and_unlock_say_what_they_did(place: Project) -> None:
    place.commit(SITE)
    place.run("sync")
    place.commit({"a.txt": "b\n"})
    place.run("sync")

    back = place.run("rollback")
    free = place.run("unlock")

    assert back.status == 0, back.err
    assert "live: " in back.out
    assert place.sandbox.disk.real("/home/alice/mysite/a.txt").read_text() == "a\n"
    assert free.out == "nobody has claimed the site\n"


def test_on_a_terminal_there_is_a_progress_bar(place: Project) -> None:
    place.commit({**SITE, **{f"f{number}": "x" * 50_000 for number in range(20)}})
    terminal, other_end = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "deployer", "sync"],
        cwd=place.repo.path,
        env={**place.environment, "TERM": "xterm", "COLUMNS": "140"},
        stdin=other_end,
        stdout=other_end,
        stderr=other_end,
    )
    os.close(other_end)
    shown = b""
    with suppress(OSError):  # how a terminal ends
        while piece := os.read(terminal, 65536):
            shown += piece
    os.close(terminal)

    assert process.wait(timeout=60) == 0, shown.decode()
    assert b" left" in shown
    assert b"/27" in shown
    assert b"live: " in shown


class _stalled_upload:  # noqa: N801 - reads as what it is
    """A `deployer sync` process whose upload of a.txt takes five seconds."""

    def __init__(self, place: Project) -> None:
        self.place = place

    def __enter__(self) -> "subprocess.Popen[str]":
        place = self.place
        place.sandbox.faults.add(
            Fault(effect=Effect(kind="slow", seconds=5), method="POST", path="a.txt", times=1)
        )
        self.process = subprocess.Popen(
            [sys.executable, "-m", "deployer", "sync"],
            cwd=place.repo.path,
            env=place.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        assert until(lambda: place.sandbox.faults.list()[0][1] == 1)
        return self.process

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
