"""What a site sees of the machine: with a view of its own, and without one."""

import functools
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from deployer.sandbox.hosting import Interpreters
from deployer.sandbox.hosting.enclosure import Enclosure
from deployer.sandbox.hosting.interpreters import probe
from tests.sandbox.hosting.account import DOMAIN, HERE, INTERPRETERS, SITE, WSGI, SiteOfAlice
from tests.sandbox.hosting.conftest import Open

ROOT = Path(__file__).parents[3]
NOBODY = 65534

PATHS = """{
    'home': os.environ['HOME'],
    'directory': os.getcwd(),
    'file': os.path.realpath(__file__),
    'mine': open('/home/alice/mine').read(),
    'relative': open('mine').read(),
    'homes': sorted(os.listdir('/home')),
    'tmp': os.listdir('/tmp'),
    'logs': sorted(os.listdir('/var/log')),
    'modules': sys.path[0],
    'user': [os.environ['USER'], os.environ['LOGNAME']],
}"""


@pytest.fixture
def enclosed(open_site: Open) -> SiteOfAlice:
    site = open_site("auto")
    support = Enclosure(site.disk).support
    if not support.enclosed:
        pytest.skip(support.note)
    return site


def test_the_accounts_paths_are_the_sites_paths(enclosed: SiteOfAlice) -> None:
    enclosed.write("/home/alice/mine", "mine")
    enclosed.write("/tmp/scratch", "")
    enclosed.serve_value(PATHS)
    seen = enclosed.value()
    assert "alice" in seen.pop("homes")
    logs = [f"{DOMAIN}.{kind}.log" for kind in ("access", "error", "server")]
    assert set(seen.pop("logs")) <= set(logs)
    assert seen == {
        "home": "/home/alice",
        "directory": "/home/alice",
        "file": WSGI,
        "mine": "mine",
        "relative": "mine",
        "tmp": ["scratch"],
        "modules": "/var/www",
        "user": ["alice", "alice"],
    }
    assert enclosed.hosting.notes(DOMAIN) == ()


def test_what_a_site_writes_is_on_the_accounts_disk_and_nowhere_else(enclosed: SiteOfAlice) -> None:
    names = ("/home/alice/deep/new", "/tmp/deployer-test-new", "/var/www/new", "/var/log/new")
    writing = """
def write(name):
    os.makedirs(os.path.dirname(name), exist_ok=True)
    with open(name, "w") as file:
        file.write(name)
"""
    enclosed.serve_value("[write(name) for name in environ['QUERY_STRING'].split('&')]", writing)
    enclosed.value("/?" + "&".join(names))
    for name in names:
        assert enclosed.disk.real(name).read_text() == name
        assert not Path(name).exists()
    assert not Path("/home/alice").exists() or Path("/home/alice") == Path.home()


def test_the_machines_own_files_can_be_read_and_not_written(enclosed: SiteOfAlice, tmp_path: Path) -> None:
    trying = """
def attempt(path):
    try:
        open(path, "w").close()
    except OSError as error:
        return error.errno
    os.remove(path)
    return 0
"""
    places = ("/usr", "/etc", "/home", "/var", "/var/lib", "/root", "/opt")
    enclosed.serve_value(
        "[len(os.listdir('/usr')) > 1, "
        f"[attempt(place + '/deployer-test') for place in {places}], "
        "attempt('/dev/shm/deployer-test')]",
        trying,
    )
    readable, refused, shared_memory = enclosed.value()
    assert readable
    assert set(refused) <= {13, 30}  # EACCES, EROFS
    assert shared_memory == 0


def test_a_virtualenv_of_the_account_is_found_by_its_account_path(enclosed: SiteOfAlice) -> None:
    make_virtualenv(enclosed, "/home/alice/.virtualenvs/mysite")
    enclosed.serve_value(
        "[sys.prefix, own.WHERE, os.environ['VIRTUAL_ENV'], os.environ['PATH'].split(':')[0]]",
        "import own",
        virtualenv_path="/home/alice/.virtualenvs/mysite/",
    )
    place = "/home/alice/.virtualenvs/mysite"
    assert enclosed.value() == [place, "virtualenv", place, place + "/bin"]
    assert enclosed.hosting.notes(DOMAIN) == ()


