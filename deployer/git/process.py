"""Runs git for one repository, through GitPython."""

import os
import signal
from collections import deque
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from threading import Thread
from typing import IO, TYPE_CHECKING, Any

from deployer.errors import UsageError
from deployer.git.temporary import fill, open_temporary

if TYPE_CHECKING:
    from git import Repo

_CONFIGURATION = {
    "core.fsmonitor": "false",  # our own index is no reason to start a daemon
    "core.splitIndex": "false",  # would leave a shared index in the user's repository
    "core.warnAmbiguousRefs": "false",
}


class Git:
    """The git commands of one repository; `root` is where they run.

    The environment of the children names the repository. So a hook's GIT_DIR does not mislead them,
    and a repository that belongs to another user ("dubious ownership") is as good as our own, which
    changes nothing for anybody else. Replacements (`git replace`) are not looked at: they are one clone's
    own, and what is shipped is what the id of the commit stands for, everywhere.
    """

    def __init__(self, repo: "Repo") -> None:
        self.root = str(repo.working_dir)
        self._git = repo.git
        environment = {
            "GIT_DIR": str(repo.git_dir),
            "GIT_LITERAL_PATHSPECS": "1",
            "GIT_NO_REPLACE_OBJECTS": "1",
            "GIT_OPTIONAL_LOCKS": "0",
            **_configured(_CONFIGURATION),
        }
        if repo.working_tree_dir is not None:
            environment["GIT_WORK_TREE"] = str(repo.working_tree_dir)
        self._git.update_environment(**environment)

    def run(
        self,
        command: str,
        *arguments: str,
        stdin: bytes | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> bytes:
        """What one command prints. Raises UsageError with git's own words when it fails."""
        from git.exc import CommandError

        with open_temporary("given") as given:
            fill(given, (stdin or b"",))
            given.seek(0)
            try:
                printed = getattr(self._git, command)(
                    *arguments,
                    istream=given,
                    env=dict(environment or {}),
                    stdout_as_string=False,
                    strip_newline_in_stdout=False,
                )
            except CommandError as error:
                raise self._failed(command, str(error.stderr)) from error
        return bytes(printed)

    def start(self, command: str, *arguments: str) -> "Process":
        """A command that is written to and read from while it runs."""
        import subprocess

        running = getattr(self._git, command)(*arguments, as_process=True, istream=subprocess.PIPE)
        return Process(running)

    @contextmanager
    def reading(self, command: str, *arguments: str) -> Iterator[IO[bytes]]:
        """What one command prints, while it prints it. Raises UsageError when it fails in the end."""
        process = self.start(command, *arguments)
        try:
            yield process.stdout
            process.stdout.read()
            if process.wait():
                raise self._failed(command, process.said)
        finally:
            process.end()

    def _failed(self, command: str, said: str) -> UsageError:
        words = said.strip().removeprefix("stderr:").strip().strip("'").strip()
        return UsageError(
            f"git {command.replace('_', '-')} failed in {self.root}: {words or 'it does not say why'}"
        )


class Process:
    """A running git. Its stderr is read all the time, or a talkative filter would block it for ever."""

    def __init__(self, running: Any) -> None:
        self._running = running
        self.stdin: IO[bytes] = running.stdin
        self.stdout: IO[bytes] = running.stdout
        self._stderr: IO[bytes] = running.stderr
        self._lines: deque[bytes] = deque(maxlen=20)
        self._listener = Thread(target=self._listen, name="git-stderr", daemon=True)
        self._listener.start()

    @property
    def said(self) -> str:
        """The last lines of its stderr."""
        return b"".join(self._lines).decode("utf-8", "replace").strip()

    def wait(self) -> int:
        """Its exit status, once it has ended by itself."""
        self.stdin.close()
        status = self._running.proc.wait()
        self._listener.join()
        return int(status)

    def end(self) -> None:
        """End it wherever it is."""
        process = self._running.proc
        if process.poll() is None:
            process.terminate()
        with suppress(BrokenPipeError):  # what it was still to read does not matter any more
            self.stdin.close()
        process.wait()
        self._listener.join()
        self.stdout.close()
        self._stderr.close()

    def _listen(self) -> None:
        # A signal that lands in this thread would not wake the main one, which has to act on it.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
        self._lines.extend(self._stderr)


def _configured(settings: Mapping[str, str]) -> dict[str, str]:
    """Environment that adds settings to those that the environment has already."""
    first = int(os.environ.get("GIT_CONFIG_COUNT") or 0)
    environment = {"GIT_CONFIG_COUNT": str(first + len(settings))}
    for number, (key, value) in enumerate(settings.items(), start=first):
        environment[f"GIT_CONFIG_KEY_{number}"] = key
        environment[f"GIT_CONFIG_VALUE_{number}"] = value
    return environment
