"""What `deployer status` has found, as lines for people and as JSON for programs."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import UTC, date, datetime
from typing import Any

from deployer.cli.render import count, duration, size
from deployer.deployment.expiry import LETSENCRYPT, PLATFORMS_OWN, Ending, days_left, in_days
from deployer.deployment.look import AlwaysOnSeen, CertificateSeen, TaskSeen, WebAppSeen
from deployer.deployment.overview import Overview
from deployer.pythonanywhere import CpuUsage

_LABELS = {
    "live": "live",
    "drift": "drift",
    "webapp": "web app",
    "certificate": "tls",
    "tasks": "task",
    "always_on": "always-on",
    "cpu": "cpu",
}
"""Part that may be unknown -> the label of its line."""


def overview_json(seen: Overview) -> dict[str, Any]:
    """Its fields by their names, with `days_left` in each of `expiry`."""
    today = datetime.now(UTC).date()
    expiry = [{**asdict(ending), "days_left": days_left(ending.on, today)} for ending in seen.expiry]
    return asdict(seen) | {"expiry": expiry}


def overview_lines(seen: Overview, *, newest: str) -> Iterator[str]:
    """`newest` is the branch's commit in words."""
    for label, text in _lines(seen, newest):
        yield f"{label:<10}{text}"


def _lines(seen: Overview, newest: str) -> Iterator[tuple[str, str]]:
    yield from _record(seen, newest)
    if seen.webapp:
        yield "web app", _webapp(seen.webapp)
    if seen.certificate:
        yield "tls", _certificate(seen.certificate)
    yield from (("task", _task(task)) for task in seen.tasks)
    yield from (("always-on", _always_on(task)) for task in seen.always_on)
    today = datetime.now(UTC).date()
    yield from (("expires", _ending(ending, today)) for ending in seen.expiry)
    if seen.cpu:
        yield "cpu", _cpu(seen.cpu)
    if seen.disk:
        held = f"{size(seen.disk.bytes)} in {count(seen.disk.files, 'file')} of this site"
        yield "disk", f"{held}; the platform tells neither what else is there nor how much fits"
    yield from ((_LABELS[part], f"not known: {why}") for part, why in seen.unknown.items())
    if seen.window_s:
        yield "limit", f"the next request has to wait {duration(seen.window_s)}"


def _record(seen: Overview, newest: str) -> Iterator[tuple[str, str]]:
    if seen.live is not None:
        since = f"{seen.live.since:%Y-%m-%d %H:%M:%S} UTC"
        yield "live", f"{seen.live.commit[:10]} since {since} (deployment {seen.live.deployment})"
    elif "live" not in seen.unknown:
        yield "live", "nothing that deployer knows of"
    if seen.release is not None:
        yield "release", f"{seen.release}; `deployer releases` lists them"
    yield "newest", newest
    texts = {"on server": seen.on_server, "running": seen.pending, "drift": seen.drift}
    yield from ((label, text) for label, text in texts.items() if text)


def _webapp(webapp: WebAppSeen) -> str:
    if not webapp.is_there:
        return "not there: `deployer sync --force` creates it"
    what = f"the command {webapp.command}" if webapp.command else f"Python {webapp.python_version}"
    if webapp.enabled is False:
        return f"{what}, switched off, until `enabled = true` in [app] or the page Web switches it on"
    return what


def _certificate(certificate: CertificateSeen) -> str:
    if certificate.is_awaited:
        return "one of Let's Encrypt, which was asked for and is not there yet"
    match certificate.kind:
        case kind if kind == PLATFORMS_OWN:
            return "the platform's own certificate, which it renews"
        case kind if kind == LETSENCRYPT:
            return "a certificate of Let's Encrypt, which the platform renews"
    if certificate.kind is None and certificate.issuer is None:
        return "no certificate that the platform tells of: see `tls` in deployer.toml, or the page Web"
    return f"a certificate of {certificate.issuer or 'an issuer that the platform does not tell'}"


def _task(task: TaskSeen) -> str:
    what = f"{task.name}: {task.command}"
    if not task.is_there:
        return f"{what}, gone from the server: `deployer sync --force` creates it"
    if task.enabled is False:
        return f"{what}, switched off"
    if task.next_run is None:
        return f"{what}, when it runs next is not known"
    return f"{what}, next on {task.next_run:%Y-%m-%d at %H:%M} UTC"


def _always_on(task: AlwaysOnSeen) -> str:
    what = f"{task.name}: {task.command}"
    if not task.is_there:
        return f"{what}, gone from the server: `deployer sync --force` creates it"
    return f"{what}, switched off" if task.enabled is False else what


def _ending(ending: Ending, today: date) -> str:
    return f"{ending.what} on {ending.on} ({in_days(days_left(ending.on, today))}): {ending.what_to_do}"


def _cpu(cpu: CpuUsage) -> str:
    used = "?" if cpu.used_s is None else f"{cpu.used_s:.1f}"
    limit = "?" if cpu.limit_s is None else str(cpu.limit_s)
    reset = f", counted anew from {cpu.resets_at:%Y-%m-%d %H:%M} UTC on" if cpu.resets_at else ""
    spent = cpu.used_s is not None and cpu.limit_s is not None and cpu.used_s >= cpu.limit_s
    slow = "; until then consoles and tasks run slowly" if spent else ""
    return f"{used} of {limit} seconds used today{reset}{slow}"
