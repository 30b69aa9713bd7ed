"""`consoles/`: records of programs on terminals; only a browser that loads a console's page starts one.

Shapes are those of the API's help page; the text of the 412 is what public clients report.
"""

import shlex
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from starlette.responses import Response

from deployer.sandbox.account import Account
from deployer.sandbox.bodies import read
from deployer.sandbox.consoles import Terminal
from deployer.sandbox.consoles.record import CONSOLE, SHARED, shown
from deployer.sandbox.endpoint import Call, Endpoint
from deployer.sandbox.fields import Body, Choice, InvalidError, Kind, Text, check
from deployer.sandbox.replies import NOT_FOUND, OK, SURROGATE, RefusalError, detail, page, refusal, reply
from deployer.sandbox.shapes import DONE, NUMBER, TEXT, TEXT_OR_NULL, Shape, listing, thing
from deployer.sandbox.store import Record

NOT_STARTED = "Console not yet started. Please load it (or its iframe) in a browser first"
LATEST = 500  # characters, "approximately" (help page API)
TYPED_PER_WINDOW = 120
NEW = {"executable": "bash", "arguments": "", "working_directory": None, "name": None}
TOO_MANY = "You have too many consoles."  # the platform's own words are not public


@dataclass(frozen=True, slots=True, kw_only=True)
class Typed:
    """Text as it comes, with its spaces, its line ends and its control characters."""

    @property
    def shape(self) -> Shape:
        return TEXT

    def read(self, value: Any, *, is_form: bool) -> str:  # noqa: ARG002 - text is text everywhere
        if isinstance(value, bool) or not isinstance(value, str | int | float):
            raise InvalidError("This field may not be null." if value is None else "Not a valid string.")
        if surrogate := SURROGATE.search(str(value)):
            raise InvalidError(f"Surrogate characters are not allowed: U+{ord(surrogate[0]):X}.")
        return str(value)


@dataclass(frozen=True, slots=True, kw_only=True)
class Arguments:
    """Words as a shell would read them."""

    @property
    def shape(self) -> Shape:
        return TEXT

    def read(self, value: Any, *, is_form: bool) -> str:
        text = Text().read("" if value is None else value, is_form=is_form)
        try:
            shlex.split(text)
        except ValueError as error:
            raise InvalidError(f"{error}.") from error
        return text


@dataclass(frozen=True, slots=True, kw_only=True)
class Directory:
    """Whether it is there shows when the program starts: where it is not, that begins in the home."""

    @property
    def shape(self) -> Shape:
        return TEXT_OR_NULL

    def read(self, value: Any, *, is_form: bool) -> str | None:
        return None if value is None else Text().read(value, is_form=is_form) or None


FIELDS: Mapping[str, Kind] = {
    "executable": Text(blank=False),
    "arguments": Arguments(),
    "working_directory": Directory(),
}
TYPED: Mapping[str, Kind] = {"input": Typed()}


async def show_all(call: Call) -> Response:
    return reply([_shown(call, each) for each in call.account.store.all(CONSOLE)])


async def show_shared(call: Call) -> Response:
    """Other users' consoles: in a sandbox those that its control was told of."""
    return reply([shown(each.body["user"], each) for each in call.account.store.all(SHARED)])


async def create(call: Call) -> Response:
    """Posting the same again makes a second console."""
    data = await read(call.request)
    wanted = str(data.fields.get("executable", ""))
    here = Choice(choices=(wanted,) if await call.account.consoles.can_run(wanted) else ())
    required = _creation(call.account).required
    values = {**NEW, **check(data, {**FIELDS, "executable": here}, required=required)}
    if len(call.account.store.all(CONSOLE)) >= call.account.options.limits.consoles:
        return _too_many(call)
    return reply(_shown(call, call.account.store.add(CONSOLE, values)), 201)


async def show(call: Call) -> Response:
    return reply(_shown(call, _console_of(call)))


async def delete(call: Call) -> Response:
    console = _console_of(call)
    call.account.store.remove(console)
    await call.account.consoles.kill(console)
    if call.switches.deleted_console == 404:
        raise detail(404, NOT_FOUND)
    return Response(status_code=204)


async def show_output(call: Call) -> Response:
    """A window on the end of what the terminal was sent, escape sequences included; no log."""
    terminal = call.account.consoles.terminal(_console_of(call))
    if terminal is None or (terminal.ended and call.switches.ended_console == "not-started"):
        if call.switches.unstarted_output == "empty":
            return reply({"output": ""})
        raise _not_started()
    return reply({"output": terminal.transcript.tail(LATEST)})


async def send_input(call: Call) -> Response:
    """Says only that the text was typed."""
    console = _console_of(call)
    values = await call.fields(TYPED, required=tuple(TYPED))
    terminal = _started(call, call.account.consoles.terminal(console))
    terminal.type(values["input"])
    return reply(OK)


def _creation(account: Account) -> Body:
    required = ("executable",) if account.switches.console_executable == "required" else ()
    return Body(fields=FIELDS, required=required)


def _started(call: Call, terminal: Terminal | None) -> Terminal:
    if terminal is None or (terminal.ended and call.switches.ended_console == "not-started"):
        raise _not_started()
    return terminal


def _not_started() -> RefusalError:
    return refusal(412, {"error": NOT_STARTED})


def _too_many(call: Call) -> Response:
    match call.switches.console_limit:
        case "403-html":
            return page(403, TOO_MANY)
        case "400-json":
            return reply({"detail": TOO_MANY}, 400)
        case "200-empty":
            return Response(b"", 200)


def _console_of(call: Call) -> Record:
    console = call.account.store.get(CONSOLE, call.params["id"])
    if console is None:
        raise detail(404, NOT_FOUND)
    return console


def _shown(call: Call, console: Record) -> dict[str, Any]:
    body = shown(call.account.user, console)
    return body if call.switches.console_name == "numbered" else {**body, "name": console.body["name"]}


SHAPE = thing(
    {
        "id": NUMBER,
        "user": TEXT,
        "executable": TEXT,
        "arguments": TEXT,
        "working_directory": TEXT_OR_NULL,
        "name": TEXT_OR_NULL,
        "console_url": TEXT,
        "console_frame_url": TEXT,
    }
)
ENDPOINTS = (
    Endpoint(
        name="consoles/",
        handlers={"GET": show_all, "POST": create},
        takes={"POST": _creation},
        gives={"GET": {200: listing(SHAPE)}, "POST": {201: SHAPE, 200: None}},
    ),
    Endpoint(
        name="consoles/shared_with_you/",
        handlers={"GET": show_shared},
        gives={"GET": {200: listing(SHAPE)}},
    ),
    Endpoint(
        name="consoles/{id}/",
        handlers={"GET": show, "DELETE": delete},
        gives={"GET": {200: SHAPE}, "DELETE": {204: None}},
    ),
    Endpoint(
        name="consoles/{id}/get_latest_output/",
        handlers={"GET": show_output},
        gives={"GET": {200: thing({"output": TEXT})}},
    ),
    Endpoint(
        name="consoles/{id}/send_input/",
        handlers={"POST": send_input},
        takes={"POST": Body(fields=TYPED, required=tuple(TYPED))},
        gives={"POST": {200: DONE}},
        limit=TYPED_PER_WINDOW,
    ),
)
