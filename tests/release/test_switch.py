"""The WSGI file on the server: whole releases only, whatever happens to it."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deployer.sandbox.hosting import Interpreters
from tests.release.server import DRIVER, Server, WorkerFailed, impatient, names_in, tree, version

PYTHONS = {f"{each.minor[0]}.{each.minor[1]}": each.executable for each in Interpreters().all()}
"""In the order of their versions."""


@pytest.fixture
def server(tmp_path: Path) -> Server:
    return Server(tmp_path)


@pytest.fixture
def live(server: Server) -> Server:
    """With release `one` live."""
    server.send(version("one", static__a_txt="a", tool_sh="#!/bin/sh\n"), executable=frozenset({"tool_sh"}))
    assert server.page() == "one one"
    server.confirm()
    return server


@pytest.mark.parametrize("minor", list(PYTHONS))
def test_it_builds_switches_falls_back_and_rolls_back_on_every_python(tmp_path: Path, minor: str) -> None:
    server = Server(tmp_path, PYTHONS[minor])
    one = server.send(version("one", static__a_txt="a"), links={"latest": "static/a_txt"})
    assert server.page() == "one one"
    server.confirm()
    two = server.send(version("two", static__a_txt="a"), base=one)
    assert server.page() == "two two"
    assert server.live == two
    server.confirm()
    server.send(version("bad", broken="") | {"version.py": b"import nowhere\n"}, base=two)
    assert server.page() == "two two"
    assert server.report["workers"][-1]["error"]["kind"] == "import"
    server.want({"id": one, "wsgi": "wsgi.py", "deployment": "d4"})
    assert server.page() == "one one"
    assert server.live == one


def test_a_release_is_exactly_what_its_list_says_with_modes_and_links(live: Server) -> None:
    files = version("two", bin__run="#!/bin/sh\necho hi\n", deep__er__page="x" * 100_000)
    server = live
    two = server.send(
        files,
        base=server.live,
        executable=frozenset({"bin/run"}),
        links={"newest": "deep/er/page", "deep/up": "../page.txt"},
    )
    server.page()
    assert tree(server.target / "current") == {
        "wsgi.py": ("644", files["wsgi.py"]),
        "version.py": ("644", b"NAME = 'two'\n"),
        "page.txt": ("644", b"two"),
        "bin/run": ("755", files["bin/run"]),
        "deep/er/page": ("644", b"x" * 100_000),
        "newest": ("link", "deep/er/page"),
        "deep/up": ("link", "../page.txt"),
    }
    assert (server.target / "current").readlink() == Path(f"releases/{two}")


def test_unchanged_files_are_not_sent_and_are_linked_and_a_renamed_one_is_found(live: Server) -> None:
    before = live.live
    assert before is not None
    same = (live.target / "releases" / before / "static/a_txt").stat().st_ino
    two = live.send(version("two", assets__b_txt="a"), base=before)
    sent = sum(path.stat().st_size for path in live.incoming.glob(f"{two}*"))
    assert sent < 1200
    assert live.page() == "two two"
    assert (live.target / "current/assets/b_txt").stat().st_ino == same


def test_a_file_that_gains_the_execute_bit_is_copied_and_the_release_before_keeps_its_own(
    live: Server,
) -> None:
    before = live.live
    assert before is not None
    files = version("one", static__a_txt="a", tool_sh="#!/bin/sh\n")
    live.send(files, base=before, executable=frozenset({"tool_sh", "static/a_txt"}))
    live.page()
    assert tree(live.target / "current")["static/a_txt"][0] == "755"
    assert tree(live.target / "releases" / before)["static/a_txt"][0] == "644"


@pytest.mark.parametrize(
    ("spoil", "kind", "served"),
    [
        (lambda server, archive: archive.unlink(), "no-archive", "one one"),
        (lambda server, archive: archive.write_bytes(archive.read_bytes()[:-20]), "no-archive", "one one"),
        (lambda server, archive: archive.write_bytes(b"x" * archive.stat().st_size), "no-archive", "one one"),
        (
            lambda server, archive: shutil.rmtree(server.target / "releases" / str(server.live)),
            "base",
            "former",
        ),
        (
            lambda server, archive: (server.target / "current/static/a_txt").write_text("edited by hand"),
            "base",
            "one one",
        ),
    ],
    ids=["no-archive", "truncated", "tampered", "missing-base", "edited-base"],
)
def test_what_cannot_be_built_is_told_and_the_live_release_goes_on(
    live: Server, spoil: Callable[[Server, Path], object], kind: str, served: str
) -> None:
    impatient(live)
    before = live.live
    former = "former.py" if served == "former" else None
    two = live.send(version("two", static__a_txt="a"), base=before, former=former)
    (live.folder / "former.py").write_text("def application(environ, start_response): return [b'former']")
    spoil(live, live.archive(two))
    assert live.page() == served
    assert live.report["workers"][-1]["error"]["kind"] == kind
    assert live.live == before
    assert not [name for name in names_in(live.target / "releases") if name.startswith(".")]


def test_an_archive_that_shows_up_after_the_record_is_waited_for(live: Server) -> None:
    two = live.send(version("two"), base=None)
    archive = live.archive(two)
    archive.rename(archive.with_suffix(".later"))
    with subprocess.Popen(
        [sys.executable, "-c", "import sys, time, os; time.sleep(0.5); os.rename(*sys.argv[1:])",
         str(archive.with_suffix(".later")), str(archive)]
    ):  # fmt: skip
        assert live.page() == "two two"


def test_with_nothing_to_serve_the_error_is_the_sites_own(server: Server) -> None:
    server.send(version("one") | {"version.py": b"raise ValueError('no')"})
    with pytest.raises(WorkerFailed, match="ValueError: no"):
        server.page()
    assert server.report["workers"][-1]["error"]["kind"] == "import"


def test_a_torn_record_leaves_the_live_release_as_it_is(live: Server) -> None:
    live.send(version("two"))
    whole = (live.folder / "manifest.json").read_text()
    (live.folder / "manifest.json").write_text(whole[: len(whole) // 2])
    assert live.page() == "one one"


def test_many_archives_make_one_release(server: Server) -> None:
    files = version("one", **{f"data__{n}": os.urandom(5000) for n in range(20)})
    wanted = server.send(files, most_bytes=20_000)
    assert len(list(server.incoming.glob(f"{wanted}-*.zip"))) > 4
    assert all(path.stat().st_size <= 20_000 for path in server.incoming.iterdir())
    assert server.page() == "one one"
    assert len(tree(server.target / "current")) == len(files)


def test_the_same_commit_and_base_give_the_same_bytes(tmp_path: Path) -> None:
    sent = []
    for place in ("a", "b"):
        server = Server(tmp_path / place)
        server.send(version("one", z="1", a="2"))
        sent.append({path.name: path.read_bytes() for path in server.incoming.iterdir()})
    assert sent[0] == sent[1]


def test_workers_that_start_at_once_build_it_once_and_agree(live: Server) -> None:
    two = live.send(version("two", **{f"data__{n}": b"x" * n for n in range(300)}), base=live.live)
    command = [live.python, "-c", DRIVER, str(live.wsgi)]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(4)]
    for worker in workers:
        assert json.loads(worker.communicate()[0]) == {"/": "two two"}
    assert live.live == two
    assert {each["release"] for each in live.report["workers"]} == {two}
    assert not [name for name in names_in(live.target / "releases") if name.startswith(".")]


def test_what_the_site_wrote_is_taken_over_once_and_shared_by_all_releases(server: Server) -> None:
    (server.target / "media").mkdir()
    (server.target / "media/photo").write_text("mine")
    (server.target / "db.sqlite3").write_text("rows")
    shared = ("media/", "db.sqlite3", "cache/")
    one = server.send(version("one"), shared=shared)
    server.page()
    server.confirm()
    (server.target / "current/media/second").write_text("new")
    server.send(version("two"), base=one, shared=shared)
    server.page()
    for place in ("current", f"releases/{one}", "shared", "."):
        assert (server.target / place / "media/photo").read_text() == "mine"
        assert (server.target / place / "media/second").read_text() == "new"
        assert (server.target / place / "db.sqlite3").read_text() == "rows"
    assert (server.target / "current/cache").is_dir()


def test_releases_beyond_those_to_be_kept_go_and_the_live_one_never(live: Server) -> None:
    first = live.live
    ids = [first]
    for name in ("two", "three"):
        ids.append(live.send(version(name), base=ids[-1], kept=[ids[-1], first]))
        live.page()
        live.confirm()
    last = live.send(version("four"), base=ids[-1], kept=[ids[-1]])
    live.page()
    names = {ids[-1], last}
    beside = {f"{name}.{what}" for name in names for what in ("about", "wsgi")}
    assert names_in(live.target / "releases") == names | beside


def test_the_release_that_answers_is_told_at_the_probes_address_alone(live: Server) -> None:
    two = live.send(version("two"), base=live.live, probe="/.well-known/deployer/s3cret")
    said = live.worker("/.well-known/deployer/s3cret", "/.well-known/deployer/other")
    assert json.loads(said["/.well-known/deployer/s3cret"])["release"] == two
    assert said["/.well-known/deployer/other"] == "two two"


def test_a_first_release_that_fails_leaves_the_site_as_it_was_without_releases(server: Server) -> None:
    (server.folder / "former.py").write_text(
        f"import sys\nsys.path.insert(0, {str(server.target)!r})\n"
        "import flat\ndef application(environ, start_response): return [flat.NAME + __file__.encode()]"
    )
    (server.target / "flat.py").write_text("NAME = b'flat'")
    server.send(version("one") | {"version.py": b"raise ValueError('no')"}, former="former.py")
    assert server.page() == f"flat{server.wsgi}"
    assert "ValueError: no" in server.report["workers"][-1]["error"]["traceback"]


def test_a_full_disk_is_told_and_leaves_nothing_behind(live: Server) -> None:
    two = live.send(version("two", big="x" * 100_000), base=live.live)
    limited = "import resource, runpy, sys\nresource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000))\n"
    run = subprocess.run(
        [live.python, "-c", limited + DRIVER, str(live.wsgi)], capture_output=True, text=True, check=True
    )
    assert json.loads(run.stdout) == {"/": "one one"}
    assert live.live != two
    assert not [name for name in names_in(live.target / "releases") if name.startswith(".")]


HOSTILE = ["../escape", "/tmp/escape", "a/../../escape", "", ".", "a//b", "a/./b", "nul\0"]


@pytest.mark.parametrize("path", HOSTILE)
def test_no_list_can_name_a_path_outside_of_its_release(live: Server, path: str) -> None:
    outside = {str(each) for each in live.root.rglob("*")}
    two = live.send({**version("two"), path: b"evil"}, base=live.live)
    assert live.page() == "one one"
    assert live.report["workers"][-1]["error"]["kind"] == "damaged"
    made = {str(each) for each in live.root.rglob("*")} - outside
    assert made == {str(live.archive(two))}


@pytest.mark.parametrize("goal", ["/etc", "..", "../x", "a/../../x"])
def test_no_link_can_lead_out_of_its_release(live: Server, goal: str) -> None:
    live.send(version("two"), base=live.live, links={"way": goal})
    assert live.page() == "one one"
    assert live.report["workers"][-1]["error"]["kind"] == "damaged"


def test_no_file_is_written_through_a_link(live: Server) -> None:
    live.send({**version("two"), "way/x": b"1"}, base=live.live, links={"way": "static"})
    assert live.page() == "one one"


@pytest.mark.parametrize("release", ["../../etc", ".", "a/b", "", "A"])
def test_no_record_can_name_a_release_elsewhere(live: Server, release: str) -> None:
    live.want({"id": release, "wsgi": "wsgi.py", "archives": []})
    assert live.page() == "one one"
    assert "no release that could be one" in live.report["workers"][-1]["error"]["text"]


def test_what_was_cut_off_is_cleared_away_once_nobody_can_be_at_it_any_more(live: Server) -> None:
    def left_behind(name: str, *, age_s: float) -> Path:
        path = live.root / f"{name}-{age_s:.0f}"
        path.mkdir() if "building" in name else path.write_text("half")
        os.utime(path, (time.time() - age_s,) * 2)
        return path

    kinds = ("site/releases/.building-x", "site/releases/.wsgi-x", "site/.current-x", "record/incoming/x.zip")
    stale = [left_behind(kind, age_s=3600) for kind in kinds]
    fresh = [left_behind(kind, age_s=60) for kind in kinds]

    live.page()

    assert not [path for path in stale if path.exists()]
    assert [path for path in fresh if path.exists()] == fresh


def test_a_worker_that_read_an_older_record_removes_no_newer_release(live: Server) -> None:
    """It may be the one that the site is just switched to."""
    one, before = live.live, dict(live.record)
    two = live.send(version("two"), base=one, kept=[one])
    assert live.page() == "two two"
    live.record = before | {"release": before["release"] | {"kept": []}}
    live.write_record()
    live.page()
    assert two in names_in(live.target / "releases")


def test_what_a_release_imported_that_failed_is_forgotten_but_for_binary_modules(server: Server) -> None:
    """Some of these refuse to be there twice in a process, and the release before may need them as well."""
    known = 'import sys\nNAME = [name for name in ("binary", "pure") if name in sys.modules]\n'
    one = server.send(version("one") | {"version.py": known.encode()})
    assert server.page() == "[] one"
    server.confirm()
    bad = """
import importlib.machinery, sys, types
sys.modules["pure"] = types.ModuleType("pure")
sys.modules["binary"] = types.ModuleType("binary")
sys.modules["binary"].__loader__ = importlib.machinery.ExtensionFileLoader("binary", "/binary.so")
raise ValueError("no")
"""
    server.send(version("bad") | {"version.py": bad.encode()}, base=one)
    assert server.page() == "['binary'] one"
