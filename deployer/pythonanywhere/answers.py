"""Reading an answer: what it holds, or in the platform's own words why not. Pure functions on bytes."""

import json
import re
from collections.abc import Mapping
from html import unescape
from typing import Any, Final, TypeAlias

from deployer.errors import ApiError, CredentialsRefused, NoAnswer, NotFound, RateLimited, ServerFault
from deployer.pythonanywhere.call import Call, Failure
from deployer.pythonanywhere.endpoints import WEB_APP_FAMILY

JsonObject: TypeAlias = Mapping[str, Any]

PERMISSION: Final = "You do not have permission to perform this action."
"""Django REST framework's words: another user's name in the address, or a web app that is not there."""
_TEXT_KEYS: Final = ("detail", "error", "message", "error_message")
"""Where the different parts of the platform put their text, in the order of trust."""
_LONGEST: Final = 300
_CREDENTIALS_HINT: Final = (
    "The token is on the page Account, tab API token, of the user and the host that it is used with:"
    " www.pythonanywhere.com and eu.pythonanywhere.com know nothing of each other's tokens."
)
_NOT_THE_API: Final = "The API says 404 in JSON; this came from something else: check the host."


def is_json(content_type: str) -> bool:
    """Any */json: creating a web app answers text/json, as the author of the client pypawapi found."""
    return content_type.partition(";")[0].strip().lower().endswith("/json")


def is_html(content_type: str) -> bool:
    return "html" in content_type.lower()


def json_value(content_type: str, body: bytes) -> Any:
    """The parsed body. Raises NoAnswer for HTML, for nothing, for half a body.

    The label is not trusted either way: what parses as JSON is JSON, except under the name of HTML.
    """
    if is_html(content_type):
        raise NoAnswer(f"an HTML page came instead of JSON: {words(content_type, body)}")
    if not body.strip():
        raise NoAnswer("an empty body came instead of JSON")
    try:
        return json.loads(body)
    except ValueError as error:
        raise NoAnswer(f"what came is not JSON ({error}): {_cut(_text(body))}") from None


def json_object(content_type: str, body: bytes) -> JsonObject:
    """Raises ApiError for a success whose body says "status": "ERROR", as the vendor's client does."""
    value = json_value(content_type, body)
    if not isinstance(value, dict):
        raise NoAnswer(f"a JSON object was due, not {_cut(_text(body))}")
    if str(value.get("status", "")).upper() == "ERROR":
        raise ApiError(_cut(_json_words(value)))
    return value


def nothing(content_type: str, body: bytes) -> None:
    """A success that needs no body. Raises NoAnswer for an HTML page: somebody else said that it is one.

    What calls itself JSON must not contradict the success; other words, like "OK", are no concern of ours.
    """
    speaks = bool(body.strip()) and (is_json(content_type) or _is_page(content_type, body))
    if speaks and isinstance(json_value(content_type, body), dict):
        json_object(content_type, body)


def json_objects(content_type: str, body: bytes) -> tuple[JsonObject, ...]:
    value = json_value(content_type, body)
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise NoAnswer(f"a JSON array of objects was due, not {_cut(_text(body))}")
    return tuple(value)


def words(content_type: str, body: bytes) -> str:
    """What the server said, short enough for one line; HTML is reduced to its title or its first text."""
    text = _text(body)
    if _is_page(content_type, body):
        return _cut(_html_words(text))
    try:
        value = json.loads(text)
    except ValueError:
        return _cut(text)
    return _cut(_json_words(value))


