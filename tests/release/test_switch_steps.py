"""The WSGI file on the server, disturbed at every single step of its work: one whole version is served, and
what it reports is true.
"""

import json
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.release.server import DRIVER, Server, impatient, tree, version

pytestmark = pytest.mark.slow

AT_STEP = """
import os, sys
fault, left, root = sys.argv.pop(), int(sys.argv.pop()), sys.argv.pop()
CALLS = ("listdir", "rename", "mkdir", "link", "symlink", "remove", "rmdir", "chmod")
EVENTS = {"open"} | {"os." + call for call in CALLS}
def writes(event, arguments):
    return event not in {"open", "os.listdir"} or arguments[2] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
def count(event, arguments):
    global left
    if event not in EVENTS or not str(arguments[0]).startswith(root):
        return
    if fault == "full" and not writes(event, arguments):
        return
    left -= 1
    if left < 0 and fault == "full":
        raise OSError(28, "No space left on device")
    if left == -1 and fault == "hiccup":
        raise OSError(5, "Input/output error")
    if left < 0 and fault == "kill":
        os._exit(9)
    if left == -1 and fault == "company":
        company()
def company():
    import subprocess
    said = subprocess.run([sys.executable, "-c", DRIVER, sys.argv[1]], capture_output=True, text=True)
    print("company", said.stdout, said.stderr, file=sys.stderr)
def ending():
    print("ended", left, file=sys.stderr)
import atexit
atexit.register(ending)
sys.addaudithook(count)
"""
"""Something happens the n-th time that the process touches a file of the site: it is killed just before, the
disk is full from then on, that one call fails, or another worker does all of its work in between.
"""
FAULTS = ("kill", "full", "hiccup", "company")


@pytest.mark.parametrize("fault", FAULTS)
def test_one_whole_version_is_served_whatever_happens_at_whatever_step(tmp_path: Path, fault: str) -> None:
    for step, (server, run, two) in enumerate(disturbed(tmp_path, fault)):
        try:
            check(server, run, two, fault)
        except Exception as error:
            error.add_note(f"It was at step {step}: {run.stderr}")
            raise
        if "ended" in run.stderr and int(run.stderr.split("ended ")[1].split()[0]) >= 0:
            assert step > 20, "there are more steps than that"
            return


def check(server: Server, run: subprocess.CompletedProcess[str], two: str, fault: str) -> None:
    said = json.loads(run.stdout)["/"] if run.stdout else None
    assert said in {"one one", "two two", None}
    reported = json.loads((server.folder / "report.json").read_text())
    if fault == "company":
        assert said == "two two"
        assert run.stderr.count('{"/": "two two"}') == (1 if "company" in run.stderr else 0)
    if said and reported["deployment"] == two:
        about = reported["workers"][-1]
        assert (about["release"] == two) == (said == "two two")
        assert ("error" in about) == (said == "one one")
    if fault == "kill":
        whole = (server.folder / "manifest.json").read_text()
        (server.folder / "manifest.json").write_text(whole[: len(whole) // 2])
        assert server.page() in {"one one", "two two"}, "what it serves where the record is torn"
        (server.folder / "manifest.json").write_text(whole)
    assert server.page() == "two two"
    assert server.live == two
    assert set(tree(server.target / "current")) == {*version("two", a="1", c="3"), "media", "db"}
    assert (server.target / "current/media/photo").read_text() == "mine"
    assert (server.target / "current/db").read_text() == "rows"
    assert (server.target / "db").read_text() == "rows"


def disturbed(folder: Path, fault: str) -> Iterator[tuple[Server, subprocess.CompletedProcess[str], str]]:
    """The same again and again, each time disturbed one step later."""
    server = Server(folder / "site")
    one = server.send(version("one", a="1", b="2"))
    assert server.page() == "one one"
    server.confirm()
    (server.target / "media").mkdir()
    (server.target / "media/photo").write_text("mine")
    (server.target / "db").write_text("rows")
    two = server.send(version("two", a="1", c="3"), base=one, shared=("media/", "db"), kept=[])
    impatient(server)
    server.root.rename(folder / "before")
    step = 0
    while True:
        shutil.copytree(folder / "before", server.root, symlinks=True)
        script = AT_STEP + f"DRIVER = {DRIVER!r}\n" + DRIVER
        command = [server.python, "-c", script, str(server.wsgi), str(server.root), str(step), fault]
        run = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
        yield server, run, two
        shutil.rmtree(server.root)
        step += 1
