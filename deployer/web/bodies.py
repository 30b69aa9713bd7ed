"""What callers send us: small, in time, and of the kind that was meant."""

import asyncio
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from starlette.exceptions import HTTPException
from starlette.requests import Request

MOST_BYTES = 16 * 1024
MOST_SECONDS = 10.0


async def form(request: Request) -> dict[str, str]:
    """The last value of each field. Raises HTTPException."""
    body = await _body(request)
    if _media_type(request) != "application/x-www-form-urlencoded":
        raise HTTPException(415, "a form is sent as application/x-www-form-urlencoded")
    try:
        return dict(parse_qsl(body.decode("ascii"), keep_blank_values=True, max_num_fields=20))
    except ValueError as error:
        raise HTTPException(400, "that is not a form") from error


async def options(request: Request, known: Mapping[str, type]) -> dict[str, Any]:
    """A JSON object with some of the `known` keys; nothing at all is an empty one. Raises HTTPException."""
    body = await _body(request)
    if not body.strip():
        return {}
    try:
        value = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise HTTPException(400, "the body is not JSON") from error
    if not isinstance(value, dict):
        raise HTTPException(400, "the body must be a JSON object")
    for key, item in value.items():
        if key not in known:
            names = ", ".join(known) or "none"
            raise HTTPException(400, f"unknown key {json.dumps(key)}; known here: {names}")
        if not isinstance(item, known[key]):
            kind = {bool: "true or false", str: "a string"}[known[key]]
            raise HTTPException(400, f"{key} must be {kind}")
    return value


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async with asyncio.timeout(MOST_SECONDS):
            async for chunk in request.stream():
                body += chunk
                if len(body) > MOST_BYTES:
                    raise HTTPException(413, f"the body is larger than {MOST_BYTES} bytes")
    except TimeoutError as error:
        raise HTTPException(408, f"the body did not come within {MOST_SECONDS:.0f} s") from error
    return bytes(body)


def _media_type(request: Request) -> str:
    return request.headers.get("content-type", "").partition(";")[0].strip().lower()
