"""Notices that the certificate of one site is to be sent, or that one that was awaited has come."""

from typing import NamedTuple

from deployer.deployment.renewal import look_for_renewal
from deployer.deployment.site_work import SiteWork
from deployer.errors import DeployerError
from deployer.events import log
from deployer.model.order import Work
from deployer.model.tls import AppliedTls


class Due(NamedTuple):
    """What is to be ordered."""

    work: Work
    reason: str


class CertificateWatch:
    """The looks at it, in the worker's thread. A look costs requests only where something has changed since
    the last one, and what is wrong is said once.
    """

    def __init__(self, site: str) -> None:
        self._site = site
        self._known: AppliedTls | None = None
        self._problem = ""

    def look(self, work: SiteWork) -> Due | None:
        """None: there is nothing to be done. Raises as `look_for_renewal`."""
        found = look_for_renewal(work, self._known)
        self._known = found.applied
        if found.problem != self._problem:
            self._problem = found.problem
            if found.problem:
                log.warning("certificate_refused", site=self._site, problem=found.problem)
        if not found.reason:
            return None
        return Due(Work.DEPLOY if found.stopped else Work.RENEW, found.reason)

    def failed(self, error: DeployerError) -> None:
        """A look met an error; the next one comes."""
        log.warning("certificate_not_looked", site=self._site, problem=error.message)
