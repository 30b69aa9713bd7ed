"""Carries out the actions that change what the platform holds beside files."""

from collections.abc import Callable, Iterable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, TypeVar

from deployer.deployment.lists import CALLS, Calls
from deployer.deployment.live import find_webapp, find_website, is_website
from deployer.deployment.password import masked, required_password
from deployer.deployment.site_work import SiteWork
from deployer.errors import ApiError, NotFound, OutcomeUnknown, Temporary
from deployer.events import log
from deployer.model.actions import (
    Action,
    ConfigureWebApp,
    CreateThing,
    CreateWebApp,
    CreateWebsite,
    DeleteThing,
    DeleteWebApp,
    DeleteWebsite,
    DisableWebApp,
    EnableWebApp,
    RestartAlwaysOn,
    SwitchWebsite,
    UpdateThing,
)
from deployer.model.manifest import Applied, AppliedSettings
from deployer.planning.settings import LiveSettings, other_kind
from deployer.pythonanywhere import EnableOutcome

CREATION_TRIES = 3
REFUSED = frozenset({400, 403})
LIMITED = {
    "tasks": "Each plan has its number of tasks: take one out of [[task]], or one off the page Tasks.",
    "always_on": "Always-on tasks are for paid accounts, and each plan has its number of them: take "
    "[[always_on]] out of pythonanywhere.toml, or one off the page Tasks.",
}
"""What to do where the account has as many as it may have (help pages "ScheduledTasks", "AlwaysOnTasks")."""
Created = TypeVar("Created")


@dataclass(slots=True)
class SettingsChange:
    """`applied` grows with what was done and with the ids that the server gave."""

    work: SiteWork
    live: LiveSettings
    applied: AppliedSettings
    _left_behind: dict[str, tuple[Applied[Any], ...]] = field(init=False, default_factory=dict)

    def carry_out(self, action: Action) -> None:
        """One request, or more where a creating call's answer was lost."""
        match action:
            case CreateThing() | UpdateThing() | DeleteThing():
                self._change_list(action)
            case RestartAlwaysOn():
                self._restart(action)
            case _:
                self._change_site(action)

    def _change_site(self, action: Action) -> None:
        api, domain = self.work.api, self.work.site.domain
        match action:
            case CreateWebApp():
                self._create_webapp(action)
            case ConfigureWebApp():
                self._configure(action)
            case EnableWebApp():
                if api.webapps.enable(domain) is EnableOutcome.AT_LIMIT:
                    log.warning("enable_unsure", problem="refused at the account's limit; the check decides")
            case DisableWebApp():
                api.webapps.disable(domain)
            case DeleteWebApp():
                api.webapps.delete(domain)
            case CreateWebsite():
                self._create_website(action)
            case SwitchWebsite():
                api.websites.set_enabled(domain, action.enabled)
            case DeleteWebsite():
                api.websites.delete(domain)
            case _:
                raise AssertionError(f"not a setting: {action!r}")

    def _create_webapp(self, action: CreateWebApp) -> None:
        api, site = self.work.api, self.work.site

        def create() -> bool:
            api.webapps.create(site.domain, action.python_version)
            return True

        try:
            _created(create, lambda: find_webapp(api, site) is not None or None)
        except ApiError as error:
            if error.status is not None and error.status < 500 and is_website(api, site):
                error.message = f"{error.message}; {other_kind(site, ours=self.applied.command is not None)}"
                error.args, error.hint = (error.message,), ""
            raise

    def _create_website(self, action: CreateWebsite) -> None:
        api, site = self.work.api, self.work.site
        _created(
            lambda: api.websites.create(site.domain, command=action.command, enabled=action.enabled),
            lambda: find_website(api, site),
        )

    def _configure(self, action: ConfigureWebApp) -> None:
        """The platform may quote what it does not like, and it is a person who reads that."""
        changes = dict(action.changes)
        if action.password:
            changes["password_protection_password"] = required_password(self.work).reveal()
        try:
            self.work.api.webapps.update(self.work.site.domain, **changes)
        except ApiError as error:
            error.message = masked(self.work, error.message)
            error.args = (error.message,)
            raise

    def _change_list(self, action: CreateThing[Any] | UpdateThing[Any] | DeleteThing) -> None:
        api, site, calls = self.work.api, self.work.site, CALLS[action.family]
        match action:
            case CreateThing():
                try:
                    created = self._create(action)
                except ApiError as error:
                    if error.status in REFUSED:
                        error.hint = error.hint or LIMITED.get(action.family, "")
                    raise
                self._note(action.family, created, action.thing)
            case UpdateThing():
                calls.update(api, site, action.id, action.thing)
                self._note(action.family, action.id, action.thing)
            case DeleteThing():
                calls.delete(api, site, action.id)

    def _create(self, action: CreateThing[Any]) -> int:
        api, site, calls = self.work.api, self.work.site, CALLS[action.family]
        if (id_ := self._take_over(calls, action.thing)) is not None:
            return id_
        before = (*getattr(self.applied, action.family), *getattr(self.live, action.family))
        known = {item.id for item in before}
        return _created(
            lambda: calls.create(api, site, action.thing),
            lambda: _new_one(calls.read(api, site), known, action.thing, calls.listed.is_announced),
        )

    def _take_over(self, calls: Calls[Any], thing: Any) -> int | None:
        """Nobody knows whether a domain that becomes a web app again has what hung on it before."""
        listed = calls.listed
        if self.live.exists or listed.of_account:
            return None
        if listed.name not in self._left_behind:
            self._left_behind[listed.name] = calls.read(self.work.api, self.work.site)
        ours = {item.id for item in getattr(self.applied, listed.name)}
        for item in self._left_behind[listed.name]:
            if item.id not in ours and listed.identity(item.thing) == listed.identity(thing):
                calls.update(self.work.api, self.work.site, item.id, thing)
                return item.id
        return None

    def _note(self, family: str, id_: int, thing: Any) -> None:
        lists: dict[str, Any] = {family: (*getattr(self.applied, family), Applied(id=id_, thing=thing))}
        self.applied = replace(self.applied, **lists)

    def _restart(self, action: RestartAlwaysOn) -> None:
        """Twice does no harm: it ends the task again. One that somebody deleted is not ours any more: the
        next run makes it anew.
        """
        restart = self.work.api.always_on.restart
        try:
            with suppress(Temporary):
                restart(action.id)
                return
            self.work.pause(2.0)
            restart(action.id)
        except NotFound as error:
            log.warning("always_on_gone", task=action.subject, problem=error.message)
            left = tuple(item for item in self.applied.always_on if item.id != action.id)
            self.applied = replace(self.applied, always_on=left)


def _created(create: Callable[[], Created], find: Callable[[], Created | None]) -> Created:
    """A creating call is never repeated on a guess: when its answer is lost, the list tells."""
    for _ in range(CREATION_TRIES - 1):
        try:
            return create()
        except OutcomeUnknown:
            if (found := find()) is not None:
                return found
    return create()


def _new_one(
    listed: Iterable[Applied[Any]], known: set[int], wanted: Any, same: Callable[[Any, Any], bool]
) -> int | None:
    """The id that a creating call gave, found in a list: what is as wanted and was not there before."""
    return next((item.id for item in listed if item.id not in known and same(item.thing, wanted)), None)
