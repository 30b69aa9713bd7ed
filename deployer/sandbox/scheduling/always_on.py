"""Always-on tasks: programs that are started again whenever they end (help page AlwaysOnTasks)."""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass
from typing import BinaryIO

from deployer.sandbox.disk import AccountDisk
from deployer.sandbox.hosting import AccountCommands, IsolationError, RunningCommand
from deployer.sandbox.scheduling.clock import Clock
from deployer.sandbox.scheduling.log import note, opened, shell
from deployer.sandbox.store import Record

ALWAYS_ON = "always_on"
# How long the platform waits is not public. The pause doubles, until a program has run for a while.
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 5.0
STEADY_S = 10.0


@dataclass(eq=False, slots=True)
class Order:
    """What a program's thread is to do until there is another order; each one means a fresh start."""

    command: str | None  # None: run nothing
    last: bool = False


class Program:
    """One program, with a thread that starts, restarts and ends it. Thread-safe; nothing here waits."""

    def __init__(self, number: int, disk: AccountDisk, commands: AccountCommands, clock: Clock) -> None:
        self._log_path = f"/var/log/alwayson-log-{number}.log"
        self._disk = disk
        self._commands = commands
        self._clock = clock
        self._changed = threading.Condition()
        self._order = Order(None)
        self._thread = threading.Thread(target=self._obey, name=f"always-on-{number}", daemon=True)
        self._thread.start()

    def want(self, command: str | None, *, at_once: bool) -> None:
        """From now on this command, or none. What already runs as it should is left alone.

        Without `at_once` another command waits until the one that runs has ended.
        """
        with self._changed:
            if self._order.command == command:
                return
            if at_once or command is None or self._order.command is None:
                self._give(Order(command))
            else:
                self._order.command = command

    def restart(self) -> None:
        with self._changed:
            self._give(Order(self._order.command))

    def end(self) -> None:
        """For good."""
        with self._changed:
            self._give(Order(None, last=True))

    def join(self) -> None:
        self._thread.join()

    def _give(self, order: Order) -> None:
        if not self._order.last:
            self._order = order
            self._changed.notify_all()

    def _obey(self) -> None:
        order, pause_s = self._order, FIRST_PAUSE_S
        while not order.last:
            command = order.command
            if command is None:
                following = self._another(order, None)
            else:
                began = time.monotonic()
                following = self._run(order, command, pause_s)
                if following is order:
                    steady = time.monotonic() - began >= STEADY_S
                    following = self._another(order, FIRST_PAUSE_S if steady else pause_s)
                    pause_s = FIRST_PAUSE_S if steady else min(2 * pause_s, LONGEST_PAUSE_S)
            if following is not order:
                order, pause_s = following, FIRST_PAUSE_S

    def _another(self, order: Order, timeout_s: float | None) -> Order:
        """The next order; after the time the same one."""
        with self._changed:
            self._changed.wait_for(lambda: self._order is not order, timeout_s)
            return self._order

    def _run(self, order: Order, command: str, pause_s: float) -> Order:
        """Run it until it ends by itself, and return the same order; or until there is another one."""
        file = opened(self._disk, self._log_path)
        if file is None:
            return order
        with file:
            try:
                running = self._commands.start(shell(command), stdout=file)
            except (OSError, IsolationError) as error:
                note(file, self._clock.now(), f"The program could not be started: {error}")
                return order
            running.when_ended(self._notice)
            with self._changed:
                self._changed.wait_for(lambda: self._order is not order or running.status is not None)
                following = self._order
            if following is order:
                self._tell_end(file, running, pause_s)
            running.end()
        return following

    def _notice(self, _: RunningCommand) -> None:
        with self._changed:
            self._changed.notify_all()

    def _tell_end(self, file: BinaryIO, running: RunningCommand, pause_s: float) -> None:
        """Whether the platform's log has such a line is not public; a person looks for one."""
        text = f"Program ended, return code was {running.status}. It is started again in {pause_s:g} seconds."
        note(file, self._clock.now(), text)


class Programs:
    """All of the account's. Used by the thread that serves, and by the one that opens and closes."""

    def __init__(self, disk: AccountDisk, commands: AccountCommands, clock: Clock) -> None:
        self._disk = disk
        self._commands = commands
        self._clock = clock
        self._programs: dict[int, Program] = {}

    def load(self, tasks: Iterable[Record]) -> None:
        """Start the programs of an earlier sandbox on this data folder."""
        for task in tasks:
            self.put(task)

    def put(self, task: Record, *, at_once: bool = True) -> None:
        """A program that is new, or was changed: `at_once`, or from its next start on."""
        program = self._programs.get(task.id)
        if program is None:
            program = Program(task.id, self._disk, self._commands, self._clock)
            self._programs[task.id] = program
        program.want(task.body["command"] if task.body["enabled"] else None, at_once=at_once)

    def restart(self, number: int) -> None:
        """Afresh, without a pause. One that is disabled stays so."""
        self._programs[number].restart()

    def drop(self, number: int) -> None:
        self._programs.pop(number).end()

    def close(self) -> None:
        """End all of them; returns when that is done."""
        programs = list(self._programs.values())
        for program in programs:
            program.end()
        for program in programs:
            program.join()
