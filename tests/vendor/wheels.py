"""Wheels of what is installed here, so that `pip install` in a test needs no registry."""

import zipfile
from importlib import metadata
from pathlib import Path

DJANGO = ("django", "asgiref", "sqlparse")


def pack(distribution: str, folder: Path) -> None:
    """A wheel of an installed distribution, pure Python; without translations, most of Django's files."""
    installed = metadata.distribution(distribution)
    name = f"{distribution}-{installed.version}"
    kept = [each for each in installed.files or () if not {"..", "__pycache__"} & set(each.parts)]
    lines = [f"{each},," for each in kept if each.suffix not in {".mo", ".po"} or "en" in each.parts]
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}-py3-none-any.whl", "w") as wheel:
        for line in lines:
            path = line.removesuffix(",,")
            if not path.endswith(("/RECORD", "/INSTALLER")):
                wheel.write(str(installed.locate_file(path)), path)
        wheel.writestr(f"{name}.dist-info/RECORD", "\n".join(lines))
