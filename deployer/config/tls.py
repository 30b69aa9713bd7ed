"""The certificate of a site, as the site's table in `deployer.toml` says: two files of this machine, or
"letsencrypt".
"""

from pathlib import Path
from typing import NamedTuple

from deployer.config.account import Chosen
from deployer.config.machine import MachineConfig
from deployer.config.secrets import permission_warning
from deployer.model.tls import LetsEncrypt


class CertificateFiles(NamedTuple):
    """Both PEM; neither need be there."""

    certificate: Path
    """The chain, the domain's own certificate first."""
    private_key: Path


class SiteTls(NamedTuple):
    wanted: Chosen[CertificateFiles | LetsEncrypt | None]
    """None: nobody says, so the certificate is left as it is."""
    warnings: tuple[str, ...] = ()


def site_tls(site: str | None, machine: MachineConfig | None) -> SiteTls:
    table = machine.sites[site].tls if machine and site else None
    if table is None or machine is None or site is None:
        return SiteTls(Chosen(None, "default"))
    origin = machine.origin("site", site, "tls")
    if isinstance(table, str):
        return SiteTls(Chosen("letsencrypt", origin))
    files = CertificateFiles(machine.locate(table.certificate), machine.locate(table.private_key))
    warning = permission_warning(files.private_key)
    return SiteTls(Chosen(files, origin), (warning,) if warning else ())
