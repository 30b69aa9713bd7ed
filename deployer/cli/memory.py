"""Opens this machine's history, for commands that need no account, no repository and no network."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from deployer.config import find_machine, load_machine, state_directory
from deployer.state import State


@contextmanager
def open_state(*, config: Path | None) -> Iterator[State]:
    """The state folder that the environment and deployer.toml name."""
    path = find_machine(config, os.environ)
    machine = load_machine(path) if path is not None else None
    with State(state_directory(machine, os.environ).value) as state:
        yield state
