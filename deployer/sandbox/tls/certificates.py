"""The certificates of custom domains: what is installed, what is in force, and what has to be renewed.

A domain's key and chain are one file, `<data>/tls/domains/<domain>.pem`. Beside it `<domain>.asked` says that
Let's Encrypt was asked and has not issued yet, and when. Nothing else is kept: what is in force is
known to the running sandbox alone, and everything installed is in force after a restart, as sites are.
"""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import structlog
from cryptography import x509

from deployer.sandbox.scheduling import Clock
from deployer.sandbox.switches import Switches
from deployer.sandbox.tls import material
from deployer.sandbox.tls.authority import Authority
from deployer.sandbox.tls.context import serving
from deployer.sandbox.tls.material import BadMaterialError, Facts
from deployer.sandbox.tls.private import write_private

RENEWED_BEFORE_END = timedelta(days=30)  # as certbot does
PENDING = timedelta(minutes=1)  # until what was asked for is issued after all
LOOKS_AGAIN = timedelta(hours=1)  # after a failed renewal; so long, too, a machine that slept can be late

log = structlog.get_logger()


class NotIssuedError(Exception):
    """Let's Encrypt refuses."""


class Certificates:
    """Used by the thread that serves, after the one that opens it. Domains in any case."""

    def __init__(
        self, data: Path, authority: Authority, clock: Clock, switches: Callable[[], Switches]
    ) -> None:
        self._folder = data / "tls" / "domains"
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._authority = authority
        self._clock = clock
        self._switches = switches
        self._in_force: dict[str, ssl.SSLContext] = {}
        self._timer: asyncio.TimerHandle | None = None

    def load_all(self) -> None:
        """Put in force what an earlier sandbox on this data folder has left, renewed where it is time."""
        for left in self._folder.parent.rglob(".*"):  # of a sandbox that was killed while it wrote
            left.unlink()
        for file in self._folder.glob("*.pem"):
            self.activate(file.name.removesuffix(".pem"))

    def in_force(self, domain: str) -> ssl.SSLContext | None:
        return self._in_force.get(domain.lower())

    def find(self, domain: str) -> tuple[str, Facts | None] | None:
        """The `cert_type` and the facts, which are None while Let's Encrypt is to issue them."""
        self._issue_if_time(domain)
        if self._asked(domain).exists():
            return "letsencrypt-auto-renew", None
        certificate = self._installed(domain)
        if certificate is None:
            return None
        from_letsencrypt = self._authority.plays_letsencrypt_for(certificate)
        return "letsencrypt-auto-renew" if from_letsencrypt else "custom", material.facts(certificate)

    def install(self, domain: str, chain: str, private_key: str) -> None:
        """Raises BadMaterialError; what was installed before is left then."""
        pem = material.check(chain, private_key, domain, self._clock.now())
        try:
            serving(pem, self._folder)
        except ssl.SSLError as error:
            raise BadMaterialError(f"cert: a web server cannot use it: {error.reason}") from error
        self._keep(domain, pem)

    def ask_letsencrypt(self, domain: str) -> None:
        """Have a certificate issued, now or later as the switch says. Raises NotIssuedError.

        While it is pending, the one that is there stays there.
        """
        answer = self._switches().letsencrypt
        if answer == "failing":
            raise NotIssuedError(f"Let's Encrypt could not verify {domain}. Does its DNS point here?")
        if answer == "pending":
            write_private(self._asked(domain), self._clock.now().isoformat().encode())
            self._set_timer()
        else:
            self._keep(domain, self._authority.letsencrypt(domain, self._clock.now()))

    def remove(self, domain: str) -> bool:
        """Whether there was one. Its files are gone at once; it is served until it is out of force."""
        files = [file for file in (self._file(domain), self._asked(domain)) if file.exists()]
        for file in files:
            file.unlink()
        self._activate_if_at_once(domain)
        return bool(files)

    def activate(self, domain: str) -> None:
        """Put in force what is installed, as a reload does; nothing, when nothing is."""
        self._issue_if_time(domain)
        file = self._file(domain)
        if not file.exists():
            self._in_force.pop(domain.lower(), None)
            return
        try:
            self._in_force[domain.lower()] = serving(file.read_bytes(), self._folder)
        except ssl.SSLError as error:  # somebody wrote into the data folder
            self._in_force.pop(domain.lower(), None)
            log.warning("this certificate cannot be served", file=str(file), error=error.reason)

    def watch(self) -> None:
        """From now on, renew and issue by itself what is due. Called in the loop that serves."""
        loop = asyncio.get_running_loop()

        def look_soon() -> None:
            with suppress(RuntimeError):  # the loop is closed: so is the sandbox
                loop.call_soon_threadsafe(self._look)

        self._clock.follow(look_soon)
        self._set_timer()

    def close(self) -> None:
        """Nothing that is due happens any more."""
        if self._timer is not None:
            self._timer.cancel()

    def _set_timer(self) -> None:
        self.close()
        now = self._clock.now()
        waits = [due - now for due in map(self._due, self._domains()) if due is not None and due > now]
        delay_s = min([*waits, LOOKS_AGAIN]).total_seconds()
        self._timer = asyncio.get_running_loop().call_later(delay_s, self._look)

    def _look(self) -> None:
        for domain in self._domains():
            self._issue_if_time(domain)
        self._set_timer()

    def _issue_if_time(self, domain: str) -> None:
        """A first certificate waits for the reload; a renewed one is served at once."""
        due = self._due(domain)
        if due is None or due > self._clock.now():
            return
        was_asked = self._asked(domain).exists()
        answer = self._switches().letsencrypt
        if answer == "failing" or (answer == "pending" and not was_asked):
            log.warning("the certificate was not renewed", domain=domain, letsencrypt=answer)
            return
        self._keep(domain, self._authority.letsencrypt(domain, self._clock.now()))
        log.info("Let's Encrypt has issued a certificate", domain=domain, renewed=not was_asked)
        if not was_asked and self.in_force(domain):
            self.activate(domain)

    def _due(self, domain: str) -> datetime | None:
        """When Let's Encrypt has to issue: what was asked for, or a renewal."""
        asked = self._asked(domain)
        if asked.exists():
            return datetime.fromisoformat(asked.read_text()) + PENDING
        certificate = self._installed(domain)
        if certificate is None or not self._authority.plays_letsencrypt_for(certificate):
            return None
        return certificate.not_valid_after_utc - RENEWED_BEFORE_END

    def _keep(self, domain: str, pem: bytes) -> None:
        write_private(self._file(domain), pem)
        self._asked(domain).unlink(missing_ok=True)
        self._activate_if_at_once(domain)

    def _activate_if_at_once(self, domain: str) -> None:
        if self._switches().certificate_activation == "at-once":
            self.activate(domain)

    def _installed(self, domain: str) -> x509.Certificate | None:
        file = self._file(domain)
        try:
            return x509.load_pem_x509_certificate(file.read_bytes())
        except FileNotFoundError:
            return None
        except ValueError as error:  # somebody wrote into the data folder
            log.warning("this is not a certificate", file=str(file), error=str(error))
            return None

    def _domains(self) -> list[str]:
        return sorted({file.stem for file in self._folder.glob("[!.]*")})

    def _file(self, domain: str) -> Path:
        return self._folder / f"{domain.lower()}.pem"

    def _asked(self, domain: str) -> Path:
        return self._folder / f"{domain.lower()}.asked"
