r"""The machine's own systemd, booted as the first process of private namespaces on a throw-away root.

    with systemd_box() as box:
        box.write("/etc/systemd/system/hello.service", "[Service]\nExecStart=/bin/echo hello\n")
        box.run("systemctl", "daemon-reload")
        box.run("systemctl", "start", "hello")

The root is an overlay of this machine's `/`: everything installed here is there, nothing written in it stays.
The network is shared, so that tests and services meet on 127.0.0.1. All of it is in one cgroup, and ends with
the block. It needs root; `why_not` says what else.
"""

import ctypes
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.builders.waiting import until

SYSTEMD = Path("/lib/systemd/systemd")
TOOLS = ("unshare", "nsenter", "mount", "umount", "pivot_root", "systemctl", "journalctl")
CGROUPS = Path("/sys/fs/cgroup")
ENTRY = ("unshare", "--mount", "--propagation=private", "--pid", "--fork", "--ipc", "--uts", "--cgroup")
TARGET = "box.target"
"""Reached when the box has booted: nothing but the basics, so that no service of this machine starts."""
DROP_CAPABILITY = 24
"""PR_CAPBSET_DROP of prctl(2)."""
OF_THE_KERNEL = (16, 25)
"""CAP_SYS_MODULE and CAP_SYS_TIME: the kernel's modules and clock are this machine's, too."""
BOOT_LIMIT_S = 30.0
PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclass(frozen=True, slots=True)
class Box:
    """A booted one."""

    pid: int
    """Of its first process, as this machine counts."""

    def path(self, inside: str) -> Path:
        """How this process reaches a path of the box; a link to an absolute path leads out of it again."""
        return Path(f"/proc/{self.pid}/root") / inside.lstrip("/")

    def write(self, inside: str, content: str | bytes, *, mode: int = 0o644) -> None:
        file = self.path(inside)
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        file.chmod(mode)

    def run(self, *command: str, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
        """A command of the box's root, in all its namespaces."""
        ended = subprocess.run(
            ["nsenter", f"--target={self.pid}", "--all", "--wd=/", *command],
            env={"PATH": PATH, "LANG": "C.UTF-8", **environment},
            capture_output=True,
            text=True,
            timeout=90,
            check=False,
        )
        if check and ended.returncode != 0:
            raise AssertionError(f"{' '.join(command)} ended with {ended.returncode}\n{ended.stderr}")
        return ended

    def show(self, unit: str, name: str) -> str:
        """One property of a unit."""
        return self.run("systemctl", "show", "--value", f"--property={name}", unit).stdout.strip()

    def main_pid(self, unit: str) -> int:
        """The service's main process, as the box counts; 0: there is none."""
        return int(self.show(unit, "MainPID"))

    def kill(self, pid: int, number: signal.Signals) -> None:
        """Send a signal to a process that the box counts as `pid`."""
        self.run("/bin/kill", f"-{number.value}", str(pid))

    def journal(self, *match: str) -> list[dict[str, Any]]:
        """The journal's entries that match, the oldest first."""
        found = self.run("journalctl", "--output=json", "--all", "--no-pager", *match, check=False)
        return [json.loads(line) for line in found.stdout.splitlines()]


def why_not() -> str:
    """Why no box can be booted here; empty when one can."""
    if os.geteuid() != 0:
        return "booting systemd in namespaces needs root"
    if not SYSTEMD.exists():
        return f"no systemd on this machine: {SYSTEMD} is missing"
    if missing := [tool for tool in TOOLS if shutil.which(tool) is None]:
        return f"missing here: {', '.join(missing)}"
    hierarchy = _cgroup_hierarchy()
    if hierarchy is None:
        return f"no writable cgroup2 hierarchy at {CGROUPS}"
    probe = (
        "mount -t tmpfs tmpfs $0 && mkdir $0/up $0/work $0/root && "
        "mount -t overlay overlay -o lowerdir=/,upperdir=$0/up,workdir=$0/work $0/root"
    )
    with tempfile.TemporaryDirectory(prefix="box-", dir="/var/tmp") as folder:
        tried = subprocess.run(
            [*ENTRY, "sh", "-c", probe, folder], capture_output=True, text=True, timeout=30, check=False
        )
    return "" if tried.returncode == 0 else f"no namespaces of our own here: {tried.stderr.strip()}"


@contextmanager
def systemd_box(binds: Mapping[Path, str] | None = None) -> Iterator[Box]:
    """Boot one; `binds` maps folders of this machine to where they can be read in the box."""
    hierarchy = _cgroup_hierarchy()
    assert hierarchy is not None, why_not()
    base = Path(tempfile.mkdtemp(prefix="box-", dir="/var/tmp"))
    group = hierarchy / base.name
    group.mkdir()
    wanted = json.dumps([[str(source.resolve()), inside] for source, inside in (binds or {}).items()])
    process = subprocess.Popen(
        [
            *("sh", "-c", 'echo $$ >"$0/cgroup.procs" && exec "$@"', str(group)),
            *(*ENTRY, "--kill-child=SIGKILL", sys.executable, __file__, str(base), wanted),
        ],
        cwd=Path(__file__).parents[2],
        env={"PATH": PATH, "PYTHONPATH": str(Path(__file__).parents[2])},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    try:
        yield _booted(process)
    finally:
        process.kill()
        process.communicate()
        until(lambda: _remove(group), timeout_s=10.0)
        base.rmdir()


def _booted(process: subprocess.Popen[bytes]) -> Box:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")

    def child() -> int | None:
        with suppress(OSError):
            if found := children.read_text().split():
                return int(found[0])
        return None

    def is_up() -> bool:
        pid = child()
        if process.poll() is not None:
            raise AssertionError(f"the box did not boot: {(process.communicate()[0] or b'').decode()}")
        if pid is None or Path(f"/proc/{pid}/comm").read_text().strip() != "systemd":
            return False
        return Box(pid).run("systemctl", "is-active", TARGET, check=False).stdout.strip() == "active"

    assert until(is_up, timeout_s=BOOT_LIMIT_S), "the box did not boot in time"
    pid = child()
    assert pid is not None
    return Box(pid)


def _cgroup_hierarchy() -> Path | None:
    """Where cgroup2 is mounted: alone, or beside the older hierarchies."""
    for place in (CGROUPS / "unified", CGROUPS):
        if (place / "cgroup.procs").exists() and os.access(place, os.W_OK):
            return place
    return None


def _remove(group: Path) -> bool:
    """Whether it is gone; busy for as long as the last of its processes has not ended."""
    try:
        for folder, _, _ in os.walk(group, topdown=False):
            Path(folder).rmdir()
    except OSError:
        return not group.exists()
    return True


def _mount(*arguments: str) -> None:
    subprocess.run(["mount", *arguments], check=True)


def _boot(base: Path, binds: list[tuple[str, str]]) -> None:
    """Runs as the first process of the new namespaces, and becomes systemd."""
    _mount("-t", "tmpfs", "-o", "size=2G", "tmpfs", str(base))
    root, upper, work = base / "root", base / "upper", base / "work"
    for folder in (root, upper, work):
        folder.mkdir()
    _mount("-t", "overlay", "-o", f"lowerdir=/,upperdir={upper},workdir={work}", "overlay", str(root))
    for source, inside in binds:
        (root / inside.lstrip("/")).mkdir(parents=True, exist_ok=True)
        _mount("--bind", source, str(root / inside.lstrip("/")))
        _mount("-o", "remount,bind,ro", str(root / inside.lstrip("/")))
    units = root / "etc/systemd/system"
    units.mkdir(parents=True, exist_ok=True)
    (units / TARGET).write_text(
        "[Unit]\nRequires=basic.target\nAfter=basic.target\nAllowIsolate=yes\n", encoding="utf-8"
    )
    (units / "timers.target").symlink_to("/dev/null")
    (root / "etc/machine-id").write_text("", encoding="utf-8")
    _kernel_folders(root)
    old = root / "mnt"
    os.chdir(root)
    subprocess.run(["pivot_root", ".", str(old.relative_to(root))], check=True)
    os.chroot(".")
    subprocess.run(["umount", "--lazy", "/mnt"], check=True)
    # Credentials are mounted for the service by a process of its own: private mounts would keep them there.
    _mount("--make-rshared", "/")
    for capability in OF_THE_KERNEL:
        ctypes.CDLL(None).prctl(DROP_CAPABILITY, capability, 0, 0, 0)
    os.execve(SYSTEMD, [str(SYSTEMD), f"--unit={TARGET}"], {"container": "other", "PATH": PATH})


def _kernel_folders(root: Path) -> None:
    """/proc, /sys, /dev, /run and /tmp of the box; a full /tmp would take systemd seconds."""
    _mount("-t", "proc", "proc", str(root / "proc"))
    _mount("--rbind", "/sys", str(root / "sys"))
    subprocess.run(["umount", "--lazy", str(root / "sys/fs/cgroup")], check=True)
    # The kernel's and the network's settings are this machine's: systemd leaves alone what it cannot write.
    _mount("--bind", str(root / "proc/sys"), str(root / "proc/sys"))
    for inside in ("proc/sys", "sys"):
        _mount("-o", "remount,bind,ro", str(root / inside))
    _mount("-t", "cgroup2", "cgroup2", str(root / "sys/fs/cgroup"))
    for inside, mode in (("dev", "755"), ("run", "755"), ("tmp", "1777")):
        _mount("-t", "tmpfs", "-o", f"mode={mode}", "tmpfs", str(root / inside))
    devices = root / "dev"
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        (devices / name).touch()
        _mount("--bind", f"/dev/{name}", str(devices / name))
    for name, target in (("fd", "/proc/self/fd"), ("ptmx", "pts/ptmx")):
        (devices / name).symlink_to(target)
    for name, kind, options in (
        ("pts", "devpts", "newinstance,ptmxmode=0666"),
        ("shm", "tmpfs", "mode=1777"),
    ):
        (devices / name).mkdir()
        _mount("-t", kind, "-o", options, kind, str(devices / name))


if __name__ == "__main__":
    _boot(Path(sys.argv[1]), json.loads(sys.argv[2]))
