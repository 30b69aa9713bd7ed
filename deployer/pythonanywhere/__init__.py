"""A client for the PythonAnywhere API that keeps the platform's limit and never guesses.

    with PythonAnywhere(host="https://www.pythonanywhere.com", username="alice", token=Secret(…)) as account:
        account.files.write("/home/alice/site/app.py", b"…")
        account.webapps.reload("alice.pythonanywhere.com")

The rules of the platform are its help page "API"; where that is silent, what its own clients
(pythonanywhere-core, helper_scripts) expect; where they are silent too, the code says so.
"""

from deployer.pythonanywhere.budget import REQUESTS_PER_MINUTE, Budget
from deployer.pythonanywhere.call import RequestDone, Waiting, WaitReason
from deployer.pythonanywhere.client import PythonAnywhere
from deployer.pythonanywhere.models import (
    AlwaysOnTask,
    Certificate,
    Console,
    CpuUsage,
    Domain,
    EnableOutcome,
    EntryType,
    ReloadOutcome,
    StaticFile,
    StaticHeader,
    Task,
    WebApp,
    Website,
)
from deployer.pythonanywhere.window import time_under_limit

__all__ = [
    "REQUESTS_PER_MINUTE",
    "AlwaysOnTask",
    "Budget",
    "Certificate",
    "Console",
    "CpuUsage",
    "Domain",
    "EnableOutcome",
    "EntryType",
    "PythonAnywhere",
    "ReloadOutcome",
    "RequestDone",
    "StaticFile",
    "StaticHeader",
    "Task",
    "WaitReason",
    "Waiting",
    "WebApp",
    "Website",
    "time_under_limit",
]
