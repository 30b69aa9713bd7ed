"""Websites of version 1 of the API, which the platform calls experimental: a command serves each of them."""

from deployer.model.endpoints import Endpoint
from deployer.pythonanywhere.body import json_body
from deployer.pythonanywhere.call import Repeat
from deployer.pythonanywhere.family import as_object, as_objects
from deployer.pythonanywhere.models import ReloadOutcome, Website
from deployer.pythonanywhere.reload import Reloading


class Websites(Reloading):
    """The command must listen on the Unix socket `${DOMAIN_SOCKET}`. Web apps are not in this list, nor these
    in theirs. A website that is not there raises NotFound, for 404 and 403 alike.
    """

    def list(self) -> tuple[Website, ...]:
        return self._transport.call(self._call("GET", Endpoint.WEBSITES), as_objects(Website.from_json))

    def create(self, domain: str, *, command: str, enabled: bool = True) -> Website:
        """The site may answer 404 for some seconds more. Raises OutcomeUnknown: look into `list`."""
        body = json_body({"domain_name": domain, "enabled": enabled, "webapp": {"command": command}})
        call = self._call("POST", Endpoint.WEBSITES, body=body, repeat=Repeat.NEVER)
        return self._transport.call(call, as_object(Website.from_json))

    def get(self, domain: str) -> Website:
        call = self._call("GET", Endpoint.WEBSITE, domain=domain)
        return self._transport.call(call, as_object(Website.from_json))

    def set_enabled(self, domain: str, enabled: bool) -> Website:  # noqa: FBT001 - the one thing that is set
        """All that can be changed; for another command delete the website and create it anew."""
        call = self._call("PATCH", Endpoint.WEBSITE, domain=domain, body=json_body({"enabled": enabled}))
        return self._transport.call(call, as_object(Website.from_json))

    def delete(self, domain: str) -> bool:
        """True when it was there. Files stay."""
        return self._deleted(self._call("DELETE", Endpoint.WEBSITE, domain=domain))

    def reload(self, domain: str) -> ReloadOutcome:
        """End the processes and start the command again. Otherwise as `webapps.reload`."""
        return self._reload(Endpoint.WEBSITE_RELOAD, domain)
