"""An account on a sandbox with a repository, and the real command as a process that can be signalled."""

import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from deployer.sandbox import Sandbox, SandboxOptions, Switches
from deployer.sandbox.options import PlanName
from tests.builders.git import GitRepo
from tests.cli.project import Ended, Project

UNLIMITED = Switches(rate_limit="off")


@contextmanager
def account(
    folder: Path, *, plan: PlanName = "free-2025", switches: Switches = UNLIMITED
) -> Iterator[Project]:
    options = SandboxOptions(data=folder / "platform", user="alice", plan=plan, switches=switches)
    with Sandbox(options) as sandbox:
        yield Project(folder, sandbox, GitRepo(folder / "repo"))


@dataclass(frozen=True, slots=True)
class Running:
    """A command under way. Its output goes to files, so that it never waits for a reader."""

    process: subprocess.Popen[bytes]
    out: Path
    err: Path

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def has_taken_its_signals(self) -> bool:
        """Until then a second signal of the same kind would be lost in the first."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        pending = [line.split()[1] for line in status.splitlines() if line.startswith(("SigPnd", "ShdPnd"))]
        return all(int(mask, 16) == 0 for mask in pending)

    def ended(self, timeout_s: float = 30.0) -> Ended:
        """Wait for the end. Raises subprocess.TimeoutExpired."""
        status = self.process.wait(timeout_s)
        return Ended(status, self.out.read_text(), self.err.read_text())


@contextmanager
def running(
    project: Project, *arguments: str, repo: GitRepo | None = None, name: str = "command"
) -> Iterator[Running]:
    """One command in the repository, or in another one; killed if it outlives the block."""
    out, err = project.folder / f"{name}.out", project.folder / f"{name}.err"
    with out.open("wb") as stdout, err.open("wb") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "deployer", *arguments],
            cwd=(repo or project.repo).path,
            env=project.environment,
            stdout=stdout,
            stderr=stderr,
        )
    with process:
        try:
            yield Running(process, out, err)
        finally:
            process.kill()


def uploads(project: Project, folder: str) -> list[str]:
    """The paths below an account folder that were sent so far, each as often as it was."""
    prefix = f"/api/v0/user/{project.sandbox.user}/files/path{folder}/"
    project.sandbox.requests.wait_idle()
    return [
        entry.path.removeprefix(prefix)
        for entry in project.sandbox.requests.list()
        if entry.method == "POST" and entry.path.startswith(prefix)
    ]
