"""Whether and how sites get the account's own view of the machine."""

import json
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal

from deployer.sandbox.disk import AccountDisk
from deployer.sandbox.hosting.model import IsolationError

Isolation = Literal["auto", "namespace", "none"]

SCRIPT = Path(__file__).with_name("enclose.py")
PROBE_LIMIT_S = 20.0
LAUNCHER = (sys.executable, "-I", "-S", str(SCRIPT))


@dataclass(frozen=True, slots=True)
class Support:
    enclosed: bool
    note: str  # what is different from the platform, "" where nothing is


class Enclosure:
    """Turns a command into one that sees `/home/<user>`, `/var/www`, `/var/log` and `/tmp` of the account.

    With "auto" the machine decides; "namespace" insists and "none" declines. Without a view of its own a site
    sees the machine as it is, and the account's paths mean nothing to it: `shown` then gives the real ones.
    """

    def __init__(self, disk: AccountDisk, isolation: Isolation = "auto") -> None:
        self._disk = disk
        self._isolation = isolation
        self._binds = [(str(disk.real(root)), root) for root in disk.roots]

    @cached_property
    def support(self) -> Support:
        """Found out once, by trying. Raises IsolationError where "namespace" is asked for in vain."""
        if self._isolation == "none":
            return Support(enclosed=False, note=self._open_note("as asked"))
        command = [*LAUNCHER, self._order("/", [], keep=[])]
        try:
            run = subprocess.run(command, capture_output=True, text=True, timeout=PROBE_LIMIT_S, check=False)
        except (OSError, subprocess.SubprocessError) as error:
            return self._unsupported(str(error))
        if run.returncode != 0:
            return self._unsupported((run.stderr.splitlines() or ["no reason given"])[-1])
        if not json.loads(run.stdout)["read_only"]:
            note = "sites may write to this machine's own files: its kernel has no mount_setattr (Linux 5.12)"
            return Support(enclosed=True, note=note)
        return Support(enclosed=True, note="")

    def shown(self, account_path: str) -> str:
        """The path by which a site reaches this account path. Raises OutsideAccountError."""
        return account_path if self.support.enclosed else str(self._disk.real(account_path))

    def command(self, command: Sequence[str], *, directory: str, keep: Sequence[str]) -> list[str]:
        """The command as it has to be started; `keep` are machine paths that it needs at their own place."""
        if not self.support.enclosed:
            return list(command)
        return [*LAUNCHER, self._order(directory, command, keep=keep)]

    def covers(self, machine_path: str) -> bool:
        """Whether the account's directories lie over this path of the machine."""
        return self.support.enclosed and self._disk.reachable(machine_path)

    def _order(self, directory: str, command: Sequence[str], *, keep: Sequence[str]) -> str:
        order = {"binds": self._binds, "keep": list(keep), "directory": directory, "command": list(command)}
        return json.dumps(order)

    def _unsupported(self, reason: str) -> Support:
        if self._isolation == "namespace":
            raise IsolationError(
                f"This machine gives sites no view of their own ({reason}). Nothing was started. "
                'Use isolation="auto" to run them without one.'
            )
        return Support(enclosed=False, note=self._open_note(reason))

    def _open_note(self, reason: str) -> str:
        return (
            f"sites see this machine's files, not the account's view of them ({reason}): {self._disk.home} "
            f"is {self._disk.data}{self._disk.home}, and likewise /var/www, /var/log and /tmp; HOME and the "
            "working directory are real paths, and code that spells out account paths does not find them"
        )
