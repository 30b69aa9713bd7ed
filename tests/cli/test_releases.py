"""Releases as a person meets them: the list, the plan, the end of a deployment, and the way back."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.project import Project, project

CONFIG = """
[app]
target = "~/mysite"
wsgi = "wsgi.py"
strategy = "release"

[health]
timeout = "5s"
"""
WSGI = """
import version

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    return [version.NAME.encode()]
"""
SITE = {"pythonanywhere.toml": CONFIG, "wsgi.py": WSGI, "version.py": "NAME = 'one'\n"}


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A site with a release that is live, one before it, and one after it that failed."""
    with project(tmp_path_factory.mktemp("project")) as opened:
        opened.commit(SITE, "Open the site")
        assert opened.run("plan").out.count("3 new, 0 changed, 0 gone as the first release, 3 files") == 1
        assert opened.run("sync").status == 0
        opened.commit({"version.py": "NAME = 'two'\n"}, "Say two")
        ended = opened.run("sync")
        assert "sent by this deployment" in ended.out.splitlines()[-1]
        opened.commit({"version.py": "import nowhere\n"}, "Break it")
        assert opened.run("sync").status == 4
        yield opened


def test_the_list_is_for_people_and_for_programs(place: Project) -> None:
    ended, as_json = place.run("releases"), json.loads(place.run("releases", "--json").out)

    first, *lines, last = ended.out.splitlines()
    assert first == "alice.pythonanywhere.com: 3 releases"
    states = [line.split()[0] for line in lines if '"' in line]
    assert states == [each["state"] for each in as_json["releases"]]
    assert sorted(states) == ["failed", "kept", "live"]
    assert "No module named 'nowhere'" in ended.out
    assert "in 3 files, " in ended.out
    assert last.startswith("`deployer rollback` ")
    assert {each["subject"] for each in as_json["releases"]} == {"Open the site", "Say two", "Break it"}


def test_status_names_the_release(place: Project) -> None:
    releases = json.loads(place.run("releases", "--json").out)["releases"]
    live = next(each for each in releases if each["state"] == "live")

    assert f"release   {live['id']}; `deployer releases` lists them" in place.run("status").out.splitlines()


def test_a_failed_release_is_refused_and_a_kept_one_costs_no_file(place: Project) -> None:
    releases = json.loads(place.run("releases", "--json").out)["releases"]
    failed = next(each["id"] for each in releases if each["state"] == "failed")
    kept = next(each["id"] for each in releases if each["state"] == "kept")

    refused, back = place.run("rollback", failed), place.run("rollback", kept[:15])

    assert refused.status == 3
    assert "pass --force" in refused.err
    assert back.status == 0
    assert f"release: {kept}, there already: no file was sent" in back.out.splitlines()


def test_a_site_without_releases_is_told_how_to_get_some(tmp_path: Path) -> None:
    with project(tmp_path) as opened:
        opened.commit({"pythonanywhere.toml": '[app]\ntarget = "~/mysite"\n', "a": "a"})
        ended = opened.run("releases")

    assert ended.status == 2
    assert 'strategy = "release"' in ended.err
