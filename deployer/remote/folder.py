"""A run's folder on the server: all that we and the wrapper (`on_server.py`) say to each other.

One listing of it costs one request and tells everything: what has begun, which output is whole, whether the
command goes on, and that it has ended.
"""

import re
import secrets
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Final, Self

from deployer.errors import ApiError, NotFound
from deployer.events import log
from deployer.pythonanywhere import PythonAnywhere
from deployer.remote.command import Command, Ended, Stream

WRAPPER: Final = Path(__file__).with_name("on_server.py")
STALE: Final = timedelta(days=1)
"""No command runs for so long: what is older was left behind by somebody who was killed."""
_STREAMS: Final[dict[str, Stream]] = {"out": "stdout", "err": "stderr"}
_SEGMENT: Final = re.compile(r"([0-9]{6,})\.(out|err)")
_NAME: Final = re.compile(r"([0-9]{8}T[0-9]{6})-[0-9a-f]{8}")
_STAMP: Final = "%Y%m%dT%H%M%S"


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What one listing told."""

    started: bool
    ended: bool
    segments: dict[int, Stream]
    """By number, from 1 on; the server may show a later one first."""
    alive: str
    """Changes as long as the wrapper is at work."""


class RunFolder:
    def __init__(self, api: PythonAnywhere, path: str) -> None:
        self._api = api
        self.path = path

    @classmethod
    def new(cls, api: PythonAnywhere, root: str) -> Self:
        """Below `root`, with a name that nobody has used; nothing is written yet."""
        return cls(api, f"{root}/{api.server_time():{_STAMP}}-{secrets.token_hex(4)}")

    @property
    def name(self) -> str:
        return self.path.rpartition("/")[2]

    @property
    def line(self) -> str:
        """What starts the command, in any shell. -I -S: the wrapper needs nothing of the account's own."""
        return f"python3 -IS {shlex.quote(f'{self.path}/run.py')}"

    def put(self, command: Command, *, start_within_s: float) -> None:
        self._api.files.write(f"{self.path}/order.json", command.order(start_within_s=start_within_s))
        self._api.files.write(f"{self.path}/run.py", WRAPPER.read_bytes())

    def look(self) -> Seen:
        names = self._api.files.list_directory(self.path)
        matches = (_SEGMENT.fullmatch(name) for name in names)
        return Seen(
            started="started" in names,
            ended="status.json" in names,
            segments={int(found[1]): _STREAMS[found[2]] for found in matches if found},
            alive=next((name for name in names if name.startswith("alive.")), ""),
        )

    def segment(self, number: int, stream: Stream) -> bytes:
        """Raises NotFound where the server lists it and cannot read it yet."""
        ending = "out" if stream == "stdout" else "err"
        return self._api.files.read(f"{self.path}/{number:06}.{ending}")

    def status(self) -> Ended:
        return Ended.load(self._api.files.read(f"{self.path}/status.json"))

    def cancel(self) -> None:
        """The wrapper looks for it several times a second, and once before it begins."""
        self._api.files.write(f"{self.path}/cancel", b"")

    def delete(self) -> None:
        self._api.files.delete(self.path)


def delete_stale(api: PythonAnywhere, root: str) -> None:
    """What runs that were killed have left below `root`. Never a reason to fail."""
    try:
        for path in _stale(api, root):
            log.info("run_left_behind", path=path)
            api.files.delete(path)
    except ApiError as error:
        log.warning("run_not_tidied", path=root, problem=error.message)


def _stale(api: PythonAnywhere, root: str) -> Iterator[str]:
    try:
        names = api.files.list_directory(root)
    except NotFound:
        return
    for name in names:
        if found := _NAME.fullmatch(name):
            begun = datetime.strptime(found[1], _STAMP).replace(tzinfo=UTC)
            if begun + STALE < api.server_time():
                yield f"{root}/{name}"
