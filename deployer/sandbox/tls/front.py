"""Which certificate a visitor is shown: that of the name that the handshake asks for (SNI)."""

import re
import ssl
from collections.abc import Sequence
from pathlib import Path

import structlog

from deployer.sandbox.tls.authority import Authority
from deployer.sandbox.tls.certificates import Certificates
from deployer.sandbox.tls.context import bare_context, serving

API_NAMES = ("localhost", "127.0.0.1")
LOCAL_NAME = re.compile(r"([a-z0-9_-]{1,63}\.)+localhost")
LONGEST_NAME = 253  # characters of a domain (RFC 1035)
KEPT = 64  # certificates for names below .localhost: whoever visits makes up as many as they like

log = structlog.get_logger()


class Front:
    """`context` is for a listener. Certificates of the sandbox's own are made for the first visitor."""

    def __init__(self, data: Path, authority: Authority, certificates: Certificates, platform: str) -> None:
        self._folder = data / "tls"
        self._authority = authority
        self._certificates = certificates
        self._platform = (f"*.{platform}", platform)
        self._own: dict[Sequence[str], ssl.SSLContext] = {}
        self.context = bare_context()
        self.context.sni_callback = self._choose

    def _choose(
        self,
        connection: ssl.SSLObject | ssl.SSLSocket,
        name: str | None,
        _: ssl.SSLContext,
    ) -> int | None:
        try:
            connection.context = self._context_for((name or "").lower())
        except Exception:
            log.exception("a handshake failed inside the sandbox", name=name)
            return ssl.ALERT_DESCRIPTION_INTERNAL_ERROR
        return None

    def _context_for(self, name: str) -> ssl.SSLContext:
        """A custom domain without a certificate gets the platform's own, which names another domain.

        What the platform shows in that case is not public; a visitor's browser refuses either way.
        """
        installed = self._certificates.in_force(name)
        if installed is not None:
            return installed
        if name in {"", "localhost"}:  # whoever asks for an address, as https://127.0.0.1, says no name
            return self._sandboxs_own(API_NAMES)
        if len(name) <= LONGEST_NAME and LOCAL_NAME.fullmatch(name):
            return self._sandboxs_own((name,))  # in full: no wildcard reaches over more than one label
        return self._sandboxs_own(self._platform)

    def _sandboxs_own(self, names: Sequence[str]) -> ssl.SSLContext:
        if names not in self._own:
            if len(self._own) >= KEPT:
                self._own.clear()
            self._own[names] = serving(self._authority.for_platform(names), self._folder)
        return self._own[names]
