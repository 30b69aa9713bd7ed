"""The JSON API below /api: everything that the page shows, and what it can do, for programs."""

from dataclasses import asdict
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from deployer.daemon.view import View
from deployer.errors import DeployerError, UsageError
from deployer.web import bodies, lookup, shapes
from deployer.web.access import HOW_TO_CONFIGURE, NOT_CONFIGURED, Access, TooManyAttempts
from deployer.web.deeds import OPTIONS, Deed, do

_DEFAULT_LIMIT = 50
_MOST = 500


class Api:
    def __init__(self, view: View, access: Access) -> None:
        self._view = view
        self._access = access

    def routes(self) -> list[Route]:
        return [
            Route("/api/sites", self.sites),
            Route("/api/sites/{name}", self.site),
            Route("/api/sites/{name}/{deed}", self.act, methods=["POST"]),
            Route("/api/deployments", self.deployments),
            Route("/api/deployments/{id}", self.deployment),
        ]

    def sites(self, _: Request) -> JSONResponse:
        missing = self._view.ready()
        listed = [shapes.site(site) for site in self._view.sites()]
        return _json({"ready": not missing, "missing": list(missing), "sites": listed})

    def site(self, request: Request) -> JSONResponse:
        try:
            return _json(shapes.site(self._view.site(request.path_params["name"])))
        except UsageError as error:
            return problem(404, error)

    def deployments(self, request: Request) -> JSONResponse:
        asked = request.query_params.get("limit", str(_DEFAULT_LIMIT))
        if not (asked.isascii() and asked.isdecimal() and len(asked) < 6 and 1 <= int(asked) <= _MOST):
            raise HTTPException(400, f"limit must be a number from 1 to {_MOST}")
        try:
            found = self._view.history(request.query_params.get("site"), most=int(asked))
        except UsageError as error:
            return problem(404, error)
        return _json({"deployments": [shapes.deployment(item) for item in found]})

    def deployment(self, request: Request) -> JSONResponse:
        try:
            found = lookup.find(self._view, request.path_params["id"])
        except UsageError as error:
            return problem(404, error)
        steps = self._view.steps(found.id) if found.deployment else ()
        return _json(
            {
                **shapes.found(found),
                "steps": [shapes.step(step) for step in steps],
                "events": shapes.plain(list(lookup.events(self._view, found.id))),
            }
        )

    async def act(self, request: Request) -> JSONResponse:
        if not self._access.configured:
            return _json({"error": NOT_CONFIGURED, "hint": HOW_TO_CONFIGURE}, 403)
        try:
            admitted = await self._access.admits_bearer(request)
        except TooManyAttempts:
            return _json({"error": "too many wrong tokens at once; try again in a few seconds"}, 429)
        if not admitted:
            hint = "Send Authorization: Bearer <token>, with the token of [daemon] token."
            answer = _json({"error": "the token is missing or wrong", "hint": hint}, 401)
            answer.headers["WWW-Authenticate"] = 'Bearer realm="deployer"'
            return answer
        try:
            deed = Deed(request.path_params["deed"])
        except ValueError:
            raise HTTPException(404, f"a site can only be told to {', '.join(Deed)}") from None
        asked = await bodies.options(request, OPTIONS[deed])
        return await run_in_threadpool(self._do, request.path_params["name"], deed, asked)

    def _do(self, name: str, deed: Deed, asked: dict[str, Any]) -> JSONResponse:
        try:
            done = do(self._view, name, deed, source="command api", **asked)
        except UsageError as error:
            return problem(404, error)
        except DeployerError as error:
            return problem(409, error)
        if done.order:
            return _json(shapes.order(done.order), 202)
        return _json({key: value for key, value in asdict(done).items() if key != "order"})


def problem(status: int, error: DeployerError) -> JSONResponse:
    said = {"error": error.message, "left": error.left, "hint": error.hint}
    return _json({key: value for key, value in said.items() if value}, status)


def _json(value: object, status: int = 200) -> JSONResponse:
    return JSONResponse(value, status, headers={"Cache-Control": "no-store"})
