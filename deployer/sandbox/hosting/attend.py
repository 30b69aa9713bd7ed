"""Runs one command and ends it, with what it left in its session, when the sandbox is gone.

A script of its own, between the sandbox and the command: a process that is killed cannot tidy up, but the
pipe that it held open ends, and somebody else can notice that. What to do comes as JSON:

    command   what to run; it becomes the leader of a session of its own
    lifeline  descriptor of the pipe: at its end the command is killed
    report    descriptor for two lines of JSON: {"pid": …} at once, {"status": …, "cpu_s": …} at the end,
              where a negative status is the signal, and CPU seconds are of the command and its children
    terminal  whether descriptor 0 becomes the session's terminal
"""

import contextlib
import fcntl
import json
import os
import signal
import sys
import termios
import threading


def say(report: int, **facts: float) -> None:
    with contextlib.suppress(OSError):  # nobody listens any more
        os.write(report, json.dumps(facts).encode() + b"\n")


def become(command: list[str], *, terminal: bool) -> None:
    os.setsid()
    if terminal:
        fcntl.ioctl(0, termios.TIOCSCTTY, 0)
    for number in (signal.SIGPIPE, signal.SIGXFSZ):  # Python ignores them, and would pass that on
        signal.signal(number, signal.SIG_DFL)
    os.execv(command[0], command)  # noqa: S606 - no shell is wanted


def end_with_sandbox(lifeline: int, leader: int) -> None:
    os.read(lifeline, 1)  # nothing is ever written
    end_session(leader)


def end_session(leader: int) -> None:
    """Its process group, and the jobs of an interactive shell, which have groups of their own."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(leader, signal.SIGKILL)
    for pid in filter(str.isdecimal, os.listdir("/proc")):  # noqa: PTH208 - names are wanted
        with contextlib.suppress(ProcessLookupError, PermissionError):
            if os.getsid(int(pid)) == leader:
                os.kill(int(pid), signal.SIGKILL)


def main() -> None:
    order = json.loads(sys.argv[1])
    begun, beginning = os.pipe()  # neither outlives the change into the command
    pid = os.fork()
    if pid == 0:
        os.close(order["lifeline"])
        os.close(order["report"])
        try:
            become(order["command"], terminal=order["terminal"])
        except OSError as error:
            sys.stderr.write(f"{order['command'][0]}: {error.strerror}\n")
        os._exit(127)
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1, 2):  # a terminal or a pipe ends when the command has ended, not when we have
        os.dup2(nothing, descriptor)
    os.close(beginning)
    os.read(begun, 1)  # before this the command has no session, and no group that a signal could be sent to
    say(order["report"], pid=pid)
    threading.Thread(target=end_with_sandbox, args=(order["lifeline"], pid), daemon=True).start()
    _, status, usage = os.wait4(pid, 0)
    end_session(pid)
    say(order["report"], status=os.waitstatus_to_exitcode(status), cpu_s=usage.ru_utime + usage.ru_stime)


if __name__ == "__main__":
    main()
