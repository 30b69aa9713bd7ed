"""The JSON schemas of both files, for editors. `python -m deployer.config.schema FOLDER` writes them."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core.core_schema import NullableSchema, WithDefaultSchema

from deployer.config.machine_file import MachineFile
from deployer.config.site_file import SiteFile
from deployer.config.values import Table

SCHEMAS: Mapping[str, type[Table]] = {
    "pythonanywhere.schema.json": SiteFile,
    "deployer.schema.json": MachineFile,
}


class _TomlSchema(GenerateJsonSchema):
    """TOML has no null: what may be left out is optional, and only plain defaults are values."""

    def nullable_schema(self, schema: NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: WithDefaultSchema) -> JsonSchemaValue:
        described = super().default_schema(schema)
        if described.get("default") is None or isinstance(described["default"], dict):
            described.pop("default", None)
        return described


def schema_text(model: type[Table]) -> str:
    described = model.model_json_schema(schema_generator=_TomlSchema)
    schema = {"$schema": _TomlSchema.schema_dialect, **described}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def write_schemas(folder: Path) -> None:
    for name, model in SCHEMAS.items():
        (folder / name).write_text(schema_text(model), encoding="utf-8")


if __name__ == "__main__":
    write_schemas(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("config"))
