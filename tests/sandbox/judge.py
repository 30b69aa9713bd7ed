"""Whether an answer is one of those that the description, and the contract behind it, allow."""

import http.client
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import jsonschema_rs

from deployer.sandbox import Sandbox
from tests.sandbox.drawn import OWN, Sent

BINARY = "application/octet-stream; charset=utf-8"


class Answer:
    def __init__(self, response: http.client.HTTPResponse) -> None:
        self.status = response.status
        self.headers = response.headers
        self.body = response.read()

    @property
    def kind(self) -> str:
        return self.headers.get("content-type", "")

    def __str__(self) -> str:
        return f"{self.status} {dict(self.headers)} {self.body!r:.500}"


@dataclass
class Judge:
    """Sends what was drawn, and looks at what comes back."""

    sandbox: Sandbox

    def __post_init__(self) -> None:
        address = self.sandbox.url.removeprefix("http://")
        self._connection = http.client.HTTPConnection(address, timeout=20)
        self.description: dict[str, Any] = json.loads(self.fetch("GET", "/_sandbox/openapi.json").body)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._connection.close()

    def fetch(
        self, method: str, target: str, headers: Mapping[str, str] | None = None, body: bytes | None = None
    ) -> Answer:
        """Raises ConnectionError where the connection is cut."""
        token = {"Authorization": f"Token {self.sandbox.token}"}
        try:
            self._connection.request(method, target, body, {**token, **(headers or {})})
            return Answer(self._connection.getresponse())
        except BaseException:
            self._connection.close()
            raise

    def get(self, place: str) -> Any:
        """What a list shows; `{domain}` is the account's own. Raises AssertionError where it does not."""
        target = place.format(user=self.sandbox.user, domain=OWN)
        sent = Sent("GET", target, place, {}, None)
        answer = self.fetch(sent.method, sent.target)
        assert answer.status == 200, f"{sent}\n{answer}"
        self.check(sent, answer)
        return json.loads(answer.body)

    def ids(self) -> dict[str, list[int]]:
        """What is there now, by the place of its list."""
        places = {place.partition("{id}")[0] for place in self.description["paths"] if "{id}" in place}
        return {place: [each["id"] for each in self.get(place)] for place in sorted(places)}

    def send(self, sent: Sent) -> Answer | None:
        """None where the connection was cut, as a switch said. Raises AssertionError for a wrong answer."""
        try:
            answer = self.fetch(sent.method, sent.target, sent.headers, sent.body)
        except (ConnectionError, http.client.HTTPException):
            assert self.sandbox.switches.oversized_upload == "cut", sent
            assert sent.method == "POST", sent
            return None
        try:
            self.check(sent, answer)
        except AssertionError as error:
            raise AssertionError(f"{sent}\n{answer}\n{error}") from error
        return answer

    def check(self, sent: Sent, answer: Answer) -> None:
        """Raises AssertionError."""
        if sent.place is not None:
            self._check_allow(sent.place, answer)
        if answer.status == 301:
            assert answer.body == b""
            assert answer.headers["location"].partition("?")[0].endswith("/")
        elif answer.status >= 400:
            self._check_refusal(sent, answer)
        elif sent.method == "OPTIONS":
            assert set(json.loads(answer.body)) == {"name", "description", "renders", "parses"}
        elif sent.method == "HEAD":
            assert answer.body == b""
        else:
            self._check_success(sent, answer)

    def _check_success(self, sent: Sent, answer: Answer) -> None:
        operation = self._operation(sent)
        if operation is None:  # a target that was spoilt, and still is one
            return
        content = operation["responses"][str(answer.status)].get("content")
        if content is None:
            assert answer.body == b""
        elif answer.kind == BINARY:
            assert "application/octet-stream" in content
        else:
            assert answer.kind in {"application/json", "text/json"}
            self._validators[_key(sent, answer.status)].validate(_decoded(answer))

    def _check_refusal(self, sent: Sent, answer: Answer) -> None:
        assert answer.status < 500 or answer.status in self._failures(sent)
        assert b"The sandbox itself failed" not in answer.body
        if sent.method == "HEAD":
            assert answer.body == b""
            return
        if answer.kind.startswith("text/html"):
            assert answer.body.startswith(b"<!DOCTYPE html>")
            assert answer.status in {403, 404, 413, 500, 502, 504}
            assert answer.status != 403 or (sent.place or "").endswith("/consoles/")
            return
        assert answer.kind == "application/json"
        body = _decoded(answer)
        self._refusal.validate(body)
        if sent.place is not None and not {"detail", "error", "error_message", "message"} & set(body):
            assert set(body) <= self._names(sent)
        match answer.status:
            case 401:
                assert answer.headers["www-authenticate"] == "Token"
            case 405:
                assert body == {"detail": f'Method "{sent.method}" not allowed.'}
                assert sent.method not in answer.headers["allow"].split(", ")
            case 429:
                text = re.fullmatch(
                    r"Request was throttled\. Expected available in (\d+) seconds?\.", body["detail"]
                )
                has_header = self.sandbox.switches.throttle_header == "retry-after"
                assert text
                assert answer.headers.get("retry-after") == (text[1] if has_header else None)

    def _names(self, sent: Sent) -> set[str]:
        """Which fields an error can be about."""
        operation = self._operation(sent) or {}
        bodies = operation.get("requestBody", {}).get("content", {}).values()
        asked = {each["name"] for each in operation.get("parameters", [])}
        return asked.union({"non_field_errors"}, *(each["schema"]["properties"] for each in bodies))

    def _failures(self, sent: Sent) -> set[int]:
        """What may be answered from 500 on: by the contract, or because a switch says so."""
        switches = self.sandbox.switches
        if sent.target.partition("?")[0].rstrip("/").endswith("/reload"):
            return {500, 502, 504}  # it is disabled, or too slow
        return {switches.misplaced_upload, switches.quota_refusal} if sent.method == "POST" else set()

    def _check_allow(self, place: str, answer: Answer) -> None:
        if answer.status == 301:
            return
        known = self.description["paths"][place]
        methods = {method.upper() for method in known if method != "parameters"}
        heads = {"HEAD"} if "GET" in methods else set()
        assert set(answer.headers.get("allow", "").split(", ")) == methods | heads | {"OPTIONS"}

    def _operation(self, sent: Sent) -> Mapping[str, Any] | None:
        if sent.place is None:
            return None
        operation: Mapping[str, Any] = self.description["paths"][sent.place][sent.method.lower()]
        return operation

    @cached_property
    def _refusal(self) -> jsonschema_rs.Draft202012Validator:
        return self._validator({"$ref": "#/components/schemas/Refusal"})

    @cached_property
    def _validators(self) -> Mapping[str, jsonschema_rs.Draft202012Validator]:
        return {
            f"{method} {place} {status}": self._validator(response["content"]["application/json"]["schema"])
            for place, operations in self.description["paths"].items()
            for method, operation in operations.items()
            if method != "parameters"
            for status, response in operation["responses"].items()
            if "application/json" in response.get("content", {})
        }

    def _validator(self, schema: Mapping[str, Any]) -> jsonschema_rs.Draft202012Validator:
        return jsonschema_rs.Draft202012Validator({**schema, "components": self.description["components"]})


def _key(sent: Sent, status: int) -> str:
    return f"{sent.method.lower()} {sent.place} {status}"


def _decoded(answer: Answer) -> Any:
    return json.loads(answer.body.decode("utf-8"))