def refusal(call: Call, status: int, headers: Mapping[str, str], body: bytes, *, attempt: int) -> Failure:
    """What an answer other than 2xx means for this call."""
    content_type = headers.get("Content-Type", "")
    said = words(content_type, body)
    message = f"{call}: {status}" + (f" {said}" if said else "")
    if status == 429:
        wait_s = _retry_after(headers, body, attempt)
        error = RateLimited(
            message, status=429, hint="Something else uses the same account; run it again later."
        )
        return Failure(error, harmless=True, retry_after_s=wait_s)
    if status < 400:
        # Every address we ask is already spelt as the platform wants it, so a redirect leads to a login or
        # maintenance page; followed, a POST would become a GET that does nothing and looks well.
        location = headers.get("Location", "nowhere")
        return Failure(NoAnswer(f"{call}: {status}, a redirect to {location}", status=status))
    if status >= 500:
        return Failure(ServerFault(message, status=status))
    return Failure(_final(call, status, message, said, authentic=_is_json_object(body)))


def _final(call: Call, status: int, message: str, said: str, *, authentic: bool) -> ApiError:
    """The 4xx that no waiting cures.

    `authentic` tells the API's own JSON from the page of something in between, which knows nothing of what
    is there and what is not.
    """
    match status:
        case 401:
            return CredentialsRefused(message, status=status, hint=_CREDENTIALS_HINT)
        case 403 if authentic:
            return _forbidden(call, message, said)
        case 404 if authentic:
            return NotFound(message, status=status)
        case 404:
            return NoAnswer(message, status=status, hint=_NOT_THE_API)
        case 413:
            return ApiError(message, status=status, hint="The platform takes uploads of up to 100 MiB.")
    return ApiError(message, status=status)


def _forbidden(call: Call, message: str, said: str) -> ApiError:
    if call.endpoint in WEB_APP_FAMILY:
        hint = "The platform answers so too when there is no such web app."
        return NotFound(message, status=403, hint=hint)
    if said != PERMISSION:
        return ApiError(message, status=403)
    if call.method == "GET":  # reading what is not ours gives 404, so it is the name in the address
        return CredentialsRefused(message, status=403, hint="The token belongs to another user.")
    hint = "Either this may not be written, or the token belongs to another user."
    return ApiError(message, status=403, hint=hint)


def _retry_after(headers: Mapping[str, str], body: bytes, attempt: int) -> float:
    """Seconds, at least one: the header, else what Django REST framework says, else a guess.

    Its words are "Expected available in 37 seconds.", in the `detail` of its JSON; no other number in a
    page is a time. The guess begins with 12, the pause of the client ae_pythonanywhere, and doubles up to
    a whole window.
    """
    header = headers.get("Retry-After", "").strip()
    if header.isdecimal():
        return max(1.0, float(header))
    if said := re.search(r"available in (\d+) second", _detail(body)):
        return max(1.0, float(said[1]))
    return min(60.0, 12.0 * 2.0 ** min(attempt - 1, 3))


def _detail(body: bytes) -> str:
    try:
        value = json.loads(body)
    except ValueError:
        return ""
    return str(value.get("detail", "")) if isinstance(value, dict) else ""


def _json_words(value: Any) -> str:
    if not isinstance(value, dict):
        return json.dumps(value)
    for key in _TEXT_KEYS:
        if isinstance(text := value.get(key), str) and text:
            return text
    return "; ".join(f"{key}: {_field_words(errors)}" for key, errors in value.items())


def _field_words(errors: Any) -> str:
    if isinstance(errors, list):
        return " ".join(str(error) for error in errors)
    return errors if isinstance(errors, str) else json.dumps(errors)


def _html_words(text: str) -> str:
    title = re.search(r"<title[^>]*>(.*?)</title>", text, re.DOTALL | re.IGNORECASE)
    if title and title[1].strip():
        return unescape(title[1])
    visible = re.sub(r"<(script|style)\b.*?</\1>", " ", text, flags=re.DOTALL | re.IGNORECASE)
    return unescape(re.sub(r"<[^>]*>", " ", visible))


def _is_json_object(body: bytes) -> bool:
    try:
        return isinstance(json.loads(body), dict)
    except ValueError:
        return False


def _is_page(content_type: str, body: bytes) -> bool:
    return is_html(content_type) or body.lstrip()[:1] == b"<"


def _text(body: bytes) -> str:
    return body[: 64 * 1024].decode(errors="replace")


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _LONGEST else f"{line[:_LONGEST]}…"
