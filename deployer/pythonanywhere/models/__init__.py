"""What the platform answers, as frozen values.

Unknown keys are ignored and missing ones are None, because the platform adds and leaves out as it likes;
only without the key that names the thing (`id`, `domain_name`) an answer is none: NoAnswer.
"""

from deployer.pythonanywhere.models.account import AlwaysOnTask, Console, CpuUsage, EntryType, Task
from deployer.pythonanywhere.models.sites import (
    Certificate,
    Domain,
    EnableOutcome,
    ReloadOutcome,
    StaticFile,
    StaticHeader,
    WebApp,
    Website,
)

__all__ = [
    "AlwaysOnTask",
    "Certificate",
    "Console",
    "CpuUsage",
    "Domain",
    "EnableOutcome",
    "EntryType",
    "ReloadOutcome",
    "StaticFile",
    "StaticHeader",
    "Task",
    "WebApp",
    "Website",
]
