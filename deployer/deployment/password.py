"""The password that visitors of a protected site have to give: where it goes, and what is kept of it."""

import base64
import hashlib
import hmac
import os
from urllib.parse import urlsplit

from deployer.config import is_loopback
from deployer.deployment.site_work import SiteWork
from deployer.errors import ConfigError
from deployer.events import log
from deployer.health import Login
from deployer.model.site import Site
from deployer.planning.settings import wants_password
from deployer.secret import Secret

_COST = {"n": 2**14, "r": 8, "p": 1}
"""16 MiB and some tens of milliseconds for each guess: the site's own code can read the record."""
_NAME = "scrypt"


def fingerprint(password: Secret) -> str:
    """Like "scrypt$<salt>$<hash>", both in hexadecimal; another one each time."""
    salt = os.urandom(16)
    return f"{_NAME}${salt.hex()}${_hash(password, salt)}"


def is_of(password: Secret, recorded: str | None) -> bool:
    """Whether a recorded fingerprint is this password's."""
    name, _, rest = (recorded or "").partition("$")
    salt, _, known = rest.partition("$")
    try:
        return name == _NAME and hmac.compare_digest(_hash(password, bytes.fromhex(salt)), known)
    except (ValueError, TypeError):  # damaged: no password's
        return False


def _hash(password: Secret, salt: bytes) -> str:
    return hashlib.scrypt(password.reveal().encode(), salt=salt, dklen=32, **_COST).hex()


def wanted_fingerprint(work: SiteWork, recorded: str | None) -> str | None:
    """The recorded one where it is of the password that is wanted; None: visitors need none, or not by us.

    Raises ConfigError as `required_password`.
    """
    if not wants_password(work.site.webapp):
        return None
    password = required_password(work)
    return recorded if is_of(password, recorded) else fingerprint(password)


def required_password(work: SiteWork) -> Secret:
    """Raises ConfigError that says where to put it."""
    if work.password is None:
        raise ConfigError(
            "deployer.toml",
            [
                (
                    f"site.<name>.password: {work.password_problem or 'is missing'}; [app] "
                    f'password_protection = "{work.site.webapp.password_protection_username}" of '
                    f"{work.site.domain} needs it"
                )
            ],
            hint='Say under [site.<name>] where it is kept: password = { file = "…" }, { env = "…" } or '
            '{ credential = "…" }. Without a deployer.toml, set DEPLOYER_SITE_PASSWORD.',
        )
    return work.password


def login(work: SiteWork) -> Login | None:
    """What the health check has to give; None where visitors need nothing that we know.

    It does not travel in the clear: a `health_url` without TLS, of another machine, is asked without it.
    """
    name = work.site.webapp.password_protection_username
    if not wants_password(work.site.webapp) or name is None:
        return None
    url = urlsplit(work.site_url)
    if url.scheme != "https" and not is_loopback(url.hostname or ""):
        log.warning("health_without_password", reason=f"{work.site_url} is not https")
        return None
    return Login(name, required_password(work))


def masked(work: SiteWork, text: str) -> str:
    """Other people's words without the site's password, and without the token. They may have been cut before
    they came here, so the beginning of a password at their end goes, too.
    """
    text = work.api.masked(text)
    if work.password is None:
        return text
    for form in _forms(work.password, work.site):
        text = text.replace(form, str(work.password))
        cut = next((n for n in range(len(form) - 1, 5, -1) if text.endswith(form[:n])), 0)
        text = text[: len(text) - cut] + str(work.password) * (cut > 0)
    return text


def _forms(password: Secret, site: Site) -> tuple[str, ...]:
    """As it is, and as a browser sends it: a debugging page shows the whole request."""
    plain = password.reveal()
    pair = f"{site.webapp.password_protection_username}:{plain}"
    return base64.b64encode(pair.encode()).decode(), plain
