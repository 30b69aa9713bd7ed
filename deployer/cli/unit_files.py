"""Writes and removes unit files, and asks the manager; never touches a file that we did not write."""

import os
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from deployer.errors import NeedsPerson, UsageError
from deployer.service import is_ours, listens_on

SYSTEM_FOLDER = Path("/etc/systemd/system")


@dataclass(frozen=True, slots=True)
class Manager:
    """systemd: the machine's, or the one of a user."""

    own_manager: bool

    @property
    def command(self) -> tuple[str, ...]:
        return ("systemctl", "--user") if self.own_manager else ("systemctl",)

    def tell(self, *arguments: str) -> str:
        """Run systemctl and return what was run. Raises NeedsPerson with its words where it fails."""
        shown = " ".join((*self.command, *arguments))
        ended = self._run(*arguments)
        if ended.returncode != 0:
            raise NeedsPerson(
                f"`{shown}` ended with {ended.returncode}: {ended.stderr.strip()}",
                left="The unit files are as said above.",
                hint=f"See journalctl{' --user' if self.own_manager else ''} -e, then run this again.",
            )
        return shown

    def properties(self, unit: str, *names: str) -> Mapping[str, str]:
        """What the manager knows of a unit; empty values for what it does not."""
        ended = self._run("show", f"--property={','.join(names)}", unit)
        found = dict(line.split("=", 1) for line in ended.stdout.splitlines() if "=" in line)
        return {name: found.get(name, "") for name in names}

    def version(self) -> int:
        """Of systemd."""
        word = self._run("--version").stdout.split()[1:2]
        return int(word[0]) if word and word[0].isdecimal() else 0

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        try:
            return subprocess.run(
                [*self.command, *arguments], capture_output=True, text=True, timeout=300, check=False
            )
        except FileNotFoundError:
            raise UsageError(
                "systemctl is not on this machine, so systemd is not either",
                hint="Run `deployer run` by other means; it needs no systemd.",
            ) from None


def unit_folder(*, own_manager: bool, root: Path | None) -> Path:
    """Where units of this kind lie, below another root if one is given."""
    if not own_manager:
        folder = SYSTEM_FOLDER
    else:
        folder = Path(os.environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser() / "systemd" / "user"
    return folder if root is None else root.absolute() / folder.relative_to("/")


def there(folder: Path, unit: str) -> str | None:
    """The unit's text; None: no such file. Raises UsageError when it cannot be read."""
    try:
        return (folder / unit).read_text(encoding="utf-8")
    except FileNotFoundError:
        return None
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{folder / unit} cannot be read: {error}") from None


def foreign(folder: Path, units: Mapping[str, str]) -> list[Path]:
    """Those of the files that somebody else wrote."""
    return [
        folder / unit for unit in units if (text := there(folder, unit)) is not None and not is_ours(text)
    ]


def rivals(folder: Path, units: Mapping[str, str]) -> Iterator[str]:
    """Which other units of ours listen where these would."""
    wanted = {address for text in units.values() if (address := listens_on(text)) is not None}
    for file in sorted(folder.glob("*.socket")):
        text = there(folder, file.name)
        if file.name not in units and text is not None and listens_on(text) in wanted:
            yield f"{file} listens on {listens_on(text)}, too: give this one another in its deployer.toml"


def write(folder: Path, unit: str, text: str) -> None:
    """In place of the file that is there, whole or not at all."""
    folder.mkdir(parents=True, exist_ok=True)
    half = folder / f".{unit}.new"
    half.write_text(text, encoding="utf-8")
    half.chmod(0o644)
    half.replace(folder / unit)