def test_an_interpreter_below_a_covered_path_stays_reachable_and_that_is_said(
    open_site: Open, enclosed: SiteOfAlice
) -> None:
    """As for a developer called alice whose Pythons are in /home/alice, or one who keeps them in /tmp."""
    found = INTERPRETERS.nearest((sys.version_info[0], sys.version_info[1]))
    assert found
    with tempfile.TemporaryDirectory(dir="/tmp") as place:
        prefix = Path(place)
        (prefix / "bin").mkdir()
        shutil.copy(found.executable, prefix / "bin" / f"python{HERE}")
        library = Path(found.prefixes[0]) / "lib"
        (prefix / "lib").mkdir()
        for name in (f"python{HERE}", f"libpython{HERE}.so.1.0"):
            if (library / name).exists():
                (prefix / "lib" / name).symlink_to(library / name)
        site = open_site("auto", interpreters=Interpreters([prefix / "bin"]))
        site.serve_value("sys.prefix")
        assert site.value() == place
        assert any(place in note for note in site.hosting.notes(DOMAIN))
        site.hosting.close()


def test_without_a_view_everything_runs_on_real_paths_and_that_is_said(open_site: Open) -> None:
    site = open_site("none")
    site.write("/home/alice/mine", "mine")
    site.serve_value("[os.environ['HOME'], os.getcwd(), open('mine').read(), sys.path[0]]")
    home = str(site.disk.data / "home/alice")
    assert site.value() == [home, home, "mine", str(site.disk.data / "var/www")]
    (note,) = site.hosting.notes(DOMAIN)
    assert home in note
    assert "not as on the platform: " + note in site.log("server")


def test_a_machine_that_refuses_namespaces_runs_sites_without_and_says_so(open_site: Open) -> None:
    site = open_site("auto")
    site.disk.real("/tmp").rmdir()  # a view of the account cannot be built without it
    site.serve_value("os.getcwd()")
    assert site.value() == str(site.disk.data / "home/alice")
    assert "No such file" in site.hosting.notes(DOMAIN)[0]


@pytest.mark.parametrize("isolation", ["auto", "none"])
def test_a_working_directory_that_is_missing_is_replaced_by_the_home_and_that_is_said(
    open_site: Open, isolation: str
) -> None:
    site = open_site(isolation)
    site.serve_value("os.path.basename(os.getcwd())", working_directory="/home/alice/gone")
    assert site.value() == "alice"
    assert any("/home/alice/gone" in note for note in site.hosting.notes(DOMAIN))


def make_virtualenv(site: SiteOfAlice, place: str) -> None:
    """Without pip, which would take seconds; with a package of its own."""
    base = INTERPRETERS.nearest((sys.version_info[0], sys.version_info[1]))
    assert base
    real = site.disk.real(place)
    subprocess.run([base.executable, "-m", "venv", "--without-pip", str(real)], check=True)
    (real / "lib" / f"python{HERE}" / "site-packages" / "own.py").write_text("WHERE = 'virtualenv'")


@functools.cache
def python_for_everybody() -> str | None:
    """An interpreter that a user without rights may run, new enough for the sandbox itself."""
    for place in os.defpath.split(os.pathsep):
        found = probe(Path(place) / "python3") if place else None
        if found and found.version >= (3, 11, 0) and not found.executable.startswith(str(Path.home())):
            return found.executable
    return None


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder of nobody's with the package in it: the clone and pytest's folders may be for root only."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(ROOT / "deployer", folder / "deployer", ignore=shutil.ignore_patterns("__pycache__"))
        for module in ("tests", "tests/sandbox", "tests/sandbox/hosting"):
            (folder / module).mkdir()
            (folder / module / "__init__.py").touch()
        shutil.copy(Path(__file__).with_name("account.py"), folder / "tests/sandbox/hosting")
        os.chown(folder, NOBODY, NOBODY)
        yield folder


UNPRIVILEGED = """
import sys
from pathlib import Path
from tests.sandbox.hosting.account import DOMAIN, SiteOfAlice

site = SiteOfAlice(Path("data"))
site.write("/home/alice/mine", "mine")
site.serve_value("[open('/home/alice/mine').read(), os.getuid(), __file__]")
print([site.value(), site.hosting.notes(DOMAIN)])
site.hosting.close()
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="other tests show it where the suite itself has no rights")
def test_an_unprivileged_user_gets_a_view_too_and_stays_who_they_are(open_folder: Path) -> None:
    python = python_for_everybody()
    if python is None:
        pytest.skip("no Python 3.11 or newer that everybody may run")
    allowed = subprocess.run(
        ["unshare", "--user", "--mount", "true"], user=NOBODY, group=NOBODY, extra_groups=[], check=False
    )
    if allowed.returncode != 0:
        pytest.skip("this machine gives namespaces to root only")
    run = subprocess.run(
        [python, "-c", UNPRIVILEGED],
        cwd=open_folder,
        env={"PATH": os.defpath, "TMPDIR": str(open_folder)},
        user=NOBODY,
        group=NOBODY,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (run.stdout, run.stderr) == (f"[['mine', {NOBODY}, '{SITE.wsgi_path}'], ()]\n", "")
