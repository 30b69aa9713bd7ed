"""`deployer.toml`: who may deploy what, and how. It stays on the machine that deploys."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from difflib import get_close_matches
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, ConfigDict, Field, PlainSerializer, PlainValidator, model_validator

from deployer.config.addresses import (
    PLATFORM_HOST,
    ListenAddress,
    PlatformHost,
    Repository,
    SiteAddress,
    is_url,
)
from deployer.config.problems import Problem, named_tables
from deployer.config.site_file import SITE_FILE, AppTable
from deployer.config.values import (
    Duration,
    LocalPath,
    Name,
    OneLine,
    Pattern,
    RepositoryFile,
    Table,
    Username,
)

PLATFORM_LIMIT = 40
"""Requests a minute for each endpoint (help page "API")."""

Provider = Literal["github", "gitlab", "gitea", "forgejo", "bitbucket", "hmac"]
StatusProvider = Literal["github", "gitlab", "gitea", "forgejo"]


class SecretTable(Table):
    """Where a secret is read from: exactly one of the three. The secret itself is never written here."""

    model_config = ConfigDict(
        json_schema_extra={"oneOf": [{"required": [key]} for key in ("credential", "env", "file")]}
    )

    credential: Name | None = Field(default=None, examples=["alice-token"])
    """The name of a systemd credential: LoadCredential=<name>:<file> in the unit, read from
    $CREDENTIALS_DIRECTORY/<name>."""
    env: OneLine | None = Field(default=None, examples=["ALICE_TOKEN"])
    """The name of an environment variable."""
    file: LocalPath | None = Field(default=None, examples=["~/.config/deployer/alice-token"])
    """A file that only you can read; ~ is your home."""

    @model_validator(mode="after")
    def _exactly_one(self) -> Self:
        if sum(value is not None for value in (self.credential, self.env, self.file)) != 1:
            raise ValueError("needs exactly one of credential, env and file")
        return self


def _not_clear_text(value: object) -> object:
    """The value is not repeated: it is probably the secret."""
    if not isinstance(value, str):
        return value
    raise ValueError(
        "is never written in this file; say where it is kept instead: "
        '{ file = "~/.config/deployer/alice-token" }, { env = "ALICE_TOKEN" } or, under systemd, '
        '{ credential = "alice-token" }'
    )


SecretSource = Annotated[SecretTable, BeforeValidator(_not_clear_text)]


class DaemonTable(Table):
    """What `deployer run` needs beyond the sites."""

    state: LocalPath | None = Field(default=None, examples=["/var/lib/deployer"])
    """The folder for the SQLite database, mirrors of remote repositories and caches. Default:
    $STATE_DIRECTORY as systemd gives it, else $XDG_STATE_HOME/deployer."""
    listen: ListenAddress = "127.0.0.1:8042"
    """Where webhooks, the status page and metrics are served."""
    socket: LocalPath | None = Field(default=None, examples=["/run/deployer/deployer.sock"])
    """The socket that local commands reach the daemon by. Default: deployer.sock in the state folder."""
    socket_group: Name | None = Field(default=None, examples=["deploy"])
    """A group of this machine whose members may reach it too, so that their `git push` shows the
    deployment. Default: only the daemon's own user."""
    url: SiteAddress | None = Field(default=None, examples=["https://deploy.example.org"])
    """Where people find the status page: links in announcements begin with it. Default: http://<listen>."""
    token: SecretSource | None = Field(default=None, examples=[{"credential": "page-token"}])
    """What the page and the JSON API ask for before they redeploy, roll back, cancel or freeze. Default:
    they only show."""
    announce: Sequence[SecretSource] = Field(default=(), examples=[[{"credential": "chat"}]])
    """Where each apprise URL is kept that is told of deployments, failures and recoveries: mail, chat and
    so on. It counts as a secret, because most hold a password."""


class AccountTable(Table):
    """A PythonAnywhere account."""

    username: Username = Field(examples=["alice"])
    """Its user name, in the case of /home/<user name>."""
    host: PlatformHost = PLATFORM_HOST
    """The platform: https://www.pythonanywhere.com, https://eu.pythonanywhere.com, or a sandbox's
    address (http:// only on this machine)."""
    token: SecretSource | None = Field(default=None, examples=[{"credential": "alice-token"}])
    """Where the API token is kept. Default: the environment variable API_TOKEN."""
    requests_per_minute: int = Field(default=PLATFORM_LIMIT, ge=0)
    """The limit kept for each endpoint. 0: none, which only suits a sandbox."""


class WebhookTable(Table):
    """Pushes that a hosting service announces by calling us."""

    provider: Provider
    """Whose signature to expect."""
    secret: SecretSource = Field(examples=[{"credential": "blog-webhook"}])
    """Where the secret that the service signs with is kept."""
    paths: Sequence[Pattern] = Field(default=(), examples=[["site/", "pythonanywhere.toml"]])
    """Only pushes that touch one of these count: gitignore patterns. What a service does not tell counts as
    touched. Default: every push to the branch."""


class CommitStatusTable(Table):
    """The mark that a hosting service shows beside a commit."""

    provider: StatusProvider
    """Whose API it is."""
    api: SiteAddress | None = Field(default=None, examples=["https://git.example.org"])
    """Where that API is. Default: https://api.github.com, https://gitlab.com; Gitea and Forgejo have none."""
    repository: OneLine = Field(examples=["alice/blog"])
    """The repository's name there."""
    token: SecretSource = Field(examples=[{"credential": "blog-status"}])
    """Where the token that may set it is kept."""


