"""The JSON schemas of both files, for editors. `python -m deployer.config.schema FOLDER` writes them."""

import json
import sys
from collections.abc import Mapping
from pathlib import Path

from deployer.config.machine_file import MachineFile
from deployer.config.site_file import SiteFile
from deployer.config.values import Table

SCHEMAS: Mapping[str, type[Table]] = {
    "pythonanywhere.schema.json": SiteFile,
    "deployer.schema.json": MachineFile,
}


def schema_text(model: type[Table]) -> str:
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **model.model_json_schema()}
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def write_schemas(folder: Path) -> None:
    for name, model in SCHEMAS.items():
        (folder / name).write_text(schema_text(model), encoding="utf-8")


if __name__ == "__main__":
    write_schemas(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("config"))
