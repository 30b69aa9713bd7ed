"""Runs one command on PythonAnywhere and writes down what it says and how it ends.

`deployer exec` put this file into a folder of its own, and had a console or a scheduled task start it.
Everything that it and the deployer say to each other stands in that folder:

    order.json     from the deployer: what to run, where, and for how long at the most
    cancel         from the deployer: end it
    started        from here: it has begun, and will not begin a second time
    000001.out     from here: what the command wrote to its standard output,
    000002.err     ... or to its standard error; whole and final as soon as it has that name
    alive.000003   from here: still at work; the number grows
    status.json    from here, at the very end: how the command ended

It is safe to delete the folder. Needs Python 3.6 and its standard library, nothing else.
"""

import json
import os
import selectors
import signal
import subprocess
import sys
import time

HERE = os.path.dirname(os.path.abspath(__file__))
LOOK_S = 0.25  # how often the command, the clock and the folder are looked at while nothing is said
BEAT_S = 15.0  # how often the deployer is told that this is still at work
GRACE_S = 5.0  # between asking a command to end and making it
READ_BYTES = 64 * 1024
SEGMENT_BYTES = 4 * 1024 * 1024
LONGEST_PACE_S = 6.0
STATUS_BYTES = 4096
CANCEL = os.path.join(HERE, "cancel")
STARTED = os.path.join(HERE, "started")
RESERVED = os.path.join(HERE, "status.part")
STATUS = os.path.join(HERE, "status.json")


def main():
    path = os.path.join(HERE, "order.json")
    with open(path, encoding="utf-8") as file:
        order = json.load(file)
    if time.time() - os.stat(path).st_mtime > order["start_within_s"]:
        # Typed long ago into a console that was busy, or a daily task that nobody deleted.
        print("deployer: this was to run long ago, so it is not run any more")
    elif not claim():
        print("deployer: this has been run already")
    elif os.path.exists(CANCEL):
        # The deployer writes `cancel` and then looks for `started`, here it is the other way round:
        # whoever is first, both know whether the command is run.
        write_status(outcome("cancel"))
    else:
        print("deployer: a command is running, Ctrl-C ends it")
        Run(order).carry_out()


def claim():
    """Whether it is ours to run: a line may be typed twice, and a daily task comes again tomorrow."""
    try:
        started = os.open(STARTED, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o644)
    except FileExistsError:
        return False
    with os.fdopen(started, "w") as file:
        json.dump({"pid": os.getpid(), "python": sys.version.split()[0]}, file)
    return True


class Run:
    """The command under way."""

    def __init__(self, order):
        self.order = order
        self.segments = Segments()
        self.began = time.monotonic()
        self.asked = None  # the signal that this process got
        self.ended_by = "command"
        self.kill_at = None
        self.beats = 0
        self.next_beat = self.began
        self.next_look = self.began

    def carry_out(self):
        reserve_status()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self.signalled)
        self.look()
        try:
            process = self.start()
        except (OSError, ValueError) as error:
            missing = isinstance(error, (FileNotFoundError, NotADirectoryError))
            write_status(outcome("not-started", problem=said(error), exit_status=127 if missing else 126))
            return
        self.attend(process)
        self.segments.close_all()
        code = process.returncode
        write_status(
            outcome(
                self.ended_by,
                exit_status=code if code >= 0 else None,
                signal=-code if code < 0 else None,
                segments=self.segments.count,
                lost=self.segments.lost,
                problem=self.segments.problem,
                seconds=round(time.monotonic() - self.began, 3),
            )
        )

    def signalled(self, number, _):
        self.asked = number

    def start(self):
        """The command leads a session of its own: it has no terminal to wait for, and can be ended as a whole."""
        order = self.order
        directory = encoded(order["directory"])
        if not os.path.isdir(directory):
            raise FileNotFoundError("there is no folder " + order["directory"])
        return subprocess.Popen(
            [encoded(argument) for argument in order["command"]],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=directory,
            env=environment(order),
            start_new_session=True,
        )

    def attend(self, process):
        """Until the command has ended, and all that it had said by then is written down."""
        ready = selectors.DefaultSelector()
        ready.register(process.stdout, selectors.EVENT_READ, "out")
        ready.register(process.stderr, selectors.EVENT_READ, "err")
        while process.poll() is None:
            if ready.get_map():
                self.read(ready, LOOK_S)
            else:
                try:
                    process.wait(LOOK_S)
                except subprocess.TimeoutExpired:
                    pass
            self.segments.close_due()
            if time.monotonic() >= self.next_look:
                self.look()
                self.obey(process)
        # What it left running may keep the pipes open for ever: only what is in them by now belongs to it.
        end = time.monotonic() + GRACE_S
        while ready.get_map() and time.monotonic() < end and self.read(ready, 0):
            pass
        if self.ended_by != "command":
            kill(process, signal.SIGKILL)

    def read(self, ready, timeout):
        """Whether there was anything, an end included."""
        events = ready.select(timeout)
        for key, _ in events:
            data = os.read(key.fd, READ_BYTES)
            if data:
                self.segments.add(key.data, data)
            else:
                ready.unregister(key.fileobj)
        return bool(events)

    def look(self):
        """Is this to end, and does the deployer know that it goes on?"""
        now = time.monotonic()
        self.next_look = now + LOOK_S
        if now >= self.next_beat:
            self.next_beat = now + BEAT_S
            self.beat()
        if self.ended_by != "command":
            return
        if self.asked is not None:
            self.ended_by = "signal"
        elif os.path.exists(CANCEL) or not os.path.isdir(HERE):
            self.ended_by = "cancel"
        elif now - self.began > self.order["timeout_s"]:
            self.ended_by = "timeout"

    def beat(self):
        before = os.path.join(HERE, "alive.%06d" % self.beats)
        self.beats += 1
        after = os.path.join(HERE, "alive.%06d" % self.beats)
        try:
            if self.beats == 1:
                open(after, "wb").close()
            else:
                os.rename(before, after)
        except OSError:
            pass

    def obey(self, process):
        """End the command's whole group: friendly first, then by force."""
        if self.ended_by == "command":
            return
        now = time.monotonic()
        if self.kill_at is None:
            self.kill_at = now + GRACE_S
            kill(process, signal.SIGTERM)
        elif now >= self.kill_at:
            kill(process, signal.SIGKILL)


