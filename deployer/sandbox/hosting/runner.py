"""Runs one web app: the process behind `worker.py`.

The Python that the web app names runs this file, 3.6 to 3.14, so it is a single file, imports the standard
library only and keeps to the syntax of 3.6.

The sandbox sends each request as a socket of its own through the control socket, which all workers of the site
read from, each when it is free. Whoever takes a request says so in a line of JSON, reads the request, a line of
JSON and the body, and answers in the same way. The end of the control socket asks this process to finish the
request at hand and leave.
"""

import array
import fcntl
import importlib.machinery
import importlib.util
import io
import json
import os
import select
import signal
import socket
import sys
import time
import traceback
import types
from typing import Any, Callable, Dict, Iterable, List, Optional, Tuple

Headers = List[Tuple[str, str]]
Application = Callable[..., Iterable[bytes]]

STDOUT, STDERR = 1, 2
FRESH_S = 2.0  # two writes of one source within its bytecode's resolution of a second must not look alike


class StampedFile(io.RawIOBase):
    """A log that begins each line with the time, in UTC, as the platform's logs do."""

    def __init__(self, descriptor: int, path: str, stamp: Callable[[], str]) -> None:
        super().__init__()
        self._descriptor = descriptor
        self._path = path
        self._stamp = stamp
        self._at_line_start = True

    def writable(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._descriptor

    def write(self, data: Any) -> int:
        stamped = []
        for line in bytes(data).splitlines(True):
            stamped.append(self._stamp().encode() + line if self._at_line_start else line)
            self._at_line_start = line.endswith(b"\n")
        keep_log(self._descriptor, self._path)  # also for threads that print while no request comes
        os.write(self._descriptor, b"".join(stamped))
        return len(data)


def server_stamp() -> str:
    return time.strftime("%Y-%m-%d %H:%M:%S ", time.gmtime())


def error_stamp() -> str:
    now = time.time()
    return time.strftime("%Y-%m-%d %H:%M:%S", time.gmtime(now)) + ",%03d: " % (now % 1 * 1000)


def open_logs(server_log: str, error_log: str) -> None:
    """Standard output goes to the server log and standard error to the error log: both are open already."""
    outputs = (("stdout", STDOUT, server_log, server_stamp), ("stderr", STDERR, error_log, error_stamp))
    for name, descriptor, path, stamp in outputs:
        log: Any = StampedFile(descriptor, path, stamp)
        setattr(sys, name, io.TextIOWrapper(log, "utf-8", "backslashreplace", line_buffering=True))


def keep_log(descriptor: int, path: str) -> None:
    """Logs are rotated, and people delete them through the API: go on in the file that now has the name."""
    try:
        if os.path.samestat(os.fstat(descriptor), os.stat(path)):
            return
    except FileNotFoundError:
        pass
    try:
        fresh = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o664)
    except OSError:
        return  # no folder for it: a line in a lost file is better than an application that cannot print
    os.dup2(fresh, descriptor)
    os.close(fresh)


def keep_from_children(*descriptors: int) -> None:
    """What the application starts, by os.system for one, must not hold the sandbox's sockets open."""
    for descriptor in descriptors:
        os.set_inheritable(descriptor, False)


def die_with_sandbox(lifeline: int) -> None:
    """Have the kernel kill this process group once the sandbox's end of the pipe is closed.

    It happens however the sandbox ends, and even where the application never gives the interpreter back.
    (PR_SET_PDEATHSIG would not do: it watches the thread that started us, which may end earlier.)
    """
    fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgrp())
    fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
    fcntl.fcntl(lifeline, fcntl.F_SETFL, fcntl.fcntl(lifeline, fcntl.F_GETFL) | os.O_ASYNC)
    if select.select([lifeline], [], [], 0)[0]:
        os._exit(1)  # it had ended before the kernel was asked


def cache_settled_sources_only() -> None:
    """Write bytecode as usual, except for sources changed a moment ago.

    Bytecode knows its source by size and whole seconds. The platform takes seconds for a deployment; here two
    versions may arrive within one, and the second would run as the first.
    """
    loader: Any = importlib.machinery.SourceFileLoader
    write = loader.set_data

    def write_settled(self: Any, path: str, data: bytes, **options: Any) -> None:
        try:
            changed = os.stat(importlib.util.source_from_cache(path)).st_mtime
        except OSError:
            return  # deleted while it was imported
        if time.time() - changed > FRESH_S:
            write(self, path, data, **options)

    loader.set_data = write_settled


def print_failure() -> None:
    """The traceback of the exception being handled, less the frames of this file."""
    kind, error, frames = sys.exc_info()
    while frames is not None and frames.tb_frame.f_code.co_filename == __file__:
        frames = frames.tb_next
    print("Error running WSGI application", file=sys.stderr)
    traceback.print_exception(kind, error, frames)


