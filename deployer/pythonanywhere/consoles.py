"""Consoles. The API makes, reads and feeds them; only a browser that opens a console's page starts it."""

from typing import Final

from deployer.errors import ApiError, ConsoleNotStarted, CredentialsRefused, NoAnswer, Temporary
from deployer.model.endpoints import Endpoint
from deployer.pythonanywhere import answers
from deployer.pythonanywhere.body import given, json_body
from deployer.pythonanywhere.call import Call, Repeat
from deployer.pythonanywhere.family import Family, T, as_object, as_objects, confirmed
from deployer.pythonanywhere.models import Console
from deployer.pythonanywhere.reply import Reply
from deployer.pythonanywhere.transport import Parse

_NAMED: Final = 5
"""Consoles that a refusal names one by one."""


class Consoles(Family):
    """A console that is not there raises NotFound, one whose process does not run ConsoleNotStarted."""

    def list(self) -> tuple[Console, ...]:
        return self._transport.call(self._call("GET", Endpoint.CONSOLES), as_objects(Console.from_json))

    def shared_with_you(self) -> tuple[Console, ...]:
        """Other users' consoles."""
        call = self._call("GET", Endpoint.CONSOLES_SHARED)
        return self._transport.call(call, as_objects(Console.from_json))

    def get(self, id: int) -> Console:  # noqa: A002 - the platform's name
        call = self._call("GET", Endpoint.CONSOLE, id=id)
        return self._transport.call(call, as_object(Console.from_json))

    def create(
        self, *, executable: str = "bash", arguments: str = "", working_directory: str | None = None
    ) -> Console:
        """Only a record: nothing runs before somebody opens its page in a browser, logged in.

        Each call adds one. Raises OutcomeUnknown: look into `list`. What an account answers that may have no
        more is not known, so every answer without an id is a refusal: an ApiError with what is there.
        """
        fields = given(executable=executable, arguments=arguments, working_directory=working_directory)
        call = self._call("POST", Endpoint.CONSOLES, body=json_body(fields), repeat=Repeat.NEVER)
        try:
            return self._transport.call(call, _made)
        except (Temporary, CredentialsRefused):
            raise
        except ApiError as error:
            if error.status is None:
                raise
            raise self._refused(error) from None

    def delete(self, id: int) -> bool:  # noqa: A002 - the platform's name
        """End it. True when the platform says that it was there: one old client saw a 404 for consoles that
        it had just ended, so False does not mean that there was none.
        """
        return self._deleted(self._call("DELETE", Endpoint.CONSOLE, id=id))

    def latest_output(self, id: int) -> str:  # noqa: A002 - the platform's name
        """About the last 500 characters, with CRLF and the terminal's escape sequences. A window, not a log:
        what went by between two calls is lost.
        """
        return self._to_process(self._call("GET", Endpoint.CONSOLE_OUTPUT, id=id), _output, id)

    def send_input(self, id: int, text: str) -> None:  # noqa: A002 - the platform's name
        """Type `text`; a line break at its end is the return key. Success says only that it was typed.

        Raises OutcomeUnknown when it may have been: look at `latest_output`.
        """
        body = json_body({"input": text})
        call = self._call("POST", Endpoint.CONSOLE_INPUT, id=id, body=body, repeat=Repeat.NEVER)
        self._to_process(call, confirmed, id)

    def _to_process(self, call: Call, parse: Parse[T], id: int) -> T:  # noqa: A002 - the platform's name
        try:
            return self._transport.call(call, parse)
        except ApiError as error:
            if error.status != 412:
                raise
            page = f"/user/{self._username}/consoles/{id}/"
            hint = f"Open {page} on the same host in a browser, logged in: that starts it."
            raise ConsoleNotStarted(error.message, status=412, hint=hint) from None

    def _refused(self, error: ApiError) -> ApiError:
        """Raises what the list raises when the token is refused there as well: then it was not the limit."""
        try:
            there = self.list()
        except Temporary:
            return error
        one_more = f" and {len(there) - _NAMED} more" if len(there) > _NAMED else ""
        names = ", ".join(f"{each.id} ({each.executable or each.name})" for each in there[:_NAMED])
        count = f"there are {len(there)}: {names}{one_more}" if there else "there are none yet"
        hint = "If the account may have no more (a free one: 2), use one of these or delete one by its id."
        message = f"{error.message}; no console came back, {count}"
        return ApiError(message, status=error.status, hint=hint if there else error.hint)


def _made(reply: Reply) -> Console:
    """Raises ApiError for a success without a console: some clients saw the limit answered so."""
    body = reply.read()
    try:
        return Console.from_json(answers.json_object(reply.content_type, body))
    except NoAnswer as error:
        raise ApiError(f"{reply.status}, but {error.message}") from None


def _output(reply: Reply) -> str:
    output = answers.json_object(reply.content_type, reply.read()).get("output")
    if not isinstance(output, str):
        raise NoAnswer("an object without output came")
    return output
