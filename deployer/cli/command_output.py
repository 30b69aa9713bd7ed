"""What a command on the server says, on this machine's streams."""

import base64
import codecs
import json
import sys
from typing import Any

import typer

from deployer.cli.sentences import harmless
from deployer.remote import Ended, Stream


class AsItIs:
    """Byte for byte, so that it can be piped and compared. Raises BrokenPipeError when nobody reads it."""

    def output(self, stream: Stream, data: bytes) -> None:
        out = sys.stdout if stream == "stdout" else sys.stderr
        out.buffer.write(data)
        out.buffer.flush()

    def note(self, text: str) -> None:
        typer.echo(f"deployer: {harmless(text)}", err=True)

    def ended(self, ended: Ended) -> None:
        """Its exit status says the rest."""
        if ended.problem:
            self.note(_problem(ended))


class AsJson:
    """One object per line; `text` where what came is UTF-8, else the same bytes in `base64`."""

    def __init__(self) -> None:
        self._incomplete: dict[Stream, bytes] = {"stdout": b"", "stderr": b""}

    def output(self, stream: Stream, data: bytes) -> None:
        data = self._incomplete[stream] + data
        decoder = codecs.getincrementaldecoder("utf-8")()
        try:
            text = decoder.decode(data)
        except UnicodeDecodeError:
            self._incomplete[stream] = b""
            self._say(kind=stream, base64=base64.b64encode(data).decode())
            return
        # A character may be cut in two by the end of a part.
        self._incomplete[stream] = decoder.getstate()[0]
        if text:
            self._say(kind=stream, text=text)

    def note(self, text: str) -> None:
        self._say(kind="note", text=text)

    def ended(self, ended: Ended) -> None:
        for stream, rest in self._incomplete.items():
            if rest:
                self._say(kind=stream, base64=base64.b64encode(rest).decode())
        if ended.problem:
            self.note(_problem(ended))
        self._say(
            kind="ended",
            exit_status=ended.exit_status,
            signal=ended.signal,
            seconds=ended.seconds,
            via=ended.via,
            lost=ended.lost,
        )

    def _say(self, **fields: Any) -> None:
        sys.stdout.write(json.dumps(fields, ensure_ascii=False) + "\n")
        sys.stdout.flush()


def _problem(ended: Ended) -> str:
    if ended.by == "not-started":
        return f"the command could not be started on the server: {ended.problem}"
    return f"{ended.lost} bytes of its output could not be written on the server: {ended.problem}"
