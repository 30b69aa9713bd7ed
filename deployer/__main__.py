"""Where the process begins and ends: the one place that turns an error into words and a status."""

import os
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

from deployer.errors import DeployerError, ExitStatus
from deployer.model.manifest import ManifestUnreadable


def main() -> NoReturn:
    """The console script `deployer`."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # started with it closed
            setattr(sys, name, Path(os.devnull).open("w", encoding="utf-8"))  # noqa: SIM115 - until the end

    def command_line() -> None:
        from deployer.cli.main import app

        app()

    status = run(command_line)
    _let_go_of_output()
    sys.exit(status)


def run(app: Callable[[], object]) -> int:
    """Run one command and return the process's exit status."""
    from deployer.cli import failure

    try:
        _call(app)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except (DeployerError, ManifestUnreadable) as error:
        return failure.show_any(error)
    except KeyboardInterrupt:
        failure.show_interrupted()
        return ExitStatus.TEMPORARY
    except BrokenPipeError:
        return ExitStatus.OK
    except Exception as error:  # noqa: BLE001 - the last stop before the user
        failure.show_bug(error)
        return ExitStatus.BUG
    return ExitStatus.OK


def _let_go_of_output() -> None:
    """What nobody takes any more must not become the exit status, as the interpreter would make it."""
    for stream in (sys.stdout, sys.stderr):
        try:
            stream.flush()
        except (OSError, ValueError):
            with suppress(OSError, ValueError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())


def _call(app: Callable[[], object]) -> None:
    """Ctrl-C stays what it is: typer would make an exit status of its own out of it, 130, and say nothing."""
    try:
        app()
    except SystemExit as ended:
        if isinstance(getattr(ended.__context__, "__cause__", None), KeyboardInterrupt):
            raise KeyboardInterrupt from None
        raise


if __name__ == "__main__":
    main()
