"""Web apps, their static files and their certificates. Most changes take effect at the next reload."""

from typing import Final

from deployer.errors import ApiError, NotFound
from deployer.model.endpoints import Endpoint
from deployer.pythonanywhere.body import form, json_body
from deployer.pythonanywhere.call import Repeat
from deployer.pythonanywhere.family import Family, as_object, as_objects, confirmed
from deployer.pythonanywhere.models import Certificate, ReloadOutcome, StaticFile, WebApp
from deployer.secret import Secret

RELOAD_TIMEOUT_S: Final = 90.0
"""The platform itself waits 20 s for the first request (help page "Error reloading web app"), after the old
workers have finished theirs."""
LETSENCRYPT_TIMEOUT_S: Final = 180.0
"""How long it takes is not known; the certificate authority is asked meanwhile."""


class WebApps(Family):
    """A web app that is not there raises NotFound, for 404 and 403 alike; `list` settles which it is."""

    def list(self) -> tuple[WebApp, ...]:
        return self._transport.call(self._call("GET", Endpoint.WEBAPPS), as_objects(WebApp.from_json))

    def get(self, domain: str) -> WebApp:
        call = self._call("GET", Endpoint.WEBAPP, domain=domain)
        return self._transport.call(call, as_object(WebApp.from_json))

    def create(self, domain: str, python_version: str) -> None:
        """`python_version` as everywhere else, "3.12". Overwrites the domain's WSGI file.

        The answer does not hold the web app. Raises OutcomeUnknown: look into `list`.
        """
        # Replies say "3.12", creation alone wants "python312".
        fields = {"domain_name": domain, "python_version": f"python{python_version.replace('.', '')}"}
        self._transport.call(
            self._call("POST", Endpoint.WEBAPPS, body=form(fields), repeat=Repeat.NEVER), confirmed
        )

    def update(self, domain: str, **changes: str | bool) -> WebApp:
        """Paths absolute. The platform ignores names that it does not know: compare what comes back."""
        call = self._call("PATCH", Endpoint.WEBAPP, domain=domain, body=form(changes))
        return self._transport.call(call, as_object(WebApp.from_json))

    def delete(self, domain: str) -> bool:
        """True when it was there. Files stay."""
        try:
            self._transport.call(self._call("DELETE", Endpoint.WEBAPP, domain=domain), confirmed)
        except NotFound:
            return False
        return True

    def reload(self, domain: str) -> ReloadOutcome:
        """Restart the workers and wait for them. Not repeated here: each repetition restarts them again.

        OK does not mean that the app works, and Temporary (a time-out, a 5xx) does not mean that it does
        not: ask the site.
        """
        call = self._call(
            "POST",
            Endpoint.RELOAD,
            domain=domain,
            repeat=Repeat.CALLERS_CHOICE,
            read_timeout_s=RELOAD_TIMEOUT_S,
        )
        try:
            self._transport.call(call, confirmed)
        except ApiError as error:
            if error.status == 409 and "cname_error" in error.message:
                return ReloadOutcome.NO_CNAME
            raise
        return ReloadOutcome.OK


class StaticFiles(Family):
    """URL prefixes served without asking the app. A web app or mapping that is not there raises NotFound."""

    def list(self, domain: str) -> tuple[StaticFile, ...]:
        call = self._call("GET", Endpoint.STATIC_FILES, domain=domain)
        return self._transport.call(call, as_objects(StaticFile.from_json))

    def create(self, domain: str, *, url: str, path: str) -> StaticFile:
        """Each call adds one, also the same again. Raises OutcomeUnknown: look into `list`."""
        body = json_body({"url": url, "path": path})
        call = self._call("POST", Endpoint.STATIC_FILES, domain=domain, body=body, repeat=Repeat.NEVER)
        return self._transport.call(call, as_object(StaticFile.from_json))

    def update(self, domain: str, id: int, **changes: str) -> StaticFile:  # noqa: A002 - the platform's name
        """`url` and `path`, or one of them."""
        call = self._call("PATCH", Endpoint.STATIC_FILE, domain=domain, id=id, body=json_body(changes))
        return self._transport.call(call, as_object(StaticFile.from_json))

    def delete(self, domain: str, id: int) -> bool:  # noqa: A002 - the platform's name
        """True when it was there."""
        try:
            self._transport.call(self._call("DELETE", Endpoint.STATIC_FILE, domain=domain, id=id), confirmed)
        except NotFound:
            return False
        return True


class TLS(Family):
    """The certificate of a custom domain."""

    def get(self, domain: str) -> Certificate:
        """What a custom domain without a certificate answers is not known; 404 and 403 raise NotFound."""
        call = self._call("GET", Endpoint.SSL, domain=domain)
        return self._transport.call(call, as_object(Certificate.from_json))

    def upload(self, domain: str, *, certificate: str, private_key: Secret) -> None:
        """Both PEM, the chain in one text, the key not encrypted."""
        # The help page names other parameters and says itself that they are wrong.
        body = json_body({"cert": certificate, "private_key": private_key.reveal()})
        self._transport.call(self._call("POST", Endpoint.SSL, domain=domain, body=body), confirmed)

    def letsencrypt(self, domain: str) -> None:
        """Have the platform get a certificate and renew it; the domain must point at the platform already.

        Not repeated here: the certificate authority counts attempts.
        """
        call = self._call(
            "POST",
            Endpoint.SSL,
            domain=domain,
            body=json_body({"cert_type": "letsencrypt-auto-renew"}),
            repeat=Repeat.CALLERS_CHOICE,
            read_timeout_s=LETSENCRYPT_TIMEOUT_S,
        )
        self._transport.call(call, confirmed)

    def delete(self, domain: str) -> bool:
        """True when there was one."""
        try:
            self._transport.call(self._call("DELETE", Endpoint.SSL, domain=domain), confirmed)
        except NotFound:
            return False
        return True
