"""The account in force: its name, the platform's address, its token, each with where it was said."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, TypeVar

from deployer.config.addresses import PLATFORM_HOST, platform_host
from deployer.config.machine import MachineConfig
from deployer.config.machine_file import PLATFORM_LIMIT, AccountTable
from deployer.config.secrets import clean_secret, permission_warning, read_secret, secret_file
from deployer.config.values import username as checked_username
from deployer.errors import ConfigError, UsageError
from deployer.secret import Secret

Value_co = TypeVar("Value_co", covariant=True)
Environment = Mapping[str, str]

_WAYS = (
    "Give the token in one of these ways: API_TOKEN in the environment; in deployer.toml,"
    ' token = { file = "…" }, { env = "…" } or { credential = "…" } of the account.'
    " It is made on the account page of PythonAnywhere, tab API token."
)


@dataclass(frozen=True, slots=True)
class Chosen(Generic[Value_co]):
    """A value in force, and where it was said."""

    value: Value_co
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


def variable_origin(name: str) -> str:
    return f"environment ({name})"


def only_account(machine: MachineConfig | None, environ: Environment) -> str | None:
    """The account where no site names one: the environment's user's, or the file's only one."""
    accounts = machine.accounts if machine else {}
    if wanted := environ.get("PYTHONANYWHERE_USERNAME"):
        return next((name for name, table in accounts.items() if table.username == wanted), None)
    return next(iter(accounts)) if len(accounts) == 1 else None


def account_of(
    name: str | None, machine: MachineConfig | None, environ: Environment
) -> tuple[Account, tuple[str, ...]]:
    table = machine.accounts[name] if machine and name else None

    def chosen(
        variable: str, check: Callable[[str], str], key: str, value: Callable[[AccountTable], str]
    ) -> Chosen[str] | None:
        if from_environment := environ.get(variable):
            return Chosen(_checked(variable, from_environment, check), variable_origin(variable))
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
            hint="Set PYTHONANYWHERE_USERNAME and API_TOKEN, or name a file: --config, DEPLOYER_CONFIG.",
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
        origin = variable_origin("API_TOKEN")
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


def _checked(variable: str, value: str, check: Callable[[str], str]) -> str:
    try:
        return check(value)
    except ValueError as error:
        raise ConfigError("environment", [f"{variable}: {error}"]) from None
