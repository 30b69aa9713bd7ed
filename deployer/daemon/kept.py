"""A JSON object in a file of the state folder: small things that a restart must not forget."""

import json
import os
from pathlib import Path
from typing import Any

from deployer.errors import UsageError
from deployer.events import log


class Kept:
    """One file, written as a whole: whoever reads it finds the old or the new content, never a part."""

    def __init__(self, file: Path) -> None:
        """Nothing is read or made yet."""
        self._file = file

    def read(self) -> dict[str, Any]:
        """Empty where there is no file, or a damaged one: what is kept here can be found out again."""
        try:
            content = json.loads(self._file.read_bytes())
        except FileNotFoundError:
            return {}
        except (OSError, ValueError) as error:
            log.warning("kept_unreadable", file=self._file.name, problem=type(error).__name__)
            return {}
        return content if isinstance(content, dict) else {}

    def write(self, content: dict[str, Any]) -> None:
        """Survives a kill at any moment, and a power failure. Raises UsageError when it cannot be written."""
        beside = self._file.with_name(f".{self._file.name}.new")
        try:
            self._file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            with open(beside, "w", encoding="utf-8", opener=_private) as file:
                json.dump(content, file, ensure_ascii=False, indent=1)
                file.flush()
                os.fsync(file.fileno())
            beside.replace(self._file)
        except OSError as error:
            raise UsageError(
                f"{self._file} cannot be written: {error.strerror}",
                hint="Make room there, or name another folder with [daemon] state in deployer.toml.",
            ) from error


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, mode=0o600)
