"""Gives one process the account's view of the machine, then becomes that process.

It keeps honest code from mistakes; it is no wall against code that wants out.

A script of its own because mount namespaces belong to processes: the sandbox's own view must not change, and
the interpreter that runs the web app must never see the machine's. What the process is to see comes as JSON:

    binds       [[real directory, account path], ...], writable
    keep        machine paths that must stay visible where the binds would cover them
    directory   where the process starts
    command     what to become; empty: only find out whether this machine can do it

Nothing is created on the machine itself except, for `keep`, the empty directories that carry a mount.
Raises OSError where the machine does not allow it; then it is as if nothing had happened.
"""

import contextlib
import ctypes
import errno
import json
import os
import re
import sys
from collections.abc import Iterable
from pathlib import Path

# From <sched.h>, <sys/mount.h>, <linux/mount.h> and <fcntl.h>; os.unshare exists from Python 3.12 only.
CLONE_NEWNS = 0x20000
CLONE_NEWUSER = 0x10000000
MS_BIND = 0x1000
MS_REC = 0x4000
MS_SLAVE = 0x80000
MOUNT_ATTR_RDONLY = 1
AT_FDCWD = -100
SYS_MOUNT_SETATTR = 442  # the same on every architecture but alpha; Linux 5.12

LIVE_TREES = ("/dev", "/proc", "/sys")  # the kernel's own: left as they are, programs write to them

UNREACHABLE = (errno.ENOENT, errno.EACCES)  # where we cannot go, nothing can be written either

libc = ctypes.CDLL(None, use_errno=True)


class MountAttributes(ctypes.Structure):
    _fields_ = tuple((name, ctypes.c_uint64) for name in ("set", "clear", "propagation", "user_namespace"))


def must(result: int, doing: str) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{doing}: {os.strerror(number)}")


def mount(source: str, target: str, kind: str = "", flags: int = 0, options: str = "") -> None:
    texts = [text.encode() if text else None for text in (source, target, kind)]
    result = libc.mount(*texts, ctypes.c_ulong(flags), options.encode() if options else None)
    must(result, f"mount {target}")


def unshare_mounts() -> None:
    """A mount namespace of our own; where that takes a user namespace, users stay who they are in it."""
    user, group = os.geteuid(), os.getegid()
    if libc.unshare(CLONE_NEWNS) != 0:
        must(libc.unshare(CLONE_NEWUSER | CLONE_NEWNS), "unshare")
        Path("/proc/self/setgroups").write_text("deny")
        Path("/proc/self/uid_map").write_text(f"{user} {user} 1")
        Path("/proc/self/gid_map").write_text(f"{group} {group} 1")
    mount("", "/", flags=MS_REC | MS_SLAVE)


def hold(path: str) -> str:
    """A name for what lies at this path now, good after something else is mounted over it."""
    return f"/proc/self/fd/{os.open(path, os.O_PATH | os.O_CLOEXEC)}"


def bind(source: str, target: str) -> None:
    place = Path(target)
    if Path(source).is_dir():
        place.mkdir(parents=True, exist_ok=True)
    else:
        place.parent.mkdir(parents=True, exist_ok=True)
        place.touch()
    mount(source, target, flags=MS_BIND | MS_REC)


def rebuild(directory: str) -> None:
    """Put a file system of our own in the directory's place, with the same entries in it."""
    old = hold(directory)
    names = os.listdir(old)  # noqa: PTH208 - names are wanted
    mount("tmpfs", directory, "tmpfs", options="mode=0755")
    for name in names:
        entry, place = f"{old}/{name}", f"{directory}/{name}"
        with contextlib.suppress(OSError):  # an entry that not even its owner's system lets us pass on
            if Path(entry).is_symlink():
                Path(place).symlink_to(Path(entry).readlink())
            else:
                bind(entry, place)


def covered(path: str, roots: Iterable[str]) -> bool:
    return any(path == root or path.startswith(root + "/") for root in roots)


def build(binds: list[tuple[str, str]], keep: list[str]) -> None:
    roots = [target for _, target in binds]
    sources = [(hold(source), target) for source, target in binds]
    kept = [(hold(path), path) for path in keep if covered(path, roots)]
    for parent in sorted({os.path.dirname(root) for root in roots} - {"/"}):  # noqa: PTH120 - account path
        rebuild(parent)
    for source, target in sources:
        bind(source, target)
    for source, path in kept:
        bind(source, path)


def mount_points() -> list[str]:
    lines = Path("/proc/self/mountinfo").read_text().splitlines()
    return [re.sub(r"\\(\d{3})", lambda octal: chr(int(octal[1], 8)), line.split()[4]) for line in lines]


def protect(path: str) -> bool:
    attributes = MountAttributes(set=MOUNT_ATTR_RDONLY)
    size = ctypes.c_size_t(ctypes.sizeof(attributes))
    where = ctypes.c_int(AT_FDCWD), path.encode(), ctypes.c_uint(0), ctypes.byref(attributes), size
    result: int = libc.syscall(ctypes.c_long(SYS_MOUNT_SETATTR), *where)
    return result == 0 or ctypes.get_errno() in UNREACHABLE


def main() -> None:
    order = json.loads(sys.argv[1])
    roots = [target for _, target in order["binds"]]
    unshare_mounts()
    build(order["binds"], order["keep"])
    protected = [
        protect(path)
        for path in mount_points()
        if path in order["keep"] or not covered(path, (*roots, *LIVE_TREES))
    ]
    os.chdir(order["directory"])
    if not order["command"]:
        sys.stdout.write(json.dumps({"read_only": all(protected)}))
        return
    os.execv(order["command"][0], order["command"])  # noqa: S606 - no shell is wanted


if __name__ == "__main__":
    main()
