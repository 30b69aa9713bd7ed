"""What a site needs that shall have releases, and why. The machine's overrides of [app] are in place."""

from collections.abc import Iterator, Mapping
from typing import Any

from deployer.config.positions import KeyPath
from deployer.config.problems import Problem, tables
from deployer.config.site_file import AppTable

_ONLY_RELEASE: Mapping[str, str] = {
    "keep_releases": "without releases there is nothing to keep",
    "shared": "without releases name it in [files] keep",
    "static": "without releases [[static]] has one place to lead to",
}


def strategy_problems(raw: Mapping[str, Any], given: AppTable | None) -> Iterator[Problem]:
    """`raw` may hold anything that TOML can; `given` are the machine's overrides, which come first."""
    app = raw.get("app")
    keys: dict[str, object] = {**app} if isinstance(app, dict) else {}
    if given is not None:
        keys |= {key: getattr(given, key) for key in given.model_fields_set}
    if keys.get("strategy", "files") != "release":
        for key, why in _ONLY_RELEASE.items():
            if key in keys:
                yield _of(key, f'belongs to strategy = "release": {why}')
        return
    if keys.get("kind", "wsgi") == "asgi":
        yield _of(
            "strategy",
            'cannot be "release" for a site of kind "asgi": the platform starts its command, and imports no '
            'WSGI file that could build a release and switch to it; use "files"',
        )
    wsgi, source = keys.get("wsgi"), keys.get("source", "")
    if wsgi is None:
        if not any(each.get("url") == "/" for _, each in tables(raw, "static")):
            yield _of(
                "wsgi",
                "is missing: a release needs the WSGI file of its own that serves it, unless the platform "
                'serves all of it, with a [[static]] of url = "/"',
            )
    elif isinstance(wsgi, str) and isinstance(source, str) and not _is_below(wsgi, source):
        yield _of("wsgi", f'must be below source = "{source}": it is imported from the release')


def _is_below(path: str, folder: str) -> bool:
    return not folder.strip("./") or path.startswith(folder.strip("/").removeprefix("./") + "/")


def _of(key: str, message: str) -> Problem:
    path: KeyPath = ("app", key)
    return Problem(path, message)