class CertificateTable(Table):
    """A certificate of one's own for a custom domain."""

    certificate: LocalPath = Field(examples=["/etc/letsencrypt/live/example.org/fullchain.pem"])
    """The PEM file with the certificate and its chain, the domain's own first."""
    private_key: LocalPath = Field(examples=["/etc/letsencrypt/live/example.org/privkey.pem"])
    """The PEM file with its key, not encrypted (help page "HTTPSCustomCerts"). The API takes it; it
    is never written to the server's disk."""


def _tls(value: object) -> CertificateTable | str:
    if isinstance(value, dict):
        return CertificateTable.model_validate(value)
    if value == "letsencrypt":
        return "letsencrypt"
    raise ValueError('must be "letsencrypt", or { certificate = "…", private_key = "…" }')


def _tls_written(value: CertificateTable | str) -> object:
    return value if isinstance(value, str) else value.model_dump()


Tls = Annotated[
    CertificateTable | Literal["letsencrypt"],
    PlainValidator(_tls, json_schema_input_type=CertificateTable | Literal["letsencrypt"]),
    PlainSerializer(_tls_written),
]


class DriftTable(Table):
    """How the daemon looks for changes that others made on the server."""

    every: Duration = Field(default=timedelta(hours=6), json_schema_extra={"default": "6h"})
    """How often."""
    action: Literal["report", "heal"] = "report"
    """"report": say so; "heal": deploy the live commit again."""


class SiteTable(Table):
    """One site: a repository, and the account that serves it."""

    account: str = Field(examples=["alice"])
    """The name of an [account.<name>] table."""
    repo: Repository = Field(examples=["/srv/git/blog.git"])
    """A work tree, a bare repository, or a URL, which is mirrored below the state folder. A relative path
    starts at the folder of this file."""
    branch: OneLine = "main"
    """The branch that is deployed."""
    manifest: RepositoryFile = SITE_FILE
    """Where the repository says what the site is."""
    watch: bool = True
    """Deploy when a ref of a local repository moves. A URL cannot be watched: `poll` sees it."""
    poll: Duration = Field(default=timedelta(minutes=5), json_schema_extra={"default": "5m"})
    """How often the branch is looked at, whatever else announces pushes."""
    webhook: WebhookTable | None = Field(
        default=None, examples=[{"provider": "github", "secret": {"credential": "blog-webhook"}}]
    )
    """Deploy when the hosting service says that something was pushed. Default: no webhook."""
    health_url: SiteAddress | None = Field(default=None, examples=["http://10.0.0.7:8080/"])
    """Where the health check asks instead of https://<domain>."""
    password: SecretSource | None = Field(default=None, examples=[{"credential": "blog-password"}])
    """Where the password is kept that visitors have to give, with the name that `password_protection` in the
    repository's [app] says. The health check gives it, too."""
    app: AppTable | None = Field(default=None, examples=[{"domain": "staging.example.org"}])
    """Overrides of the repository's [app], for a second site of one repository."""
    tls: Tls | None = Field(default=None, examples=["letsencrypt"])
    """The certificate of a domain of one's own: two files of this machine, or "letsencrypt", which the
    platform gets and renews by itself. Default: left as it is."""
    announce: Sequence[SecretSource] = Field(default=(), examples=[[{"credential": "chat"}]])
    """More apprise URLs, for this site alone."""
    commit_status: CommitStatusTable | None = Field(
        default=None,
        examples=[{"provider": "github", "repository": "alice/blog", "token": {"env": "STATUS_TOKEN"}}],
    )
    """Mark each commit that is deployed as pending, good or bad. Default: no mark."""
    drift: DriftTable | None = Field(default=None, examples=[{"every": "6h", "action": "report"}])
    """Default: nobody looks."""


class MachineFile(Table):
    """deployer.toml: who may deploy what, and how."""

    daemon: DaemonTable = DaemonTable()
    account: Mapping[Name, AccountTable] = {}
    """Accounts, by a name of your choice: [account.alice]."""
    site: Mapping[Name, SiteTable] = {}
    """Sites, by a name of your choice: [site.blog]."""


def machine_rules(raw: Mapping[str, Any]) -> Iterator[Problem]:
    """What can only be said of several keys together; `raw` may hold anything that TOML can."""
    accounts = raw.get("account")
    known = sorted(accounts) if isinstance(accounts, dict) else []
    for path, site in named_tables(raw, "site"):
        account, repo = site.get("account"), site.get("repo")
        if isinstance(account, str) and account not in known:
            yield Problem((*path, "account"), _unknown_account(account, known))
        status = site.get("commit_status")
        if (
            isinstance(status, dict)
            and status.get("provider") in ("gitea", "forgejo")
            and not status.get("api")
        ):
            yield Problem((*path, "commit_status", "api"), "is needed: it has no public address of its own")
        if isinstance(repo, str) and is_url(repo) and site.get("watch") is True:
            yield Problem((*path, "watch"), "cannot watch a URL; `poll` and `webhook` see its pushes")


def _unknown_account(name: str, known: list[str]) -> str:
    near = get_close_matches(name, known, n=1)
    if near:
        return f'there is no [account.{name}] here; did you mean "{near[0]}"?'
    if known:
        return f"there is no [account.{name}] here, only {', '.join(known)}"
    return f"there is no [account.{name}] here; add that table, with its username and token"