class Segments:
    """What the command says, in files that never change once they have their name.

    A file is finished with a second's output at first. Later it takes longer, so that a command that says a
    little all the time makes no more files than the deployer may download under the platform's limit.
    """

    def __init__(self):
        self.count = 0
        self.lost = 0  # bytes that could not be written
        self.problem = None
        self.began = time.monotonic()
        self.waiting = {"out": [], "err": []}
        self.sizes = {"out": 0, "err": 0}
        self.since = {"out": None, "err": None}

    def add(self, stream, data):
        if not self.waiting[stream]:
            self.since[stream] = time.monotonic()
        self.waiting[stream].append(data)
        self.sizes[stream] += len(data)
        if self.sizes[stream] >= SEGMENT_BYTES:
            self.close(stream)

    def close_due(self):
        now = time.monotonic()
        pace = min(LONGEST_PACE_S, max(1.0, (now - self.began) / 5))
        for stream in ("out", "err"):
            if self.waiting[stream] and now - self.since[stream] >= pace:
                self.close(stream)

    def close_all(self):
        for stream in ("out", "err"):
            if self.waiting[stream]:
                self.close(stream)

    def close(self, stream):
        data = b"".join(self.waiting[stream])
        self.waiting[stream] = []
        self.sizes[stream] = 0
        number = self.count + 1
        path = os.path.join(HERE, "%06d.%s" % (number, stream))
        part = path + ".part"
        try:
            with open(part, "wb") as file:
                file.write(data)
            os.rename(part, path)
        except OSError as error:  # the disk quota, most likely
            self.lost += len(data)
            self.problem = self.problem or said(error)
            try:
                os.unlink(part)
            except OSError:
                pass
        else:
            self.count = number


def environment(order):
    """That of the console or task, with the site's virtualenv in place of whatever is active there."""
    env = dict(os.environb)
    env.pop(b"PYTHONHOME", None)
    active = env.pop(b"VIRTUAL_ENV", None)
    path = env.get(b"PATH", os.defpath.encode()).split(b":")
    if active:
        path = [each for each in path if each != active + b"/bin"]
    if order["virtualenv"]:
        env[b"VIRTUAL_ENV"] = encoded(order["virtualenv"])
        path.insert(0, env[b"VIRTUAL_ENV"] + b"/bin")
    env[b"PATH"] = b":".join(path)
    for name, value in order["environment"].items():
        env[encoded(name)] = encoded(value)
    return env


def encoded(text):
    """As it was typed, whatever the locale here is; what was no UTF-8 there comes as lone surrogates."""
    return text.encode("utf-8", "surrogateescape")


def said(error):
    if not getattr(error, "errno", None):
        return str(error)
    name = error.filename.decode("utf-8", "replace") if isinstance(error.filename, bytes) else error.filename
    return "%s: %s" % (name, error.strerror) if name else error.strerror


def kill(process, number):
    try:
        os.killpg(process.pid, number)
    except OSError:
        pass


def outcome(ended_by, **facts):
    known = {
        "ended_by": ended_by,
        "exit_status": None,
        "signal": None,
        "segments": 0,
        "lost": 0,
        "problem": None,
        "seconds": 0.0,
    }
    known.update(facts)
    return known


def reserve_status():
    """Room for the last words, before the command can fill the disk."""
    try:
        with open(RESERVED, "wb") as file:
            file.write(b" " * STATUS_BYTES)
    except OSError:
        pass


def write_status(facts):
    """Shows all at once, and after everything that it counts."""
    data = json.dumps(facts).encode("ascii")
    try:
        with open(RESERVED, "r+b" if os.path.exists(RESERVED) else "wb") as file:
            file.write(data)
        os.rename(RESERVED, STATUS)
    except OSError as error:
        print("deployer: the command has ended, but that cannot be written down: %s" % said(error))


if __name__ == "__main__":
    main()
