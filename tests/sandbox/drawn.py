"""Requests that Hypothesis draws from the sandbox's own description: good, slightly wrong, and garbage."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote_from_bytes, urlencode

from hypothesis import strategies as st
from urllib3.filepost import encode_multipart_formdata

from tests.sandbox.authority import TestAuthority
from tests.sandbox.client import DOMAIN

OWN, CUSTOM, OTHERS = DOMAIN, "www.example.org", "bob.pythonanywhere.com"
MATERIAL = TestAuthority().material(CUSTOM)
FORM, JSON = "application/x-www-form-urlencoded", "application/json"
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS", "TRACE", "BREW")

TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(
        ["", " ", "\0", "\ud800", "é" * 300, "../..", "%2e%2e", "null", "1", "<b>", "a\r\nB: c", "\U0001d7d9"]
    ),
)
NAMES = st.text("ab.~é %?#+\\&=;\n\0", max_size=6) | st.sampled_from([".", "..", "x" * 256, "\udcff"])
KNOWN_PATHS = st.sampled_from(
    ["/home/alice", "/home/alice/", "/home/alice/README.txt", "/home/alice/new/file", "/home/alice/new",
     "/tmp", "/var/www/alice_pythonanywhere_com_wsgi.py", "/var/log", "/var/www", "/etc/passwd", "/home/bob",
     "/", "/home/alice/link", "/home/alice/loop", "/home/alice/README.txt/below"]
)  # fmt: skip
PATHS = KNOWN_PATHS | st.lists(NAMES, max_size=4).map(lambda names: "/" + "/".join(["home", "alice", *names]))
# Commands are really run, by a shell: none of them may do anything.
COMMANDS = st.sampled_from(["true", "exit 3", "sleep 60", "# nothing", "false | true"]) | st.text(
    st.characters(exclude_characters="\r\n", exclude_categories=["Cs"]), max_size=8
).map("# {}".format)
BY_NAME: Mapping[str, st.SearchStrategy[Any]] = {
    "command": COMMANDS,
    "input": st.sampled_from(["", "true\n", " ", "\x1b[A", "é", "\x04"]),
    "domain_name": st.sampled_from(
        [OWN, OWN.upper(), CUSTOM, OTHERS, "shop-" + OWN, "www.example.net", "a..b", "x" * 300]
    ),
    "python_version": st.sampled_from(["python311", "3.11", "python27", "3.99"]),
    "executable": st.sampled_from(["bash", "python3.11", "mysql", "../../bin/sh"]),
    "path": PATHS,
    "source_directory": PATHS,
    "working_directory": PATHS,
    "cert": st.just(MATERIAL["cert"]) | TEXTS,
    "private_key": st.just(MATERIAL["private_key"]) | TEXTS,
    "content": st.binary(max_size=3000),
}  # fmt: skip
"""Values of fields that mean something, whatever the schema allows beside them."""

ANYTHING: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS.filter(lambda text: "\ud800" not in text),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
HARMLESS = ANYTHING.filter(lambda value: not isinstance(value, str | int | float) or isinstance(value, bool))


@dataclass(frozen=True, slots=True)
class Sent:
    """`target` is raw, as it goes over the wire; `place` its key in the description, if it has one."""

    method: str
    target: str
    place: str | None
    headers: Mapping[str, str]
    body: bytes | None

    def __str__(self) -> str:
        return f"{self.method} {self.target} {dict(self.headers)} {self.body!r:.300}"


@st.composite
def requests(
    draw: st.DrawFn, description: Mapping[str, Any], ids: Mapping[str, list[int]], place: str, method: str
) -> Sent:
    """One of this operation: as it should be, or wrong in a way or two. `ids` are known ones, by list."""
    operation = description["paths"][place].get(method.lower(), {})
    known = ids.get(place.partition("{id}")[0]) or [1]
    target, is_exact = draw(_targets(place, known))
    query = draw(_queries(operation))
    content = operation.get("requestBody", {}).get("content", {})
    headers, body = draw(_bodies(content))
    return Sent(
        method=method,
        target=target + (f"?{query}" if query else ""),
        place=place if is_exact else None,
        headers={**headers, **draw(HEADERS)},
        body=body,
    )


@st.composite
def _targets(draw: st.DrawFn, place: str, ids: list[int]) -> tuple[str, bool]:
    first, second = (OWN, CUSTOM) if "/webapps/" in place else (CUSTOM, OWN)
    domains = [first] * 12 + [second] * 3 + [OWN.upper(), OTHERS, "%", "é", " "]
    values = {
        "user": draw(st.sampled_from(["alice"] * 40 + ["bob", "ALICE"])),
        "domain": quoted(draw(st.sampled_from(domains))),
        "id": str(draw(st.sampled_from(ids * 6 + [0, 2**63, 10**400]))),
        "path": quoted(draw(PATHS)),
    }
    target = place.format_map(values)
    wrong = draw(st.sampled_from([*[""] * 40, "slash", "double", "more", "cut"]))
    match wrong:
        case "slash" if target.endswith("/"):
            return target[:-1], True
        case "double":
            return target.replace("/user/", "//user/"), False
        case "more":
            return target + draw(st.sampled_from(["%00", "x", "%ff/", ";a=b", "%2F"])), False
        case "cut":
            return target[: draw(st.integers(1, len(target)))], False
    return target, True


@st.composite
def _queries(draw: st.DrawFn, operation: Mapping[str, Any]) -> str:
    asked = [each["name"] for each in operation.get("parameters", [])]
    given = [(name, draw(PATHS)) for name in asked if draw(st.integers(0, 9))]
    garbage = draw(st.sampled_from([""] * 6 + ["%", "path", "path=&path=%ff", "format=api", "=&&="]))
    return "&".join(part for part in (urlencode(given, errors="replace"), garbage) if part)


@st.composite
def _bodies(draw: st.DrawFn, content: Mapping[str, Any]) -> tuple[dict[str, str], bytes | None]:
    how = draw(st.sampled_from(["good"] * 6 + ["wrong"] * 3 + ["garbage", "none"]))
    if how == "garbage" or not content:
        return draw(GARBAGE)
    if how == "none":
        return {}, None
    kind = draw(st.sampled_from(sorted(content)))
    schema = content[kind]["schema"]
    fields = {
        name: draw(_value(name, shape))
        for name, shape in schema["properties"].items()
        if name in schema["required"] or draw(st.booleans())
    }
    if how == "wrong" and fields:
        name = draw(st.sampled_from(sorted(fields)))
        match draw(st.sampled_from(["missing", "value", "more"])):
            case "missing":
                del fields[name]
            case "value":
                fields[name] = draw(HARMLESS if name in {"command", "input", "webapp"} else ANYTHING | TEXTS)
            case "more":
                fields[draw(st.text(max_size=5))] = draw(HARMLESS)
    return _encoded(kind, fields)


def _value(name: str, shape: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    """Of what the schema allows; texts are rather ones that mean something."""
    known = name.rpartition(".")[2]
    if known in BY_NAME and "enum" not in shape:
        return BY_NAME[known]
    if "enum" in shape:
        return st.sampled_from(shape["enum"])
    if "anyOf" in shape:
        return st.one_of([_value(name, each) for each in shape["anyOf"]])
    if "properties" in shape:
        return st.fixed_dictionaries({each: _value(each, of) for each, of in shape["properties"].items()})
    kinds = shape["type"] if isinstance(shape["type"], list) else [shape["type"]]
    return st.one_of([_of_kind(kind, shape) for kind in kinds])


def _of_kind(kind: str, shape: Mapping[str, Any]) -> st.SearchStrategy[Any]:
    match kind:
        case "boolean":
            return st.booleans()
        case "integer":
            return st.integers(shape["minimum"], shape["maximum"])
        case "null":
            return st.none()
        case "object":
            return st.dictionaries(st.text(max_size=5), ANYTHING, max_size=3)
        case _:
            return st.from_regex(shape["pattern"]) if "pattern" in shape else TEXTS


def _encoded(kind: str, fields: Mapping[str, Any]) -> tuple[dict[str, str], bytes]:
    if kind == JSON:
        return {"Content-Type": JSON}, json.dumps(fields, default=lambda _: "bytes").encode()
    if kind == FORM:
        texts = {name: str(value) for name, value in fields.items()}
        return {"Content-Type": FORM}, urlencode(texts, errors="replace").encode()
    parts: dict[str, Any] = {
        name.replace("\ud800", "?"): ("name", value)
        if isinstance(value, bytes)
        else str(value).encode("utf-8", "replace")
        for name, value in fields.items()
    }
    body, content_type = encode_multipart_formdata(parts, "boundary")
    return {"Content-Type": content_type}, body


def quoted(text: str) -> str:
    return quote_from_bytes(text.encode("utf-8", "surrogateescape"))


GARBAGE: st.SearchStrategy[tuple[dict[str, str], bytes | None]] = st.tuples(
    st.sampled_from(
        [
            JSON,
            FORM,
            "multipart/form-data; boundary=boundary",
            "multipart/form-data",
            "text/plain",
            "",
            ";",
            "a/b/c",
        ]
    ).map(lambda kind: {"Content-Type": kind}),
    st.binary(max_size=40)
    | ANYTHING.map(lambda value: json.dumps(value).encode())
    | st.sampled_from(
        [
            b"--boundary--",
            b"--boundary\r\n\r\n",
            b'--boundary\r\nContent-Disposition: form-data; name="content"; filename="x"\r\n\r\ncut',
            b"[" * 5000,
            b"%ff=%00&&=",
            b'{"a":1e999}',
            b"\xff\xfe{\0}\0",
        ]
    ),
)
HEADERS: st.SearchStrategy[dict[str, str]] = st.sampled_from(
    [{}] * 100
    + [
        {"Accept": "image/png"},
        {"Accept": "text/html, */*;q=0.1"},
        {"Authorization": ""},
        {"Authorization": "Token"},
        {"Authorization": "Token \xff\xe9"},
        {"Authorization": "Token a b"},
        {"Authorization": "Basic YTpi"},
        {"Expect": "100-continue"},
        {"X-Forwarded-Proto": "http"},
        {"Range": "bytes=0-1"},
        {"Connection": "close"},
        {"Upgrade": "websocket", "Connection": "Upgrade"},
        {"X-Http-Method-Override": "DELETE", "Cookie": "a=b;;=\xff"},
    ]
)
