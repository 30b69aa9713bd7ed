"""The structured log as entries of systemd's journal: `journalctl DEPLOYMENT=…` finds a deployment's.

The message of an entry is the JSON line that would otherwise go to stderr. The protocol is the one that
systemd.io/JOURNAL_NATIVE_PROTOCOL describes. Where an entry cannot be delivered, the line goes to stderr.
"""

import json
import os
import socket
import sys
from collections.abc import Iterator, Mapping, MutableMapping
from pathlib import Path
from typing import Any, TextIO, cast

SOCKET = Path("/run/systemd/journal/socket")
IDENTIFIER = ("SYSLOG_IDENTIFIER", "deployer")
FIELDS = {"deployment": "DEPLOYMENT", "domain": "DOMAIN", "site": "SITE", "event": "EVENT"}
"""What of an event can be searched for, and how it is called then."""
PRIORITIES = {"debug": 7, "info": 6, "warning": 4, "error": 3, "critical": 2}


def journal_stream(environ: MutableMapping[str, str] = os.environ) -> TextIO | None:
    """Where `events.configure` may write to; None where stderr does not lead to the journal.

    $JOURNAL_STREAM names what the manager connected stderr to; it is taken out of the environment, because
    it is true of this process only.
    """
    device, _, inode = environ.pop("JOURNAL_STREAM", "").partition(":")
    try:
        found = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError, AttributeError):
        return None
    if (device, inode) != (str(found.st_dev), str(found.st_ino)) or not SOCKET.is_socket():
        return None
    return cast("TextIO", Journal(SOCKET, otherwise=sys.stderr))


class Journal:
    """As much of a text stream as a log needs: it takes lines, however they are cut into pieces."""

    def __init__(self, path: Path, *, otherwise: TextIO) -> None:
        self._path = str(path)
        self._otherwise = otherwise
        self._begun = ""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC)

    def isatty(self) -> bool:
        return False

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            if line:
                self._send(line)
        return len(text)

    def flush(self) -> None:
        """Every whole line has gone already."""

    def close(self) -> None:
        self._socket.close()

    def _send(self, line: str) -> None:
        try:
            self._socket.sendto(b"".join(entry(line)), self._path)
        except OSError:  # the journal is away, or the line longer than a datagram may be
            print(line, file=self._otherwise, flush=True)


def entry(line: str) -> Iterator[bytes]:
    """The fields of an entry for one line of the log."""
    event = _parsed(line)
    yield _field("MESSAGE", line)
    yield _field("PRIORITY", str(PRIORITIES.get(str(event.get("level")), 6)))
    yield _field(*IDENTIFIER)
    # An order has the id that its deployment will have.
    for name, field in FIELDS.items():
        value = event.get(name) or (event.get("order") if name == "deployment" else None)
        if isinstance(value, str) and value:
            yield _field(field, value)


def _parsed(line: str) -> Mapping[str, Any]:
    try:
        found = json.loads(line)
    except ValueError:
        return {}
    return found if isinstance(found, dict) else {}


def _field(name: str, value: str) -> bytes:
    """With its length, because a value may hold line ends."""
    content = value.encode(errors="replace")
    return name.encode() + b"\n" + len(content).to_bytes(8, "little") + content + b"\n"
