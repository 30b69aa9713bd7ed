"""The environment that the account's own processes have, sites and commands alike."""

from collections.abc import Mapping

from deployer.sandbox.disk import AccountDisk
from deployer.sandbox.hosting.enclosure import Enclosure

SYSTEM_PATH = "/usr/local/bin:/usr/bin:/bin"


def account_environment(
    disk: AccountDisk,
    enclosure: Enclosure,
    extra: Mapping[str, str],
    *,
    virtualenv: str = "",
    tools: str = "",
) -> dict[str, str]:
    """Nothing of the machine's own environment; TZ because the platform's servers live in UTC.

    `virtualenv` and `tools` are directories as the process sees them, the latter one with programs.
    """
    own = {
        "HOME": enclosure.shown(disk.home),
        "USER": disk.username,
        "LOGNAME": disk.username,
        "USERNAME": disk.username,
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "PATH": ":".join(
            place for place in (virtualenv and f"{virtualenv}/bin", tools, SYSTEM_PATH) if place
        ),
    }
    if virtualenv:
        own["VIRTUAL_ENV"] = virtualenv
    return own | dict(extra)
