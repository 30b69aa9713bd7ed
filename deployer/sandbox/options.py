"""What a sandbox is started with."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import MappingProxyType
from typing import Literal

from deployer.sandbox.disk import QUOTA_BYTES
from deployer.sandbox.switches import Switches

PlanName = Literal["free-2025", "free", "paid"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The limits of a kind of account (help pages FreeAccountsFeatures, ScheduledTasks and DiskQuota)."""

    webapps: int
    workers: int  # processes of each web app
    tasks: int
    hourly_tasks: bool
    task_hours: int  # how long one run of a task may take
    always_on: int
    consoles: int
    custom_domains: bool
    cpu_seconds_a_day: int
    disk_bytes: int
    expires: bool  # web apps and tasks have to be extended by hand now and then


PLANS: Mapping[PlanName, Plan] = MappingProxyType(
    {
        "free-2025": Plan(
            webapps=1,
            workers=1,
            tasks=1,
            hourly_tasks=False,
            task_hours=2,
            always_on=0,
            consoles=2,
            custom_domains=False,
            cpu_seconds_a_day=100,
            disk_bytes=QUOTA_BYTES,
            expires=True,
        ),
        "free": Plan(
            webapps=1,
            workers=1,
            tasks=0,
            hourly_tasks=False,
            task_hours=2,
            always_on=0,
            consoles=2,
            custom_domains=False,
            cpu_seconds_a_day=100,
            disk_bytes=QUOTA_BYTES,
            expires=True,
        ),
        # What a paid account gets depends on what is paid; these are round figures in the range on offer.
        "paid": Plan(
            webapps=2,
            workers=2,
            tasks=20,
            hourly_tasks=True,
            task_hours=12,
            always_on=1,
            consoles=6,
            custom_domains=True,
            cpu_seconds_a_day=2000,
            disk_bytes=2 * QUOTA_BYTES,
            expires=False,
        ),
    }
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SandboxOptions:
    """One account on one address.

    `plan` is by default `free-2025`: a free account from before 15 January 2026, because that is the smallest
    one that has a scheduled task at all (one, daily). `free` has none; `paid` has 20, hourly ones too, an
    always-on task, custom domains and two workers for each web app. `webapps`, `workers`, `always_on` and
    `disk_bytes` override the plan's figures.

    Raises ValueError for a user name or token that could not be one.
    """

    data: Path  # everything the account holds lies below; it survives the sandbox
    user: str = "alice"
    token: str | None = None  # None: 40 hexadecimal digits, made once and kept in `data`
    port: int = 0  # 0: a free one
    https_port: int = 0  # 0: a free one
    plain_is_http: bool = False  # whether `port` is the HTTP of sites; else it stands for their HTTPS
    plan: PlanName = "free-2025"
    webapps: int | None = None
    workers: int | None = None
    always_on: int | None = None
    disk_bytes: int | None = None
    platform_domain: str = "pythonanywhere.com"  # or eu.pythonanywhere.com: what sites are subdomains of
    python_versions: tuple[str, ...] = ("3.7", "3.8", "3.9", "3.10", "3.11", "3.12", "3.13")  # image `innit`
    cpu_used_s: float = 0.0  # of today's CPU seconds, before anything ran here
    max_upload_bytes: int = 100 * 1024 * 1024  # help page UploadingAndDownloadingFiles
    reload_limit_s: float = 20.0  # for the request that a reload makes (help page ErrorReloadingWebApp)
    isolation: Literal["auto", "namespace", "none"] = "auto"  # whether sites see only the account's disk
    switches: Switches = field(default_factory=Switches)

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9_]+", self.user):
            raise ValueError(f"user {self.user!r}: a user name has only letters and digits")
        if self.token is not None and not re.fullmatch(r"[!-~]+", self.token):
            raise ValueError("token: it has to be printable ASCII without spaces")
        if self.worker_count < 1:
            raise ValueError(f"workers {self.workers}: a web app has at least one")

    @property
    def limits(self) -> Plan:
        return PLANS[self.plan]

    @property
    def webapp_limit(self) -> int:
        return self.limits.webapps if self.webapps is None else self.webapps

    @property
    def worker_count(self) -> int:
        return self.limits.workers if self.workers is None else self.workers

    @property
    def always_on_limit(self) -> int:
        return self.limits.always_on if self.always_on is None else self.always_on

    @property
    def quota_bytes(self) -> int:
        return self.limits.disk_bytes if self.disk_bytes is None else self.disk_bytes
