"""What one deployment works with: command line over environment over file over default."""

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar

from deployer.config.account import (
    Account,
    Chosen,
    Environment,
    account_of,
    only_account,
    variable_origin,
)
from deployer.config.addresses import is_url
from deployer.config.machine import MachineConfig, find_machine, load_machine
from deployer.config.machine_file import SiteTable
from deployer.config.passwords import SITE_PASSWORD, site_password
from deployer.config.site import AppOverrides
from deployer.config.site_file import SITE_FILE
from deployer.config.tls import CertificateFiles, site_tls
from deployer.errors import UsageError
from deployer.model.tls import LetsEncrypt
from deployer.secret import Secret

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True, kw_only=True)
class CommandLine:
    """What was typed; None: not given."""

    config: Path | None = None
    site: str | None = None
    repo: str | None = None


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
    password: Chosen[Secret | None] = Chosen(None, "default")
    """What visitors of a protected site have to give. None: none was told, or `password_problem` says why
    not."""
    password_problem: str = ""
    tls: Chosen[CertificateFiles | LetsEncrypt | None] = Chosen(None, "default")
    """Where the certificate comes from. None: it is left as it is."""
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
        names = " and ".join(shared)
        raise UsageError(
            f"{names} would be used for every account of {machine.path}: {', '.join(accounts)}",
            hint="Unset it, and say in the file where each account's token is kept.",
        )
    if len(machine.sites) > 1 and environ.get(SITE_PASSWORD):
        raise UsageError(
            f"{SITE_PASSWORD} would be used for every site of {machine.path}: {', '.join(machine.sites)}",
            hint="Unset it, and say in the file where each site's password is kept: password = { file = … }.",
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
    account_name = table.account if table else only_account(machine, environ)

    def said(key: str, value: Callable[[SiteTable], Value]) -> Chosen[Value] | None:
        """The site's value where the file gives it, by itself or by its default."""
        if table is None or machine is None or name is None:
            return None
        given = key in table.model_fields_set
        return Chosen(value(table), machine.origin("site", name, key) if given else "default")

    account, warnings = account_of(account_name, machine, environ)
    password = site_password(name, machine, environ)
    tls = site_tls(name, machine)
    return Context(
        site=name,
        account=account,
        repo=_repo(repo, said("repo", lambda site: site.repo), machine, directory),
        branch=said("branch", lambda site: site.branch) or Chosen(None, "default"),
        manifest=said("manifest", lambda site: site.manifest) or Chosen(SITE_FILE, "default"),
        state=state_directory(machine, environ),
        health_url=said("health_url", lambda site: site.health_url) or Chosen(None, "default"),
        password=password.secret,
        password_problem=password.problem,
        tls=tls.wanted,
        overrides=machine.overrides(name) if machine and name else None,
        table=table,
        machine=machine,
        warnings=(*warnings, *password.warnings, *tls.warnings),
    )


def state_directory(machine: MachineConfig | None, environ: Environment) -> Chosen[Path]:
    """Where the deployer keeps what it knows; links resolved, because file events stop at them."""
    if named := environ.get("DEPLOYER_STATE"):
        return Chosen(Path(named).expanduser().resolve(), variable_origin("DEPLOYER_STATE"))
    if machine is not None and machine.daemon.state is not None:
        return Chosen(machine.locate(machine.daemon.state).resolve(), machine.origin("daemon", "state"))
    if systemd := environ.get("STATE_DIRECTORY"):
        return Chosen(Path(systemd.split(":")[0]).resolve(), variable_origin("STATE_DIRECTORY"))
    if home := environ.get("XDG_STATE_HOME"):
        return Chosen((Path(home) / "deployer").resolve(), variable_origin("XDG_STATE_HOME"))
    return Chosen((Path.home() / ".local" / "state" / "deployer").resolve(), "default")


def control_socket(machine: MachineConfig | None, environ: Environment) -> Chosen[Path]:
    """Where local commands reach the daemon."""
    if machine is not None and machine.daemon.socket is not None:
        return Chosen(machine.locate(machine.daemon.socket), machine.origin("daemon", "socket"))
    return Chosen(state_directory(machine, environ).value / "deployer.sock", "default")


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
