"""Which consoles run. A console is a record that outlives its program, and the sandbox."""

import asyncio
import shlex

from deployer.sandbox.consoles.programs import command_of
from deployer.sandbox.consoles.terminal import Size, Terminal, start
from deployer.sandbox.hosting import AccountCommands, RunningCommand
from deployer.sandbox.store import Record
from deployer.sandbox.threads import Threads


class NotHereError(Exception):
    """This machine does not have the program, or no longer."""


class Consoles:
    """Used by the serving thread only."""

    def __init__(self, commands: AccountCommands, threads: Threads) -> None:
        self._commands = commands
        self._threads = threads
        self._terminals: dict[int, Terminal] = {}
        self._starting: dict[int, asyncio.Task[Terminal]] = {}

    async def can_run(self, executable: str) -> bool:
        return await self._threads.run(command_of, self._commands, executable) is not None

    def terminal(self, record: Record) -> Terminal | None:
        """Of the program that runs, or was the last to run; None before the first, and after a restart."""
        return self._terminals.get(record.id)

    async def load(self, record: Record, size: Size) -> Terminal:
        """As a browser does that opens the page: the program is started, where it does not run yet.

        Raises NotHereError and OSError.
        """
        terminal = self._terminals.get(record.id)
        if terminal is None or terminal.ended:
            if record.id not in self._starting:
                self._starting[record.id] = asyncio.create_task(self._start(record, size))
            terminal = await asyncio.shield(self._starting[record.id])  # others may be waiting for it, too
        terminal.resize(size)
        return terminal

    async def kill(self, record: Record) -> None:
        """End its program, and with it what the browsers see."""
        if record.id in self._starting:
            await asyncio.gather(self._starting[record.id], return_exceptions=True)
        terminal = self._terminals.pop(record.id, None)
        if terminal is not None:
            await self._threads.run(terminal.end)

    async def close(self) -> None:
        await asyncio.gather(*self._starting.values(), return_exceptions=True)
        await asyncio.gather(*(self._threads.run(each.end) for each in self._terminals.values()))
        for terminal in self._terminals.values():
            terminal.close()

    async def _start(self, record: Record, size: Size) -> Terminal:
        try:
            running, master = await self._threads.run(self._begin, record, size)
            terminal = self._terminals[record.id] = Terminal(running, master, size)
        finally:
            del self._starting[record.id]
        return terminal

    def _begin(self, record: Record, size: Size) -> tuple[RunningCommand, int]:
        body = record.body
        command = command_of(self._commands, body["executable"])
        if command is None:
            raise NotHereError(f"{body['executable']} is not on this machine any more. Nothing was started.")
        arguments = shlex.split(body["arguments"] or "")
        return start(self._commands, [*command, *arguments], directory=body["working_directory"], size=size)
