"""The WSGI file of a site that has releases, for one site."""

import json
from importlib.resources import files


def switch_source(*, target: str, record: str) -> bytes:
    """The whole file: `switch.py`, which says what it does, with the site's two places put in.

    Both are absolute paths on the server, without a final slash.
    """
    source = files("deployer.release").joinpath("switch.py").read_text(encoding="utf-8")
    for name, path in (("@TARGET@", target), ("@RECORD@", record)):
        source = source.replace(f'"{name}"', json.dumps(path, ensure_ascii=False))
    return source.encode()
