"""What one deployment works with: command line over environment over file over default, origins remembered."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Generic, TypeVar

from deployer.config.addresses import is_url, platform_host
from deployer.config.machine import MachineConfig, find_machine, load_machine
from deployer.config.machine_file import PLATFORM_HOST, PLATFORM_LIMIT, AccountTable, SiteTable
from deployer.config.secrets import clean_secret, permission_warning, read_secret, secret_file
from deployer.config.site import AppOverrides
from deployer.config.site_file import SITE_FILE
from deployer.config.values import username as checked_username
from deployer.errors import ConfigError, UsageError
from deployer.secret import Secret

Value = TypeVar("Value")
Environment = Mapping[str, str]

_WAYS = (
    "Give the token in one of these ways: API_TOKEN in the environment; in deployer.toml,"
    ' token = { file = "…" }, { env = "…" } or { credential = "…" } of the account.'
    " It is made on the account page of PythonAnywhere, tab API token."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLine:
    """What was typed; None: not given."""

    config: Path | None = None
    site: str | None = None
    repo: str | None = None


@dataclass(frozen=True, slots=True)
class Chosen(Generic[Value]):
    """A value in force, and where it was said."""

    value: Value
    origin: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Whose site it is, and how to speak to the platform for it."""

    username: Chosen[str]
    host: Chosen[str]
    requests_per_minute: Chosen[int]
    """0: no limit on our side."""
    token: Chosen[Secret | None]
    """None: there is none, or it could not be read; then `token_problem` says why."""
    token_problem: str = ""

    def required_token(self) -> Secret:
        """Raises UsageError with every way to give a token."""
        if self.token.value is None:
            raise UsageError(
                f"no API token for {self.username.value}: {self.token_problem or 'none was given'}",
                hint=_WAYS,
            )
        return self.token.value


@dataclass(frozen=True, slots=True, kw_only=True)
class Context:
    """Everything that is settled before a commit is looked at."""

    site: str | None
    """The name of the [site.<name>] table; None: only the environment and the repository speak."""
    account: Account
    repo: Chosen[str]
    """An absolute path, or a URL."""
    branch: Chosen[str | None]
    """None: HEAD, whatever branch is checked out."""
    manifest: Chosen[str]
    state: Chosen[Path]
    health_url: Chosen[str | None]
    overrides: AppOverrides | None = None
    table: SiteTable | None = None
    """The site's table, for what only the daemon asks of it."""
    machine: MachineConfig | None = None
    warnings: tuple[str, ...] = field(default=())
    """Nothing wrong, but worth telling: `deployer doctor` does."""


def effective(given: CommandLine, environ: Environment, directory: Path) -> Context:
    """What is in force for a command run in `directory`.

    Raises ConfigError or UsageError. A missing token is no error yet: see `Account.required_token`.
    """
    path = find_machine(given.config, environ)
    machine = load_machine(path) if path is not None else None
    return context_of(_site_name(machine, given.site), machine, environ, directory, repo=given.repo)


def every_site(machine: MachineConfig, environ: Environment) -> tuple[Context, ...]:
    """The sites of a daemon. Raises UsageError where the environment would give one account's name to all."""
    if not machine.sites:
        raise UsageError(
            f"{machine.path} has no site",
            hint="Add [site.<name>] with its account and repo, then start again.",
        )
    accounts = sorted({site.account for site in machine.sites.values()})
    shared = [name for name in ("PYTHONANYWHERE_USERNAME", "API_TOKEN") if environ.get(name)]
    if len(accounts) > 1 and shared:
        raise UsageError(
            f"{' and '.join(shared)} would be used for every account of {machine.path}: {', '.join(accounts)}",
            hint="Unset it, and say in the file where each account's token is kept.",
        )
    return tuple(context_of(name, machine, environ, machine.folder) for name in machine.sites)


def context_of(
    name: str | None,
    machine: MachineConfig | None,
    environ: Environment,
    directory: Path,
    *,
    repo: str | None = None,
) -> Context:
    """The context of one site of the file, or of the environment alone where there is no name."""
    table = machine.sites[name] if machine and name else None
    account_name = table.account if table else _only_account(machine, environ)

    def said(key: str, value: Callable[[SiteTable], Value]) -> Chosen[Value] | None:
        """The site's value where the file gives it, by itself or by its default."""
        if table is None or machine is None or name is None:
            return None
        given = key in table.model_fields_set
        return Chosen(value(table), machine.origin("site", name, key) if given else "default")

    account, warnings = _account(account_name, machine, environ)
    return Context(
        site=name,
        account=account,
        repo=_repo(repo, said("repo", lambda site: site.repo), machine, directory),
        branch=said("branch", lambda site: site.branch) or Chosen(None, "default"),
        manifest=said("manifest", lambda site: site.manifest) or Chosen(SITE_FILE, "default"),
        state=state_directory(machine, environ),
        health_url=said("health_url", lambda site: site.health_url) or Chosen(None, "default"),
        overrides=machine.overrides(name) if machine and name else None,
        table=table,
        machine=machine,
        warnings=warnings,
    )


