"""Which Python a site runs on, and that every version of the platform can be one."""

import sys
from pathlib import Path

import pytest

from deployer.sandbox.hosting import Interpreters
from tests.sandbox.hosting.account import DOMAIN, HERE, INTERPRETERS, SiteOfAlice
from tests.sandbox.hosting.conftest import Open

NAMED = (sys.version_info[0], sys.version_info[1])


def pretend(place: Path, name: str, script: str) -> None:
    place.mkdir(exist_ok=True)
    (place / name).write_text(f"#!/bin/sh\n{script}\n")
    (place / name).chmod(0o755)


def python_says(version: str) -> str:
    """A stand-in that starts this Python and lets it say that it is another version."""
    pretending = f"import sys; sys.version_info = ({version.replace('.', ',')}, 7); exec(sys.argv[1])"
    return f'exec {sys.executable} -I -c "{pretending}" "$3"'


@pytest.mark.parametrize("minor", range(6, 15))
def test_every_version_of_the_platform_runs_a_site(open_site: Open, minor: int) -> None:
    """One application that uses the whole interface, on each Python that this machine has."""
    found = INTERPRETERS.nearest((3, minor))
    assert found
    if found.minor != (3, minor):
        pytest.skip(f"no Python 3.{minor} on this machine; the nearest is {found.spelled}")
    site = open_site("auto", interpreters=INTERPRETERS)
    site.serve(
        """
        import os, sys
        print("imported")
        def application(environ, start_response):
            if environ["PATH_INFO"] == "/bad":
                raise KeyError("bad")
            version = "%d.%d" % sys.version_info[:2]
            write = start_response("201 Made", [("X-Python", version), ("X-Latin", "\\xe9")])
            write(environ["wsgi.input"].read())
            return environ["wsgi.file_wrapper"](open(__file__, "rb"), 16)
        """,
        python_version=f"3.{minor}",
    )
    response = site.ask("/x", method="POST", body=b"sent")
    assert response.status == 201
    assert {("X-Python", f"3.{minor}"), ("X-Latin", "\xe9")} <= set(response.headers)
    assert response.body.startswith(b"sent\nimport os, sys")
    assert site.ask("/bad").status == 500
    assert "KeyError: 'bad'" in site.log("error")
    assert "imported" in site.log("server")
    assert f"started on Python {found.spelled}" in site.log("server")
    assert not [note for note in site.hosting.notes(DOMAIN) if "nearest" in note]


def test_a_version_that_is_missing_is_replaced_by_the_nearest_and_that_is_said(open_site: Open) -> None:
    only = Interpreters([Path(sys.executable).parent])
    found = only.nearest(NAMED)
    assert found
    site = open_site(interpreters=only)
    site.serve_value("'%d.%d' % sys.version_info[:2]", python_version="2.7")
    assert site.value() == ".".join(map(str, found.minor))
    told = [note for note in site.hosting.notes(DOMAIN) if "Python 2.7 is not on this machine" in note]
    assert len(told) == 1
    assert told[0] in site.log("server")


def test_stand_ins_that_do_not_run_are_passed_over(tmp_path: Path) -> None:
    pretend(tmp_path / "shims", "python3.8", "echo 'command not found' >&2; exit 127")
    pretend(tmp_path / "talk", "python3.8", "echo 3.8")
    pretend(tmp_path / "real", "python3.8", python_says("3.8"))
    places = [tmp_path / "missing", tmp_path / "shims", tmp_path / "talk", tmp_path / "real"]
    found = Interpreters(places).nearest((3, 8))
    assert found
    assert found.version == (3, 8, 7)


@pytest.mark.parametrize(
    ("wanted", "chosen"),
    [((3, 8), (3, 8)), ((3, 9), (3, 10)), ((3, 7), (3, 8)), ((3, 14), (3, 10)), ((2, 7), (3, 8))],
)
def test_the_nearest_version_is_the_newer_of_two(
    tmp_path: Path, wanted: tuple[int, int], chosen: tuple[int, int]
) -> None:
    for version in ("3.8", "3.10"):
        pretend(tmp_path / "bin", f"python{version}", python_says(version))
    found = Interpreters([tmp_path / "bin"]).nearest(wanted)
    assert found
    assert found.minor == chosen


def test_each_file_is_asked_once(tmp_path: Path) -> None:
    pretend(tmp_path / "bin", "python3.8", f"echo x >> {tmp_path}/asked\n" + python_says("3.8"))
    interpreters = Interpreters([tmp_path / "bin"])
    assert interpreters.nearest((3, 8)) == interpreters.nearest((3, 12))
    assert (tmp_path / "asked").read_text() == "x\n"


def test_a_machine_without_python_says_so_and_visitors_get_502(open_site: Open, tmp_path: Path) -> None:
    site = open_site(interpreters=Interpreters([tmp_path]))
    site.serve_value("1")
    assert site.ask().status == 502
    assert "install one, then reload" in site.log("error")


def test_a_virtualenv_on_path_lends_its_base_and_not_its_packages(site: SiteOfAlice) -> None:
    site.serve_value("sys.prefix == sys.base_prefix")
    assert site.value() is True


def test_a_virtualenv_that_is_missing_is_said(site: SiteOfAlice) -> None:
    site.serve_value("1", virtualenv_path="/home/alice/.virtualenvs/gone")
    assert site.value() == 1
    assert any("/home/alice/.virtualenvs/gone" in note for note in site.hosting.notes(DOMAIN))


def test_a_virtualenv_outside_the_account_is_not_used(site: SiteOfAlice) -> None:
    site.serve_value("1", virtualenv_path=sys.prefix)
    assert site.value() == 1
    assert any("has no bin/python that runs" in note for note in site.hosting.notes(DOMAIN))


def test_a_virtualenv_of_another_version_is_used_and_that_is_said(site: SiteOfAlice) -> None:
    place = site.disk.real("/home/alice/.virtualenvs/other")
    (place / "bin").mkdir(parents=True)
    found = INTERPRETERS.nearest(NAMED)
    assert found
    (place / "bin" / "python").symlink_to(found.executable)
    (place / "pyvenv.cfg").write_text(f"home = {Path(found.executable).parent}\n")
    site.serve_value("sys.prefix", python_version="3.99", virtualenv_path="/home/alice/.virtualenvs/other")
    assert site.value() == str(place)
    assert any(f"its virtualenv has {HERE}" in note for note in site.hosting.notes(DOMAIN))
