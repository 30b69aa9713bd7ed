"""The password of a protected site: the environment's, for a run by hand, or where the site's table says."""

from collections.abc import Mapping
from typing import NamedTuple

from deployer.config.account import Chosen, variable_origin
from deployer.config.machine import MachineConfig
from deployer.config.secrets import clean_secret, permission_warning, read_secret, secret_file
from deployer.errors import UsageError
from deployer.secret import Secret

SITE_PASSWORD = "DEPLOYER_SITE_PASSWORD"  # noqa: S105 - the name of a variable


class SitePassword(NamedTuple):
    """What was found. That there is none is no error until a commit asks for it."""

    secret: Chosen[Secret | None]
    problem: str = ""
    """Why it could not be read."""
    warnings: tuple[str, ...] = ()


def site_password(
    site: str | None, machine: MachineConfig | None, environ: Mapping[str, str]
) -> SitePassword:
    if text := environ.get(SITE_PASSWORD):
        origin = variable_origin(SITE_PASSWORD)
        try:
            return SitePassword(Chosen(clean_secret(text, SITE_PASSWORD), origin))
        except UsageError as error:
            return SitePassword(Chosen(None, origin), error.message)
    source = machine.sites[site].password if machine and site else None
    if source is None or machine is None or site is None:
        return SitePassword(Chosen(None, "default"))
    origin = machine.origin("site", site, "password")
    file = secret_file(source, folder=machine.folder)
    warning = permission_warning(file) if file is not None else ""
    warnings = (warning,) if warning else ()
    try:
        secret = read_secret(source, environ, folder=machine.folder)
    except UsageError as error:
        return SitePassword(Chosen(None, origin), error.message, warnings)
    return SitePassword(Chosen(secret, origin), "", warnings)
