"""What `deployer releases` has found, as lines for people."""

from collections.abc import Iterator
from datetime import UTC, datetime

from deployer.cli.render import count, duration, size
from deployer.deployment.release_list import Releases, ReleaseSeen, ReleaseState


def release_lines(seen: Releases) -> Iterator[str]:
    now = datetime.now(UTC)
    yield f"{seen.domain}: {count(len(seen.releases), 'release')}"
    for release in seen.releases:
        subject = "not in this repository" if release.subject is None else f'"{release.subject}"'
        yield f"  {release.state:<6}  {release.id}  {release.commit[:10]} {subject}"
        yield f"          {_about(release, now)}"
        if release.failed is not None:
            yield f"          {release.failed.strip()} (deployment {release.deployment})"
    if seen.under_way is not None:
        yield f"under way: {seen.under_way}, or cut off; `deployer status` tells"
    if _leads_elsewhere(seen):
        yield f"`current` led to {seen.current} at the site's last start: `deployer sync --force` mends that"
    yield _way_back(seen)


def _about(release: ReleaseSeen, now: datetime) -> str:
    what = "failed" if release.failed else "live first"
    ago = f"{what} {duration((now - release.since).total_seconds())} ago"
    if release.on_server is False:
        return f"{ago}; not on the server any more"
    if release.bytes is None or release.files is None:
        return f"{ago}; the server has told no size of it"
    adds = "" if release.adds_bytes is None else f", {size(release.adds_bytes)} of it its own"
    return f"{ago}; {size(release.bytes)} in {count(release.files, 'file')}{adds}"


def _leads_elsewhere(seen: Releases) -> bool:
    live = next((each.id for each in seen.releases if each.state is ReleaseState.LIVE), None)
    return None not in (live, seen.current) and seen.current != live and seen.under_way is None


def _way_back(seen: Releases) -> str:
    if seen.rollback_to is None:
        return "`deployer rollback` has nowhere to go by itself; `deployer rollback ID` takes any of these"
    if seen.rollback_release is None:
        return f"`deployer rollback` goes to {seen.rollback_to[:10]}, which is sent again"
    return f"`deployer rollback` goes to {seen.rollback_release}: nothing is sent"
