"""Where the process begins and ends: the one place that turns an error into words and a status."""

import sys
from collections.abc import Callable
from typing import NoReturn

from deployer.errors import DeployerError, ExitStatus


def main() -> NoReturn:
    """The console script `deployer`."""

    def command_line() -> None:
        from deployer.cli.main import app

        app()

    sys.exit(run(command_line))


def run(app: Callable[[], object]) -> int:
    """Run one command and return the process's exit status."""
    from deployer.cli import failure

    try:
        _call(app)
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except DeployerError as error:
        failure.show(error)
        return error.exit_status
    except KeyboardInterrupt:
        failure.show_interrupted()
        return ExitStatus.TEMPORARY
    except BrokenPipeError:
        failure.close_broken_pipe()
        return ExitStatus.OK
    except Exception as error:  # noqa: BLE001 - the last stop before the user
        failure.show_bug(error)
        return ExitStatus.BUG
    return ExitStatus.OK


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
