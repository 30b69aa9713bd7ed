"""Domains of version 1 of the API, and their certificates.

The platform's page documented them for a day (2024-08-01) and its own client still uses them: what they
answer is not documented any more.
"""

from typing import Any

from deployer.model.endpoints import Endpoint
from deployer.pythonanywhere.body import given, json_body
from deployer.pythonanywhere.call import Repeat
from deployer.pythonanywhere.family import Access, Family, as_object, as_objects
from deployer.pythonanywhere.models import Certificate, Domain
from deployer.pythonanywhere.tls import Certificates
from deployer.secret import Secret


class Domains(Family):
    """A domain that is not there raises NotFound, for 404 and 403 alike."""

    def __init__(self, access: Access) -> None:
        super().__init__(access)
        self._certificates = Certificates(access, Endpoint.DOMAIN_SSL)

    def list(self) -> tuple[Domain, ...]:
        return self._transport.call(self._call("GET", Endpoint.DOMAINS), as_objects(Domain.from_json))

    def create(self, domain: str, *, enabled: bool = True, webapp: Any = None) -> Domain:
        """`webapp` goes as it is given. Raises OutcomeUnknown: look into `list`."""
        body = json_body(given(domain_name=domain, enabled=enabled, webapp=webapp))
        call = self._call("POST", Endpoint.DOMAINS, body=body, repeat=Repeat.NEVER)
        return self._transport.call(call, as_object(Domain.from_json))

    def get(self, domain: str) -> Domain:
        call = self._call("GET", Endpoint.DOMAIN, domain=domain)
        return self._transport.call(call, as_object(Domain.from_json))

    def update(self, domain: str, **changes: Any) -> Domain:
        """`enabled` and `webapp`, or one of them."""
        call = self._call("PATCH", Endpoint.DOMAIN, domain=domain, body=json_body(changes))
        return self._transport.call(call, as_object(Domain.from_json))

    def delete(self, domain: str) -> bool:
        """True when it was there."""
        return self._deleted(self._call("DELETE", Endpoint.DOMAIN, domain=domain))

    def certificate(self, domain: str) -> Certificate:
        """As `ssl.get`."""
        return self._certificates.get(domain)

    def upload_certificate(self, domain: str, *, certificate: str, private_key: Secret) -> None:
        """As `ssl.upload`."""
        self._certificates.upload(domain, certificate=certificate, private_key=private_key)

    def letsencrypt(self, domain: str) -> None:
        """As `ssl.letsencrypt`."""
        self._certificates.letsencrypt(domain)

    def delete_certificate(self, domain: str) -> bool:
        """True when there was one."""
        return self._certificates.delete(domain)
