"""What a site needs that shall have releases, and why: asked of [app] with the machine's overrides in place."""

from collections.abc import Iterator, Mapping
from typing import Any

from deployer.config.positions import KeyPath
from deployer.config.problems import Problem, tables
from deployer.config.site_file import AppTable

_ONLY_RELEASE: Mapping[str, str] = {
    "keep_releases": "without releases there is nothing to keep",
    "shared": "without releases name it in [files] keep",
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
        yield _of("wsgi", "is missing: a release needs the WSGI file of its own that serves it")
    elif isinstance(wsgi, str) and isinstance(source, str) and source.strip("./"):
        if not wsgi.startswith(source.strip("/").removeprefix("./") + "/"):
            yield _of("wsgi", f'must be below source = "{source}": it is imported from the release')
    for path, hook in tables(raw, "hook"):
        if hook.get("at") == "before_reload":
            yield Problem(
                (*path, "at"),
                'must be "after_live" with strategy = "release": a release is built by the reload, so that '
                "before it there is no file of it that a command could use",
            )


def _of(key: str, message: str) -> Problem:
    path: KeyPath = ("app", key)
    return Problem(path, message)