def load(path: str) -> Optional[Application]:
    """The WSGI file's `application`; None, and a traceback in the error log, where there is none."""
    # Named after its file: a project's own module `wsgi` is another one.
    name = os.path.splitext(os.path.basename(path))[0]
    module = types.ModuleType(name)
    module.__file__ = path
    sys.modules[name] = module
    try:
        with open(path, "rb") as file:
            source = file.read()
        exec(compile(source, path, "exec"), module.__dict__)
        application: Application = getattr(module, "application")
        if not callable(application):
            raise TypeError("%s: `application` cannot be called" % path)
        return application
    except BaseException:
        print_failure()
        return None


def checked(status: str, headers: Headers) -> Tuple[str, Headers]:
    """Raises ValueError or TypeError for what cannot be sent: PEP 3333 leaves this to the server."""
    int(status[:3])
    for text in [status] + [part for header in headers for part in header]:
        text.encode("latin-1")
        if any(character in text for character in "\r\n\0"):
            raise ValueError("control character in %r" % text)
    return status, [(name, value) for name, value in headers]


def run(application: Application, environ: Dict[str, Any]) -> Tuple[str, Headers, bytes]:
    """One request by PEP 3333, with the whole answer collected; raises whatever the application raises."""
    head: List[Tuple[str, Headers]] = []
    body: List[bytes] = []

    def start_response(status: str, headers: Headers, exc_info: Any = None) -> Callable[[bytes], None]:
        if exc_info and any(body):
            raise exc_info[1].with_traceback(exc_info[2])
        if head and not exc_info:
            raise RuntimeError("start_response was called twice without exc_info")
        head[:] = [checked(status, headers)]
        return body.append

    result = application(environ, start_response)
    try:
        for chunk in result:
            if chunk and not head:
                raise RuntimeError("the application sent a body before it called start_response")
            body.append(chunk)
    finally:
        close = getattr(result, "close", None)
        if close:
            close()
    if not head:
        raise RuntimeError("the application never called start_response")
    return head[0][0], head[0][1], b"".join(body)


class FileWrapper:
    """`wsgi.file_wrapper`: a file as an iterable of blocks."""

    def __init__(self, file: Any, block_size: int = 8192) -> None:
        self._file = file
        self._block_size = block_size
        if hasattr(file, "close"):
            self.close = file.close

    def __iter__(self) -> Any:
        return iter(lambda: self._file.read(self._block_size), b"")


def wsgi_variables(scheme: str, body: bytes, workers: int) -> Dict[str, Any]:
    return {
        "wsgi.version": (1, 0),
        "wsgi.url_scheme": scheme,
        "wsgi.input": io.BytesIO(body),
        "wsgi.errors": sys.stderr,
        "wsgi.multithread": False,
        "wsgi.multiprocess": workers > 1,
        "wsgi.run_once": False,
        "wsgi.file_wrapper": FileWrapper,
    }


def answer(application: Optional[Application], environ: Dict[str, Any]) -> Tuple[Dict[str, Any], bytes]:
    if application is None:
        return {"failure": "broken"}, b""
    try:
        status, headers, body = run(application, environ)
    except BaseException:
        print_failure()
        return {"failure": "exception"}, b""
    return {"status": status, "headers": headers}, body


def serve(connection: socket.socket, application: Optional[Application], worker: int, workers: int) -> None:
    with connection.makefile("rwb") as stream:
        stream.write(json.dumps({"worker": worker}).encode() + b"\n")
        stream.flush()
        line = stream.readline()
        if not line.endswith(b"\n"):
            return  # the sandbox gave up waiting for its turn
        request = json.loads(line.decode())
        body = stream.read(request["size"])
        environ = dict(request["environ"], **wsgi_variables(request["scheme"], body, workers))
        head, content = answer(application, environ)
        head["size"] = len(content)
        stream.write(json.dumps(head).encode() + b"\n" + content)


def next_connection(control: socket.socket) -> Optional[socket.socket]:
    """The next request's socket; None when the sandbox wants this process to end."""
    descriptors = array.array("i", [0])
    _, messages, _, _ = control.recvmsg(1, socket.CMSG_SPACE(descriptors.itemsize))
    if not messages:
        return None
    descriptors = array.array("i", messages[0][2])
    return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=descriptors[0])


def main() -> None:
    settings = json.loads(sys.argv[1])
    die_with_sandbox(settings["lifeline"])
    keep_from_children(settings["lifeline"], settings["control"])
    os.close(settings["script"])
    open_logs(settings["server_log"], settings["error_log"])
    cache_settled_sources_only()
    sys.argv[:] = ["uwsgi"]
    sys.path[0] = os.path.dirname(settings["wsgi_file"])
    application = load(settings["wsgi_file"])
    control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM, fileno=settings["control"])
    while True:
        connection = next_connection(control)
        if connection is None:
            return
        keep_log(STDOUT, settings["server_log"])
        keep_log(STDERR, settings["error_log"])
        with connection:
            try:
                serve(connection, application, settings["worker"], settings["workers"])
            except OSError:
                pass  # nobody waits for this answer any more


main()
