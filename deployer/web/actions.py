"""The forms of the page: they work without a script, for a person who has signed in."""

from urllib.parse import urlsplit

from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from deployer.daemon.view import View
from deployer.errors import DeployerError, UsageError
from deployer.web import bodies
from deployer.web.access import COOKIE, NOT_CONFIGURED, SESSION_S, Access, TooManyAttempts, local_path
from deployer.web.deeds import Deed, Done, do
from deployer.web.render import Renderer


class Actions:
    def __init__(self, view: View, access: Access, renderer: Renderer) -> None:
        self._view = view
        self._access = access
        self._render = renderer.page

    def routes(self) -> list[Route]:
        return [
            Route("/login", self.ask),
            Route("/login", self.sign_in, methods=["POST"]),
            Route("/logout", self.sign_out, methods=["POST"]),
            Route("/sites/{name}/{deed}", self.act, methods=["POST"]),
        ]

    def ask(self, request: Request) -> Response:
        return self._login(request, back=local_path(request.query_params.get("back", "/")))

    async def sign_in(self, request: Request) -> Response:
        form = await bodies.form(request)
        back = local_path(form.get("back", "/"))
        if not self._access.own_origin(request):
            raise HTTPException(403, "this form was not sent from this page; open the page again")
        try:
            admitted = await self._access.admits(form.get("token", "").strip())
        except TooManyAttempts:
            return self._login(
                request, back=back, status=429, wrong="Too many wrong tokens at once; wait a bit."
            )
        if not admitted:
            return self._login(request, back=back, status=401, wrong="That is not the token.")
        answer = RedirectResponse(back, 303)
        answer.set_cookie(
            COOKIE,
            self._access.new_session(),
            max_age=SESSION_S,
            httponly=True,
            samesite="strict",
            # As the browser sees us, which a proxy may hide from us.
            secure=request.headers.get("origin", "").startswith("https:"),
        )
        return answer

    async def sign_out(self, request: Request) -> Response:
        await self._own_form(request)
        answer = RedirectResponse("/", 303)
        answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return answer

    async def act(self, request: Request) -> Response:
        if not self._access.configured:
            raise HTTPException(403, NOT_CONFIGURED)
        form = await self._own_form(request)
        try:
            deed = Deed(request.path_params["deed"])
        except ValueError:
            raise HTTPException(404, "there is no such action") from None
        site = request.path_params["name"]
        try:
            done = await run_in_threadpool(self._do, site, deed, form)
        except UsageError as error:
            raise HTTPException(404, str(error)) from error
        except DeployerError as error:
            raise HTTPException(409, str(error)) from error
        back = urlsplit(local_path(form.get("back", ""), default=f"/sites/{site}")).path
        if done.order and back.startswith("/deployments/"):
            back = f"/deployments/{done.order.id}"
        return RedirectResponse(f"{back}?said={'nothing' if done.cancelled is False else deed}", 303)

    def _do(self, site: str, deed: Deed, form: dict[str, str]) -> Done:
        return do(
            self._view,
            site,
            deed,
            source="command status page",
            force="force" in form,
            rev=form.get("rev"),
            message=form.get("message", ""),
        )

    async def _own_form(self, request: Request) -> dict[str, str]:
        form = await bodies.form(request)
        if not self._access.own_form(request, form):
            raise HTTPException(403, "you are not signed in, or this form is too old; open the page again")
        return form

    def _login(self, request: Request, *, back: str, status: int = 200, wrong: str = "") -> Response:
        return self._render(request, "login.html", status=status, back=back, wrong=wrong)
