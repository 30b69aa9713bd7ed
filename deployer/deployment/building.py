"""A release built on the server before anything serves it, for commands of the site's that need its code."""

import json
from collections.abc import Callable

from deployer.deployment.hooks import HookNotRun
from deployer.deployment.releases import Served
from deployer.deployment.site_work import SiteWork
from deployer.deployment.surroundings import runs_root
from deployer.errors import NeedsPerson
from deployer.events import log
from deployer.model.release import ReleaseOrder
from deployer.model.site import Via
from deployer.remote import Command, Remote, Stream, run

BUILD_S = 300.0
"""A release of the largest size that an account has room for, unpacked on a busy machine."""


def build_ahead(work: SiteWork, order: ReleaseOrder, via: Via, beat: Callable[[], None]) -> Served:
    """Have the WSGI file build what is ordered; one that is there already is left as it is.

    `beat` as for a hook. Raises HookNotRun when nothing could be run, ApiError and Interrupted.
    """
    site, printed = work.site, _Printed()
    remote = Remote(
        api=work.api,
        root=runs_root(site),
        listener=printed,
        pause=work.pause,
        via=via,
        domain=site.domain,
        beat=beat,
    )
    command = Command(
        arguments=("python3", site.wsgi_path, "build", order.id),
        directory=site.record_directory,
        timeout_s=BUILD_S,
    )
    try:
        ended = run(remote, command)
    except NeedsPerson as error:
        raise HookNotRun(
            f"release {order.id} could not be built before its hooks: {error.message}",
            left=error.left,
            hint=error.hint,
        ) from None
    built = _understood(printed.stdout)
    if ended.by == "command" and ended.exit_status == 0 and built is not None:
        log.info("release_built", release=order.id, seconds=ended.seconds, via=ended.via)
        return Served(well=True)
    why = (built or {}).get("error", {})
    kind = why.get("kind", "silent")
    text = work.api.masked(why.get("text") or printed.end() or ended.problem or f"it ended by {ended.by}")
    log.error("release_not_built", release=order.id, kind=kind, problem=text)
    return Served(well=False, kind=kind, text=text)


def _understood(stdout: bytes) -> dict[str, dict[str, str]] | None:
    """The one line that `switch.py` prints; None for anything else."""
    try:
        said = json.loads(stdout)
    except ValueError:
        return None
    return said if isinstance(said, dict) else None


class _Printed:
    """What the program says: one line of its own, and Python's words where it could not begin."""

    def __init__(self) -> None:
        self.stdout = b""
        self._stderr = b""

    def output(self, stream: Stream, data: bytes) -> None:
        if stream == "stdout":
            self.stdout += data
        else:
            self._stderr += data

    def note(self, text: str) -> None:
        log.info("hook_note", text=text)

    def end(self) -> str:
        return self._stderr.decode(errors="replace").strip()[-1000:]
