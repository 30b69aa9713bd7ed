"""The API described as OpenAPI 3.1, made from what the endpoints declare, as the switches stand."""

import re
from collections.abc import Iterator, Mapping
from http import HTTPStatus
from typing import Any

from deployer.sandbox.account import Account
from deployer.sandbox.bodies import FORM, JSON, MULTIPART
from deployer.sandbox.endpoint import Endpoint
from deployer.sandbox.families import ENDPOINTS
from deployer.sandbox.fields import Body
from deployer.sandbox.shapes import NUMBER, REFUSALS, TEXT, Shape

BINARY = "application/octet-stream"
HTML = "text/html"


def describe(account: Account, server: str) -> dict[str, Any]:
    """`server` is the address at which the API is asked."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "A PythonAnywhere account on this machine",
            "version": "0",
            "description": "What a sandbox takes and answers as its switches stand; not the platform's word.",
        },
        "servers": [{"url": server}],
        "security": [{"token": []}],
        "paths": {
            f"/api/{each.version}/user/{{user}}/{each.name}": _path(account, each) for each in ENDPOINTS
        },
        "components": {
            "securitySchemes": {
                "token": {
                    "type": "apiKey",
                    "in": "header",
                    "name": "Authorization",
                    "description": "`Token` and the token",
                }
            },
            "schemas": {
                **REFUSALS,
                "Refusal": {"anyOf": [{"$ref": f"#/components/schemas/{name}"} for name in REFUSALS]},
            },
        },
    }


def _path(account: Account, endpoint: Endpoint) -> dict[str, Any]:
    names = re.findall(r"{(\w+)}", "{user}" + endpoint.name)
    schemas = _parameters(account)
    operations: dict[str, Any] = {
        method.lower(): _operation(account, endpoint, method) for method in endpoint.handlers
    }
    parameters = [{"name": name, "in": "path", "required": True, "schema": schemas[name]} for name in names]
    return {"parameters": parameters, **operations}


def _parameters(account: Account) -> Mapping[str, Shape]:
    return {
        "user": {"enum": [account.user]},
        "domain": {**TEXT, "examples": [f"{account.user}.{account.options.platform_domain}"]},
        "id": {**NUMBER, "minimum": 1},
        "path": {**TEXT, "pattern": "^/", "description": "an absolute path, its slashes as they are"},
    }


def _operation(account: Account, endpoint: Endpoint, method: str) -> dict[str, Any]:
    handler = endpoint.handlers[method]
    operation: dict[str, Any] = {
        "operationId": f"{handler.__module__.rpartition('.')[2]}.{handler.__name__}",
        "responses": dict(_responses(endpoint, method)),
    }
    if asked := endpoint.asks.get(method):
        operation["parameters"] = [
            {"name": name, "in": "query", "required": True, "schema": TEXT} for name in asked
        ]
    if takes := endpoint.takes.get(method):
        operation["requestBody"] = _body(takes if isinstance(takes, Body) else takes(account))
    return operation


def _body(body: Body) -> dict[str, Any]:
    form = {"schema": body.form_shape}
    others = {} if body.files else {JSON: {"schema": body.shape}, FORM: form}
    return {"required": bool(body.required or body.files), "content": {**others, MULTIPART: form}}


def _responses(endpoint: Endpoint, method: str) -> Iterator[tuple[str, dict[str, Any]]]:
    for status, shape in endpoint.gives[method].items():
        content = {} if shape is None else {JSON: {"schema": shape}}
        if method == "GET" and endpoint.name == "files/path{path}":
            content[BINARY] = {}
        yield (
            str(status),
            {"description": HTTPStatus(status).phrase, **({"content": content} if content else {})},
        )
    refusal = {JSON: {"schema": {"$ref": "#/components/schemas/Refusal"}}, HTML: {"schema": TEXT}}
    yield "4XX", {"description": "Refused, with the reason", "content": refusal}
    yield "5XX", {"description": "A site failed, or a switch says so", "content": refusal}
