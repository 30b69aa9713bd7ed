"""A push that is held back until its commit is live: the commit comes through the socket."""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from deployer.daemon.worker import SiteWorker
from deployer.errors import UsageError
from deployer.git.held_push import unbundle_into

MOST_BYTES = 1 << 30


def receive(worker: SiteWorker, request: Mapping[str, Any], stream: BinaryIO) -> str:
    """Unpack what follows the request on the stream, for the site's worker; returns the commit's id.

    Raises UsageError where that is not a commit, or not one of the repository that the site is deployed
    from: whoever may speak to the socket may deploy what was pushed there, and nothing else.
    """
    gate, commit = request.get("gate"), request.get("commit")
    size = gate.get("bytes") if isinstance(gate, dict) else None
    target = gate.get("target") if isinstance(gate, dict) else None
    if not isinstance(commit, str) or re.fullmatch(r"[0-9a-f]{40}(?:[0-9a-f]{24})?", commit) is None:
        raise UsageError("a push that is held back names its commit in full")
    if not isinstance(size, int) or not 0 <= size <= MOST_BYTES:
        raise UsageError(f"a push that is held back is at most {MOST_BYTES} bytes long")
    own = worker.repository_path.resolve()
    if not isinstance(target, str) or Path(target).resolve() != own:
        raise UsageError(
            f"{worker.name} is deployed from {own}, not from {target}",
            hint=f"In deployer.toml: [site.{worker.name}] repo = …, or push there.",
        )
    unbundle_into(worker.gate_path, stream, size, commit, target=own)
    return commit
