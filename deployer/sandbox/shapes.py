"""JSON Schema of what endpoints answer; each family declares its own shapes beside what makes them."""

from collections.abc import Collection, Mapping
from typing import Any, TypeAlias

Shape: TypeAlias = Mapping[str, Any]

TEXT: Shape = {"type": "string"}
TEXT_OR_NULL: Shape = {"type": ["string", "null"]}
NUMBER: Shape = {"type": "integer"}
FLAG: Shape = {"type": "boolean"}
BYTES: Shape = {"type": "string", "format": "binary"}


def thing(keys: Mapping[str, Shape], *, optional: Collection[str] = ()) -> Shape:
    """An object with these keys and no others."""
    return {
        "type": "object",
        "properties": dict(keys),
        "required": [name for name in keys if name not in optional],
        "additionalProperties": False,
    }


def listing(of: Shape) -> Shape:
    return {"type": "array", "items": of}


DONE = thing({"status": {"const": "OK"}})
TEXTS = listing(TEXT)
FIELD_ERRORS: Shape = {
    "type": "object",
    "minProperties": 1,
    "additionalProperties": {
        "anyOf": [{**TEXTS, "minItems": 1}, {"$ref": "#/components/schemas/FieldErrors"}]
    },
    "propertyNames": {"not": {"enum": ["detail", "error", "message", "status"]}},
}
REFUSALS: Mapping[str, Shape] = {
    "Detail": thing({"detail": TEXT}),
    "ErrorObject": thing({"status": {"const": "ERROR"}, "error_type": TEXT, "error_message": TEXT}),
    "Error": thing({"status": {"const": "error"}, "error": TEXT}, optional=("status",)),
    "Message": thing({"message": TEXT, "code": TEXT}, optional=("code",)),
    "FieldErrors": FIELD_ERRORS,
}
"""Every shape that an error in JSON has, by the name that the description gives it."""
