"""`/_sandbox/`: setting faults and switches and reading what was asked, for tests and for curious people."""

import dataclasses
import json
import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from deployer.sandbox import openapi
from deployer.sandbox.account import Account
from deployer.sandbox.consoles import control as consoles
from deployer.sandbox.faults import EFFECTS, Fault
from deployer.sandbox.replies import RefusalError, detail, page
from deployer.sandbox.switches import Switches

PREFIX = "/_sandbox/"

Handler = Callable[[Request], Awaitable[Response]]


class Control:
    """Needs no token, because whoever reaches this address is on this machine; it never shows the token."""

    def __init__(self, account: Account) -> None:
        self._account = account
        self._places: Mapping[str, Mapping[str, Handler]] = {
            "": {"GET": self._overview},
            "faults": {"GET": self._list_faults, "POST": self._add_fault, "DELETE": self._clear_faults},
            "requests": {"GET": self._list_requests, "DELETE": self._forget_requests},
            "switches": {"GET": self._show_switches, "PATCH": self._switch},
            "rotate-logs": {"POST": self._rotate_logs},
            "clock": {"GET": self._show_clock, "POST": self._advance},
            "openapi.json": {"GET": self._describe},
            "loaded-consoles": {"POST": self._load_console},
            "shared-consoles": {"POST": self._share_console, "DELETE": self._unshare_consoles},
        }

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        try:
            response = await self._answer(request)
        except RefusalError as refused:
            response = refused.response
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        place = request.url.path.removeprefix(PREFIX.rstrip("/")).strip("/")
        methods = self._places.get(place)
        if methods is None:
            return page(404, f"{PREFIX} says what there is.")
        handler = methods.get(request.method)
        if handler is None:
            raise detail(
                405, f'Method "{request.method}" not allowed.', headers={"allow": ", ".join(methods)}
            )
        return await handler(request)

    async def _overview(self, request: Request) -> Response:  # noqa: ARG002 - as every handler here
        account = self._account
        overview = {
            "what": "A PythonAnywhere account on this machine, for trying and testing; not the platform.",
            "user": account.user,
            "plan": account.options.plan,
            "disk": {"used_bytes": account.disk.used_bytes, "quota_bytes": account.disk.quota_bytes},
            "api": f"/api/v0/user/{account.user}/",
            "https": account.https_url,
            "control": {
                "GET /_sandbox/requests?since=N": "the API requests seen after number N; DELETE counts anew",
                "POST /_sandbox/faults": "make requests fail; GET lists the faults, DELETE ends them",
                "PATCH /_sandbox/switches": "choose between readings of what is not public; GET lists them",
                "POST /_sandbox/rotate-logs": "rotate the logs of all sites now, as every midnight does",
                "GET /_sandbox/openapi.json": "what the API takes and answers, as OpenAPI 3.1",
                "POST /_sandbox/clock": "put the account's clock forward by advance_s seconds; GET reads it",
                "POST /_sandbox/loaded-consoles": "start the console of that id, as opening its page does",
                "POST /_sandbox/shared-consoles": "a console of a user's, shared with this one; DELETE: none",
            },
            "fault": {
                "fields": [each.name for each in dataclasses.fields(Fault)],
                "effects": EFFECTS,
            },
            "switches": Switches.describe(),
        }
        return _indented(overview)

    async def _list_faults(self, request: Request) -> Response:  # noqa: ARG002 - as every handler here
        return _indented([{**_plain(fault), "fired": fired} for fault, fired in self._account.faults.list()])

    async def _clear_faults(self, request: Request) -> Response:  # noqa: ARG002 - as every handler here
        self._account.faults.clear()
        return Response(status_code=204)

    async def _add_fault(self, request: Request) -> Response:
        try:
            fault = Fault.from_json(await _json(request))
            shown = _indented(_plain(fault), 201)  # before it is kept: what is nested too deeply fails here
        except (ValueError, RecursionError) as error:
            raise detail(400, str(error)) from error
        self._account.faults.add(fault)
        return shown

    async def _list_requests(self, request: Request) -> Response:
        since = request.query_params.get("since", "0")
        if not re.fullmatch("[0-9]{1,18}", since):
            raise detail(400, f"since={since}: it is a request's number")
        return _indented([_plain(entry) for entry in self._account.journal.list(since=int(since))])

    async def _forget_requests(self, request: Request) -> Response:  # noqa: ARG002 - as every handler here
        self._account.journal.reset()
        return Response(status_code=204)

    async def _show_switches(self, request: Request) -> Response:  # noqa: ARG002 - as every handler here
        return _indented(_plain(self._account.switches))

    async def _switch(self, request: Request) -> Response:
        changes = await _json(request)
        if not isinstance(changes, dict):
            raise detail(400, "an object of switches and answers")
        try:
            self._account.switches = self._account.switches.changed(changes)
        except ValueError as error:
            raise detail(400, str(error)) from error
        return _indented(_plain(self._account.switches))

    async def _rotate_logs(self, request: Request) -> Response:  # noqa: ARG002 - as every handler here
        account = self._account
        return _indented({"rotated": await account.threads.run(account.log_rotation.rotate)})

    async def _describe(self, request: Request) -> Response:
        return _indented(openapi.describe(self._account, str(request.base_url).rstrip("/")))

    async def _show_clock(self, request: Request) -> Response:  # noqa: ARG002 - as every handler here
        return _indented({"now": self._account.clock.now().isoformat(timespec="seconds")})

    async def _advance(self, request: Request) -> Response:
        step = await _json(request)
        seconds = step.get("advance_s") if isinstance(step, dict) and len(step) == 1 else None
        if isinstance(seconds, bool) or not isinstance(seconds, int | float):
            raise detail(400, 'an object with seconds, such as {"advance_s": 60}')
        try:
            self._account.clock.advance(seconds)
        except ValueError as error:
            raise detail(400, str(error)) from error
        return await self._show_clock(request)

    async def _load_console(self, request: Request) -> Response:
        return _indented(await consoles.load(self._account, await _json(request)), 201)

    async def _share_console(self, request: Request) -> Response:
        return _indented(consoles.share(self._account, await _json(request)), 201)

    async def _unshare_consoles(self, request: Request) -> Response:  # noqa: ARG002 - as every handler here
        consoles.unshare_all(self._account)
        return Response(status_code=204)


async def _json(request: Request) -> Any:
    try:
        return json.loads(await request.body())
    except (ValueError, RecursionError) as error:
        raise detail(400, f"not JSON: {error}") from error


def _plain(data: Any) -> dict[str, Any]:
    return dataclasses.asdict(data)


def _indented(body: Any, status: int = 200) -> Response:
    return Response(json.dumps(body, indent=2) + "\n", status, media_type="application/json")
