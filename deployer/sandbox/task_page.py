"""The page behind a task's `extend_url`, for a person with a browser: it puts the task's expiry off.

The platform's is for whoever is logged in there. Here that is who is logged in for the consoles, or who gives
the token with the form.
"""

import html
import re

from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from deployer.sandbox.account import Account
from deployer.sandbox.bodies import read
from deployer.sandbox.consoles.login import Login
from deployer.sandbox.families.schedule import expiry_from_now
from deployer.sandbox.replies import SURROGATE, RefusalError, page
from deployer.sandbox.scheduling import TASK
from deployer.sandbox.store import Record

PLACE = re.compile(r"/user/(?P<user>[^/]+)/schedule/task/(?P<id>[0-9]+)/extend/?")

PAGE = """<!DOCTYPE html>
<html lang="en"><head><title>Task {number}</title></head><body>
<h1>Task {number}</h1>
<p><code>{command}</code></p>
<p>{expiry}</p>
{form}</body></html>
"""
FORM = """<form method="post">{token}<button>Extend</button></form>
"""
ASK = '<label>API token <input type="password" name="token" autocomplete="off" required></label>'


class TaskPage:
    def __init__(self, account: Account) -> None:
        self._account = account
        self._login = Login(account.token)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except RefusalError as refused:  # a body that is none
            response = refused.response
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        place = PLACE.fullmatch(request.url.path)
        task = None
        if place and place["user"] == self._account.user:
            task = self._account.store.get(TASK, place["id"])
        if task is None:
            return page(404, "There is no such task.")
        if request.method == "POST":
            return await self._extend(request, task)
        if request.method not in {"GET", "HEAD"}:
            return page(405)
        return self._shown(request, task)

    async def _extend(self, request: Request, task: Record) -> Response:
        if not self._login.knows(request):
            token = str((await read(request)).fields.get("token", ""))
            if SURROGATE.search(token) or not self._login.admits(token):
                return page(403, "This is not the account's API token. The task was left as it is.")
        # Read after the body, which may come slowly: the task may have been changed meanwhile, or deleted.
        current = self._account.store.get(TASK, str(task.id))
        if current is None:
            return page(404, "There is no such task.")
        if current.body.get("expiry") is None:
            return self._shown(request, current)
        body = {**current.body, "expiry": expiry_from_now(self._account)}
        extended = self._account.store.change(current, body)
        self._account.timetable.put(extended)
        return self._shown(request, extended)

    def _shown(self, request: Request, task: Record) -> Response:
        expiry = task.body.get("expiry")
        token = "" if self._login.knows(request) else ASK
        return HTMLResponse(
            PAGE.format(
                number=task.id,
                command=html.escape(task.body["command"]),
                expiry=f"It runs until {expiry}, and then no more." if expiry else "It does not expire.",
                form=FORM.format(token=token) if expiry else "",
            )
        )
