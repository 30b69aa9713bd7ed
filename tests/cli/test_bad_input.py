"""Whatever is wrong: a clear message, the right exit status, and nothing written on the server."""

import socket
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from tests.cli.project import CONFIG, WSGI, Project, project

KEY = "-----BEGIN PRIVATE KEY-----\nMIIB\n-----END PRIVATE KEY-----\n"
GOOD = {"pythonanywhere.toml": CONFIG, "wsgi.py": WSGI}
Files = Mapping[str, str | None]


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Project]:
    with project(tmp_path) as opened:
        yield opened


def toml(text: str) -> Files:
    return {**GOOD, "pythonanywhere.toml": text}


@pytest.mark.parametrize(
    ("files", "status", "fragments"),
    [
        (toml('[app]\npythn = "3.12"\n'), 2, ["app.pythn", "line 2", "app.python"]),
        (toml('[app\npython = "3.12"\n'), 2, ["pythonanywhere.toml", "line 1"]),
        (
            toml('[[task]]\nname = "n"\ncommand = "c"\ninterval = "daily"\nat = "25:00"\n'),
            2,
            ["task[0].at", "25:00"],
        ),
        (toml('[app]\ntarget = "/etc/site"\n'), 3, ["app.target", "/etc/site"]),
        (toml('[app]\ntarget = "~"\n'), 3, ["app.target", "home"]),
        (toml('[app]\ntarget = "/home/alice/"\n'), 3, ["app.target"]),
        (toml('[app]\ntarget = "~/../bob/site"\n'), 3, ["app.target"]),
        (toml('[app]\nsource = "../.."\n'), 2, ["app.source", "../.."]),
        (toml('[app]\nsource = "nowhere"\n'), 2, ["app.source", "nowhere"]),
        (toml('[app]\nwsgi = "nowhere.py"\n'), 2, ["app.wsgi", "nowhere.py"]),
        ({"wsgi.py": WSGI}, 2, ["pythonanywhere.toml", "deployer init"]),
        ({**GOOD, ".env": "SECRET=1\n"}, 3, [".env", "allow"]),
        ({**GOOD, "conf/server.key": KEY}, 3, ["conf/server.key", "private key"]),
        (toml('[files]\nexclude = ["*"]\n'), 3, ["ships no file", "--allow-empty"]),
    ],
)
def test_a_commit_that_cannot_be_deployed_is_told_apart_before_anything_is_written(
    place: Project, files: Files, status: int, fragments: list[str]
) -> None:
    place.commit(files)

    ended = place.run("sync")

    assert ended.status == status, ended.err
    for fragment in fragments:
        assert fragment in ended.err
    assert "Traceback" not in ended.err
    assert place.written() == []


def test_a_link_out_of_the_tree_is_named_with_where_it_leads(place: Project) -> None:
    place.repo.commit(GOOD, links={"inside/out": "../../etc/passwd", "absolute": "/etc/passwd"})

    ended = place.run("sync")

    assert ended.status == 3
    assert "inside/out" in ended.err
    assert "absolute" in ended.err
    assert place.written() == []


def test_more_deletes_than_max_delete_are_refused_and_the_override_is_named(place: Project) -> None:
    place.commit({**GOOD, **{f"f{number}": "x" for number in range(12)}})
    assert place.run("sync").status == 0
    before = place.written()
    place.commit({f"f{number}": None for number in range(12)})

    refused = place.run("sync")
    planned = place.run("plan")

    assert (refused.status, planned.status) == (3, 3)
    assert "--max-delete 12" in refused.err
    assert place.written() == before
    assert place.run("sync", "--max-delete", "12").status == 0


@pytest.mark.parametrize(
    ("arguments", "environment", "status", "fragments"),
    [
        (("sync", "no-such-branch"), {}, 2, ["no-such-branch"]),
        (("sync", "--upload-pack=x"), {}, 2, ["--upload-pack"]),
        (("sync",), {"API_TOKEN": None}, 2, ["token", "API_TOKEN"]),
        (("sync",), {"API_TOKEN": "f" * 40}, 7, ["token"]),
        (("sync",), {"PYTHONANYWHERE_USERNAME": None}, 2, ["PYTHONANYWHERE_USERNAME"]),
        (("sync",), {"PYTHONANYWHERE_USERNAME": "bob"}, 7, ["bob"]),
        (("sync", "--site", "blog"), {}, 2, ["blog"]),
        (("sync", "--config", "/nowhere/deployer.toml"), {}, 2, ["/nowhere/deployer.toml"]),
        (("sync", "--repo", "/nowhere"), {}, 2, ["/nowhere"]),
        (("sync", "--max-delete", "many"), {}, 2, ["--max-delete"]),
        (("frobnicate",), {}, 2, ["frobnicate"]),
        (("show", "20990101"), {}, 2, ["20990101", "deployer history"]),
        (("verify",), {}, 2, ["nothing is recorded"]),
    ],
)
def test_a_command_that_cannot_be_carried_out_says_what_to_type(
    place: Project, arguments: tuple[str, ...], environment: dict[str, str], status: int, fragments: list[str]
) -> None:
    place.commit(GOOD)

    ended = place.run(*arguments, **environment)

    assert ended.status == status, ended.err
    for fragment in fragments:
        assert fragment in ended.err
    assert "Traceback" not in ended.err
    assert place.written() == []


def test_without_a_server_it_is_temporary_and_nothing_is_lost(place: Project) -> None:
    place.commit(GOOD)
    place.sandbox.close()

    with socket.socket() as nobody:  # keeps the port: another test's server would answer there otherwise
        nobody.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        nobody.bind(("127.0.0.1", int(place.sandbox.url.rpartition(":")[2])))
        ended = place.run("sync", "--json")

    assert ended.status == 8, ended.err
    assert '"exit_status": 8' in ended.out


def test_a_repository_without_a_commit_says_so(place: Project) -> None:
    ended = place.run("plan")

    assert ended.status == 2
    assert "no commit yet" in ended.err
