"""The pages that show: all sites, one site, one deployment."""

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from deployer.daemon.view import View
from deployer.errors import UsageError
from deployer.model.deployment import Status
from deployer.web import lookup
from deployer.web.render import Renderer
from deployer.web.streams import fingerprint
from deployer.web.words import event_words, outcomes, site_badges

_HISTORY = 50
_STEPS = 500
_LOG = 1000
SAID = {
    "deploy": "A deployment has been asked for.",
    "rollback": "A rollback has been asked for.",
    "cancel": "It is being stopped, and nothing waits any more.",
    "nothing": "There was nothing to cancel.",
    "freeze": "Deployments of this site wait now.",
    "thaw": "Deployments of this site go on.",
}
"""What the page says after an action, by the word in `?said=`: nobody can make it say anything else."""


class Pages:
    def __init__(self, view: View, renderer: Renderer) -> None:
        self._view = view
        self._render = renderer.page

    def routes(self) -> list[Route]:
        return [
            Route("/", self.sites),
            Route("/sites/{name}", self.site),
            Route("/deployments/{id}", self.deployment),
        ]

    def sites(self, request: Request) -> Response:
        sites = self._view.sites()
        badges = [site_badges(site)[0] for site in sites]
        counts = {badge.word: sum(other.word == badge.word for other in badges) for badge in badges}
        return self._render(
            request,
            "sites.html",
            sites=sites,
            counts=counts,
            missing=self._view.ready(),
            state=fingerprint(sites),
            outcomes={site.name: outcomes(site.history, site.history) for site in sites},
            said=_said(request),
        )

    def site(self, request: Request) -> Response:
        try:
            site = self._view.site(request.path_params["name"])
            history = self._view.history(site.name, most=_HISTORY)
        except UsageError as error:
            raise HTTPException(404, str(error)) from error
        return self._render(
            request,
            "site.html",
            site=site,
            history=history,
            outcomes=outcomes(history, history),
            state=fingerprint([site]),
            said=_said(request),
        )

    def deployment(self, request: Request) -> Response:
        try:
            found = lookup.find(self._view, request.path_params["id"])
        except UsageError as error:
            raise HTTPException(404, str(error)) from error
        deployment = found.deployment
        steps = self._view.steps(found.id) if deployment else ()
        events = [
            {"number": number, **event_words(event)}
            for number, event in enumerate(lookup.events(self._view, found.id), start=1)
        ]
        site = found.site
        history = self._view.history(site.name, most=_HISTORY) if site else ()
        return self._render(
            request,
            "deployment.html",
            found=found,
            deployment=deployment,
            outcome=outcomes([deployment], history or [deployment])[deployment.id] if deployment else None,
            site=site,
            steps=steps[-_STEPS:],
            steps_before=max(0, len(steps) - _STEPS),
            bytes_sent=sum(step.entry.size for step in steps if step.entry),
            events=events[-_LOG:],
            events_before=max(0, len(events) - _LOG),
            seen=len(events),
            can_return=bool(
                deployment
                and deployment.status is Status.LIVE
                and site
                and site.live
                and site.live.commit != deployment.commit
            ),
            said=_said(request),
        )


def _said(request: Request) -> str:
    return SAID.get(request.query_params.get("said", ""), "")
