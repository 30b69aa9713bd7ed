"""What a console's page and the sandbox say to each other over their websocket, in JSON.

page     input    text that was typed
         answer   text that a program has asked its terminal for
         size     columns and rows of the page
         shown    one more `output` has been dealt with
sandbox  size     columns and rows of the terminal: those of the page that was sized last
         output   text; `replay`: of before this page came; `fresh`: what stood there is to be forgotten
         ended    the program's exit status, or the signal that ended it as a negative number
"""

import asyncio
import json

from starlette.websockets import WebSocket, WebSocketDisconnect

from deployer.sandbox.consoles.terminal import Size, Terminal

NOT_UNDERSTOOD = 1008
UNSHOWN = 2  # outputs on their way at a time: a browser would store whatever comes, and show it much later


class Wire:
    """Between one page and a terminal."""

    def __init__(self, socket: WebSocket, terminal: Terminal, watcher: asyncio.Event) -> None:
        self._socket = socket
        self._terminal = terminal
        self._watcher = watcher
        self._unshown = 0

    async def attend(self) -> None:
        """Returns when the page is gone, or the program has ended and the page knows it."""
        showing = asyncio.create_task(self._show())
        try:
            while (message := await self._socket.receive())["type"] == "websocket.receive":
                try:
                    self._take(message.get("text") or "")
                except (ValueError, RecursionError):
                    showing.cancel()
                    await self._socket.close(NOT_UNDERSTOOD, "Not what a console's page says")
                    break
        except WebSocketDisconnect:
            pass
        finally:
            showing.cancel()
            await asyncio.gather(showing, return_exceptions=True)

    def _take(self, text: str) -> None:
        """Do what the page says. Raises ValueError."""
        match json.loads(text):
            case {"kind": "input", "text": str(typed)}:
                self._terminal.type(typed)
            case {"kind": "answer", "text": str(answer)}:
                if self._terminal.is_first(self._watcher):
                    self._terminal.type(answer)
            case {"kind": "size", "columns": int(columns), "rows": int(rows)}:
                self._terminal.resize(Size(columns, rows).possible())
            case {"kind": "shown"}:
                self._unshown -= 1
                self._watcher.set()
            case other:
                raise ValueError(other)

    async def _show(self) -> None:
        """A page that is slower than the program misses the middle, and keeps nobody waiting."""
        terminal, transcript = self._terminal, self._terminal.transcript
        position, replayed = 0, transcript.end
        size: Size | None = None
        while True:
            self._watcher.clear()
            if terminal.size != size:
                size = terminal.size
                await self._say(kind="size", columns=size.columns, rows=size.rows)
            if position < transcript.end and self._unshown < UNSHOWN:
                fresh, replay = position < transcript.begin, position < replayed
                text = transcript.after(position)
                position = transcript.end
                if fresh:
                    text = text[text.find("\n") + 1 :]  # not from the middle of a line, or of a sequence
                self._unshown += 1
                await self._say(kind="output", text=text, replay=replay, fresh=fresh)
            elif position == transcript.end and terminal.ended:
                await self._say(kind="ended", status=terminal.status)
                await self._socket.close()
                return
            else:
                await self._watcher.wait()

    async def _say(self, **message: object) -> None:
        await self._socket.send_text(json.dumps(message))
