"""Web apps and their static files. Most changes take effect at the next reload."""

from deployer.errors import ApiError
from deployer.model.endpoints import Endpoint
from deployer.pythonanywhere.body import form, json_body
from deployer.pythonanywhere.call import Repeat
from deployer.pythonanywhere.family import Family, as_object, as_objects, confirmed
from deployer.pythonanywhere.models import EnableOutcome, ReloadOutcome, StaticFile, WebApp
from deployer.pythonanywhere.reload import Reloading


class WebApps(Reloading):
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

    def replace(self, domain: str, **fields: str | bool) -> WebApp:
        """Which fields a PUT needs is not known: prefer `update`, or send all that `get` has."""
        call = self._call("PUT", Endpoint.WEBAPP, domain=domain, body=form(fields))
        return self._transport.call(call, as_object(WebApp.from_json))

    def delete(self, domain: str) -> bool:
        """True when it was there. Files stay."""
        return self._deleted(self._call("DELETE", Endpoint.WEBAPP, domain=domain))

    def reload(self, domain: str) -> ReloadOutcome:
        """Restart the workers and wait for them. Not repeated here: each repetition restarts them again.

        OK does not mean that the app works, and Temporary (a time-out, a 5xx) does not mean that it does
        not: ask the site.
        """
        return self._reload(Endpoint.RELOAD, domain)

    def enable(self, domain: str) -> EnableOutcome:
        """Put the site on the web. AT_LIMIT: the platform refused, and nothing tells whether it is on.

        Raises the refusal where the web app itself says that it is off.
        """
        try:
            self._transport.call(self._call("POST", Endpoint.ENABLE, domain=domain), confirmed)
        except ApiError as error:
            if error.status != 400 or "cannot create any more" not in error.message:
                raise
            enabled = self.get(domain).enabled
            if enabled is False:
                raise
            return EnableOutcome.ON if enabled else EnableOutcome.AT_LIMIT
        return EnableOutcome.ON

    def disable(self, domain: str) -> None:
        """Take the site off the web; nothing of it is lost. A reload fails until it is enabled again."""
        self._transport.call(self._call("POST", Endpoint.DISABLE, domain=domain), confirmed)


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

    def get(self, domain: str, id: int) -> StaticFile:  # noqa: A002 - the platform's name
        call = self._call("GET", Endpoint.STATIC_FILE, domain=domain, id=id)
        return self._transport.call(call, as_object(StaticFile.from_json))

    def update(self, domain: str, id: int, **changes: str) -> StaticFile:  # noqa: A002 - the platform's name
        """`url` and `path`, or one of them."""
        call = self._call("PATCH", Endpoint.STATIC_FILE, domain=domain, id=id, body=json_body(changes))
        return self._transport.call(call, as_object(StaticFile.from_json))

    def replace(self, domain: str, id: int, *, url: str, path: str) -> StaticFile:  # noqa: A002 - the platform's name
        body = json_body({"url": url, "path": path})
        call = self._call("PUT", Endpoint.STATIC_FILE, domain=domain, id=id, body=body)
        return self._transport.call(call, as_object(StaticFile.from_json))

    def delete(self, domain: str, id: int) -> bool:  # noqa: A002 - the platform's name
        """True when it was there."""
        return self._deleted(self._call("DELETE", Endpoint.STATIC_FILE, domain=domain, id=id))