def state_directory(machine: MachineConfig | None, environ: Environment) -> Chosen[Path]:
    """Where the deployer keeps what it knows; links resolved, because file events stop at them."""
    if named := environ.get("DEPLOYER_STATE"):
        return Chosen(Path(named).expanduser().resolve(), _variable("DEPLOYER_STATE"))
    if machine is not None and machine.daemon.state is not None:
        return Chosen(machine.locate(machine.daemon.state).resolve(), machine.origin("daemon", "state"))
    if systemd := environ.get("STATE_DIRECTORY"):
        return Chosen(Path(systemd.split(":")[0]).resolve(), _variable("STATE_DIRECTORY"))
    if home := environ.get("XDG_STATE_HOME"):
        return Chosen((Path(home) / "deployer").resolve(), _variable("XDG_STATE_HOME"))
    return Chosen((Path.home() / ".local" / "state" / "deployer").resolve(), "default")


def _site_name(machine: MachineConfig | None, given: str | None) -> str | None:
    names = sorted(machine.sites) if machine else []
    if given is None:
        if len(names) > 1:
            raise UsageError(
                f"which site? There are {', '.join(names)}", hint=f"Say --site {names[0]}, for example."
            )
        return names[0] if names else None
    if machine is None:
        raise UsageError(
            f"there is no deployer.toml, so no site {given}",
            hint="Name the file with --config or DEPLOYER_CONFIG, or leave --site away.",
        )
    if given not in names:
        raise UsageError(f"{machine.path} has no site {given}, only {', '.join(names) or 'an empty list'}")
    return given


def _only_account(machine: MachineConfig | None, environ: Environment) -> str | None:
    """The account where no site names one: the environment's user's, or the file's only one."""
    accounts = machine.accounts if machine else {}
    if wanted := environ.get("PYTHONANYWHERE_USERNAME"):
        return next((name for name, table in accounts.items() if table.username == wanted), None)
    return next(iter(accounts)) if len(accounts) == 1 else None


def _account(
    name: str | None, machine: MachineConfig | None, environ: Environment
) -> tuple[Account, tuple[str, ...]]:
    table = machine.accounts[name] if machine and name else None

    def chosen(
        variable: str, check: Callable[[str], str], key: str, value: Callable[[AccountTable], str]
    ) -> Chosen[str] | None:
        if from_environment := environ.get(variable):
            return Chosen(_checked(variable, from_environment, check), _variable(variable))
        if table is None or machine is None or name is None:
            return None
        given = key in table.model_fields_set
        return Chosen(value(table), machine.origin("account", name, key) if given else "default")

    username = chosen(
        "PYTHONANYWHERE_USERNAME", checked_username, "username", lambda account: account.username
    )
    if username is None:
        raise UsageError(
            "no account: neither PYTHONANYWHERE_USERNAME nor a deployer.toml names one",
            hint="Set PYTHONANYWHERE_USERNAME and API_TOKEN, or name a file with --config or DEPLOYER_CONFIG.",
        )
    host = chosen("PYTHONANYWHERE_SITE", platform_host, "host", lambda account: account.host)
    limit = Chosen(PLATFORM_LIMIT, "default")
    if table and machine and name and "requests_per_minute" in table.model_fields_set:
        limit = Chosen(table.requests_per_minute, machine.origin("account", name, "requests_per_minute"))
    token, problem, warnings = _token(name, table, machine, environ)
    account = Account(
        username=username,
        host=host or Chosen(PLATFORM_HOST, "default"),
        requests_per_minute=limit,
        token=token,
        token_problem=problem,
    )
    return account, warnings


def _token(
    name: str | None, table: AccountTable | None, machine: MachineConfig | None, environ: Environment
) -> tuple[Chosen[Secret | None], str, tuple[str, ...]]:
    """The token, why there is none, and what to warn of."""
    if text := environ.get("API_TOKEN"):
        origin = _variable("API_TOKEN")
        try:
            return Chosen(clean_secret(text, "API_TOKEN"), origin), "", ()
        except UsageError as error:
            return Chosen(None, origin), error.message, ()
    if table is None or table.token is None or machine is None or name is None:
        return Chosen(None, "default"), "", ()
    origin = machine.origin("account", name, "token")
    file = secret_file(table.token, folder=machine.folder)
    warning = permission_warning(file) if file is not None else ""
    warnings = (warning,) if warning else ()
    try:
        return Chosen(read_secret(table.token, environ, folder=machine.folder), origin), "", warnings
    except UsageError as error:
        return Chosen(None, origin), error.message, warnings


def _repo(
    given: str | None, said: Chosen[str] | None, machine: MachineConfig | None, directory: Path
) -> Chosen[str]:
    if given is not None:
        return Chosen(
            given if is_url(given) else str(directory / Path(given).expanduser()), "command line (--repo)"
        )
    if said is None or machine is None:
        return Chosen(str(directory), "default")
    if is_url(said.value):
        return said
    return Chosen(str(machine.locate(Path(said.value))), said.origin)


def _checked(variable: str, value: str, check: Callable[[str], str]) -> str:
    try:
        return check(value)
    except ValueError as error:
        raise ConfigError("environment", [f"{variable}: {error}"]) from None


def _variable(name: str) -> str:
    return f"environment ({name})"
