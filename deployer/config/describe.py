"""The effective configuration for people: each key, its value as TOML, and where it was said."""

from collections.abc import Iterator
from typing import NamedTuple

from deployer.config.account import Chosen
from deployer.config.context import Context
from deployer.config.notation import as_toml


class Described(NamedTuple):
    """One line of `deployer config`."""

    key: str
    value: str
    origin: str


def describe(context: Context) -> tuple[Described, ...]:
    """Every value in force; secrets are masked, and a key without a value says so as a TOML comment."""
    return (*_account(context), *_site(context), *_daemon(context))


def _account(context: Context) -> Iterator[Described]:
    account = context.account
    yield _line("account.username", account.username)
    yield _line("account.host", account.host)
    token = (
        as_toml("***") if account.token.value else f"# not set: {account.token_problem or 'none was given'}"
    )
    yield Described("account.token", token, account.token.origin)
    yield _line("account.requests_per_minute", account.requests_per_minute)


def _site(context: Context) -> Iterator[Described]:
    yield Described("site", as_toml(context.site) if context.site else "# none named", _site_origin(context))
    yield _line("site.repo", context.repo)
    yield _line("site.branch", context.branch, otherwise="# HEAD")
    yield _line("site.manifest", context.manifest)
    yield _line("site.health_url", context.health_url, otherwise="# https://<domain>")
    password, problem = context.password, context.password_problem
    if password.value or problem:
        shown = as_toml("***") if password.value else f"# not set: {problem}"
        yield Described("site.password", shown, password.origin)
    if context.overrides is not None:
        for key, value in context.overrides.app.model_dump(
            include=context.overrides.app.model_fields_set
        ).items():
            yield Described(f"site.app.{key}", as_toml(value), context.overrides.origin(key))
    if context.table is None or context.machine is None or context.site is None:
        return
    table = context.table.model_dump(exclude_none=True)
    for key in ("watch", "poll", "webhook", "tls", "drift"):
        if key in table:
            given = key in context.table.model_fields_set
            origin = context.machine.origin("site", context.site, key) if given else "default"
            yield Described(f"site.{key}", as_toml(table[key]), origin)


def _daemon(context: Context) -> Iterator[Described]:
    yield _line("daemon.state", context.state)
    if context.machine is None:
        return
    daemon = context.machine.daemon
    for key, value in daemon.model_dump(include={"listen", "socket"}, exclude_none=True).items():
        origin = context.machine.origin("daemon", key) if key in daemon.model_fields_set else "default"
        yield Described(f"daemon.{key}", as_toml(value), origin)


def _line(key: str, chosen: Chosen[object], *, otherwise: str = "# not set") -> Described:
    return Described(key, otherwise if chosen.value is None else as_toml(chosen.value), chosen.origin)


def _site_origin(context: Context) -> str:
    if context.site is None or context.machine is None:
        return "default"
    return context.machine.origin("site", context.site)
