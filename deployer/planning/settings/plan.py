"""All families together: what has to be read, what a cut-off deployment made, what is to be done."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from deployer.model.actions import Action
from deployer.model.manifest import AppliedSettings, Manifest, Pending
from deployer.model.plan import Note
from deployer.model.site import Site
from deployer.planning.settings.always_on import ALWAYS_ON
from deployer.planning.settings.facts import InDoubt, LiveSettings, SettingsPlan
from deployer.planning.settings.headers import HEADERS
from deployer.planning.settings.listed import Listed, claimed, plan_list
from deployer.planning.settings.mappings import MAPPINGS
from deployer.planning.settings.tasks import TASKS
from deployer.planning.settings.webapp import plan_webapp, wants_password
from deployer.planning.settings.website import plan_website

LISTS: tuple[Listed[Any], ...] = (MAPPINGS, HEADERS, TASKS, ALWAYS_ON)
"""In the order in which they are planned: what hangs on a web app first."""


def in_doubt(
    site: Site,
    manifest: Manifest,
    wsgi_digest: str | None,
    *,
    force: bool = False,
    password: str | None = None,
) -> InDoubt:
    """Compare what is wanted with what we recorded.

    `password` is the fingerprint of the one that is wanted: the recorded one where that is of the same.
    """
    applied = manifest.settings
    interrupted = force or (manifest.pending is not None and manifest.pending.settings)
    enabled = site.enabled is not None and (interrupted or applied.enabled != site.enabled)
    resend = wants_password(site.webapp) and (interrupted or applied.password != password)
    recorded = applied.webapp if site.command is None else applied.command
    wanted = site.webapp if site.command is None else site.command
    return InDoubt(
        webapp=interrupted or recorded != wanted or enabled or resend,
        enabled=enabled,
        password=resend,
        wsgi=wsgi_digest is not None and (interrupted or applied.wsgi is None),
        **{listed.name: _list_in_doubt(listed, site, manifest, interrupted=interrupted) for listed in LISTS},
    )


def _list_in_doubt(listed: Listed[Any], site: Site, manifest: Manifest, *, interrupted: bool) -> bool:
    """A list that nobody wants anything of, or ever has, is not read: not every account has each of them."""
    if site.command is not None and not listed.of_account:
        return False
    wanted = set(getattr(site, listed.name))
    applied = {item.thing for item in getattr(manifest.settings, listed.name)}
    announced = getattr(manifest.pending, listed.name, ())
    return applied != wanted or (interrupted and bool(applied or announced))


def claim_created(applied: AppliedSettings, pending: Pending | None, live: LiveSettings) -> AppliedSettings:
    """Add what a cut-off deployment created without learning the id: it announced what it would create."""
    if pending is None:
        return applied
    lists: dict[str, Any] = {
        each.name: claimed(
            each, getattr(applied, each.name), getattr(pending, each.name), getattr(live, each.name)
        )
        for each in LISTS
    }
    return replace(applied, **lists)


def plan_settings(
    site: Site,
    applied: AppliedSettings,
    doubt: InDoubt,
    live: LiveSettings,
    *,
    password: str | None = None,
    overwrite: bool,
    move: bool = False,
) -> SettingsPlan:
    """The site first, since mappings and headers hang on it. `password` as for `in_doubt`.

    `move` lets one that is ours become one of the other kind; somebody else's gives way to `overwrite` alone.
    """
    actions = list(_site(site, doubt, live)) if doubt.webapp or not live.exists else []
    refusals = list(_other_kind(site, applied, live, overwrite=overwrite, move=move))
    notes: list[Note] = []
    settled: dict[str, Any] = {}
    for listed in LISTS:
        name = listed.name
        hangs = not listed.of_account
        if hangs and site.command is not None:
            settled[name] = ()  # a website has none; a web app's go with it
        elif getattr(doubt, name) or (hangs and not live.exists):
            planned = plan_list(
                listed,
                getattr(site, name),
                getattr(applied, name),
                getattr(live, name),
                overwrite=overwrite,
            )
            actions += planned.actions
            refusals += planned.refusals
            notes += planned.notes
            settled[name] = planned.settled
    return SettingsPlan(
        actions=tuple(actions),
        refusals=tuple(refusals),
        notes=tuple(notes),
        settled=replace(_settled(site, applied, live, password), **settled),
    )


def _site(site: Site, doubt: InDoubt, live: LiveSettings) -> Iterator[Action]:
    return plan_webapp(site, doubt, live) if site.command is None else plan_website(site, doubt, live)


def _settled(
    site: Site, applied: AppliedSettings, live: LiveSettings, password: str | None
) -> AppliedSettings:
    """Without the lists."""
    enabled = is_enabled(site, applied, live)
    if site.command is None:
        return replace(applied, webapp=site.webapp, command=None, enabled=enabled, password=password)
    return replace(applied, webapp=None, command=site.command, enabled=enabled, password=None, wsgi=None)


def _other_kind(
    site: Site, applied: AppliedSettings, live: LiveSettings, *, overwrite: bool, move: bool
) -> Iterator[str]:
    if not live.other_kind or overwrite:
        return
    ours = (applied.command if site.command is None else applied.webapp) is not None
    if not (ours and move):
        yield other_kind(site, ours=ours)


def other_kind(site: Site, *, ours: bool) -> str:
    """What is in the way, and how a person has it go. `ours`: we put it there."""
    asgi = site.command is not None
    there, wanted = ("web app", "website that a command serves") if asgi else ("website", "web app")
    whose = "as it was deployed so far" if ours else "not ours"
    return (
        f"{site.domain} is a {there} ({whose}), and a {wanted} is wanted: the platform serves a domain one "
        f"way only. To have the {there} deleted and the other made in its place, pass --overwrite; its files "
        "stay, its settings are lost. To keep it, correct [app] kind or domain"
    )


def is_enabled(site: Site, applied: AppliedSettings, live: LiveSettings) -> bool | None:
    """Whether visitors get something of the site, by what is wanted, else by what was last said of it: what
    is not ours any more stays as it was put. None: nothing was ever said.
    """
    if site.enabled is not None:
        return site.enabled
    return applied.enabled if live.exists else None
