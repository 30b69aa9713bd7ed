"""Restarting what serves a site, of a web app and of a website of version 1 alike."""

from typing import Final

from deployer.errors import ApiError
from deployer.model.endpoints import Endpoint
from deployer.pythonanywhere.call import Repeat
from deployer.pythonanywhere.family import Family, confirmed
from deployer.pythonanywhere.models import ReloadOutcome

RELOAD_TIMEOUT_S: Final = 90.0
"""The platform itself waits 20 s for the first request (help page "Error reloading web app"), after the old
workers have finished theirs."""


class Reloading(Family):
    def _reload(self, endpoint: Endpoint, domain: str) -> ReloadOutcome:
        """Not repeated: each repetition restarts the workers again."""
        call = self._call(
            "POST",
            endpoint,
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
