"""`deployer run` as a process, and what is asked of it."""

import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from tests.builders.waiting import until
from tests.cli.project import Ended
from tests.daemon.place import Place


@dataclass(slots=True)
class Running:
    """One daemon process; `log` is its stderr."""

    place: Place
    process: subprocess.Popen[bytes]
    log: Path

    @property
    def url(self) -> str:
        return f"http://{self.place.listen}"

    def get(self, path: str) -> Any:
        """JSON of the daemon's own API."""
        answer = requests.get(f"{self.url}{path}", timeout=10)
        answer.raise_for_status()
        return answer.json()

    def site(self, name: str = "blog") -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"/api/sites/{name}")
        return found

    def events(self, name: str) -> list[dict[str, Any]]:
        """The log's lines of one event."""
        lines = (line for line in self.log.read_text().splitlines() if line.startswith("{"))
        return [event for event in map(json.loads, lines) if event["event"] == name]

    def signal(self, number: signal.Signals) -> None:
        self.process.send_signal(number)

    def command(self, *arguments: str) -> Ended:
        """One `deployer` command beside it."""
        return command(self.place, *arguments)

    def is_live(self, commit: str, name: str = "blog") -> bool:
        live = self.site(name)["live"]
        return live is not None and live["commit"] == commit and self.site(name)["running"] is None


def command(place: Place, *arguments: str) -> Ended:
    ended = subprocess.run(
        [sys.executable, "-m", "deployer", *arguments],
        cwd=place.folder,
        env=place.environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout, ended.stderr)


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def running(place: Place, *, waits: bool = True) -> Iterator[Running]:
    """Started, and with `waits` ready; killed when it outlives the block."""
    if place.listen.endswith(":0"):
        place.listen = f"127.0.0.1:{free_port()}"
    log = place.folder / "daemon.log"
    environment = place.environment
    with log.open("ab") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "deployer", "run"],
            cwd=place.folder,
            env=environment,
            stdout=stderr,
            stderr=stderr,
        )
    daemon = Running(place, process, log)
    with process:
        try:
            assert until(lambda: not waits or process.poll() is not None or _is_ready(daemon)), (
                log.read_text()
            )
            yield daemon
        finally:
            process.kill()


def _is_ready(daemon: Running) -> bool:
    try:
        return requests.get(f"{daemon.url}/readyz", timeout=5).status_code == 200
    except requests.ConnectionError:
        return False
