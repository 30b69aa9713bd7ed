"""Certificates, of web apps and of the domains of version 1: the same calls at two addresses."""

from typing import Final

from deployer.model.endpoints import Endpoint
from deployer.pythonanywhere.body import json_body
from deployer.pythonanywhere.call import Repeat
from deployer.pythonanywhere.family import Access, Family, as_object, confirmed
from deployer.pythonanywhere.models import Certificate
from deployer.secret import Secret

LETSENCRYPT_TIMEOUT_S: Final = 180.0
"""How long it takes is not known; the certificate authority is asked meanwhile."""


class Certificates(Family):
    """The certificate of a custom domain."""

    def __init__(self, access: Access, endpoint: Endpoint = Endpoint.SSL) -> None:
        super().__init__(access)
        self._endpoint = endpoint

    def get(self, domain: str) -> Certificate:
        """What a custom domain without a certificate answers is not known; 404 and 403 raise NotFound."""
        call = self._call("GET", self._endpoint, domain=domain)
        return self._transport.call(call, as_object(Certificate.from_json))

    def upload(self, domain: str, *, certificate: str, private_key: Secret) -> None:
        """Both PEM, the chain in one text, the key not encrypted."""
        # The help page names other parameters and says itself that they are wrong.
        body = json_body({"cert": certificate, "private_key": private_key.reveal()})
        self._transport.call(self._call("POST", self._endpoint, domain=domain, body=body), confirmed)

    def letsencrypt(self, domain: str) -> None:
        """Have the platform get a certificate and renew it; the domain must point at the platform already.

        Not repeated here: the certificate authority counts attempts.
        """
        call = self._call(
            "POST",
            self._endpoint,
            domain=domain,
            body=json_body({"cert_type": "letsencrypt-auto-renew"}),
            repeat=Repeat.CALLERS_CHOICE,
            read_timeout_s=LETSENCRYPT_TIMEOUT_S,
        )
        self._transport.call(call, confirmed)

    def delete(self, domain: str) -> bool:
        """True when there was one."""
        return self._deleted(self._call("DELETE", self._endpoint, domain=domain))
