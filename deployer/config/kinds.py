"""What a site of one kind cannot have, and why: asked of [app] with the machine's overrides in place."""

from collections.abc import Iterator, Mapping
from typing import Any

from deployer.config.positions import KeyPath
from deployer.config.problems import Problem, tables
from deployer.config.site_file import AppTable

_ONLY_WSGI: Mapping[str, str] = {
    "python": 'the command says itself what runs it, as in "~/.virtualenvs/mysite/bin/uvicorn …"',
    "wsgi": "the platform runs `command`, and no WSGI file",
    "virtualenv": 'name its programs in the command, as in "~/.virtualenvs/mysite/bin/uvicorn …"',
    "working_directory": (
        "the platform keeps none for it: say it in the command, as in "
        '"~/.virtualenvs/mysite/bin/uvicorn --app-dir ~/mysite …"'
    ),
    "force_https": "the platform has no such setting for it: let the application redirect",
    "password_protection": "the platform has none for it: let the application ask",
}
_ONLY_WSGI_TABLES: Mapping[str, str] = {
    "static": "the platform maps no static files for it: let the application serve them",
    "static_header": "the platform sends none for it: let the application send them",
}
"""By the help page "ASGIAPI": a website has a command, a domain, and whether it is enabled."""


def kind_problems(raw: Mapping[str, Any], given: AppTable | None) -> Iterator[Problem]:
    """`raw` may hold anything that TOML can; `given` are the machine's overrides, which come first.

    The path of a problem begins with "app" wherever the key was written.
    """
    app = raw.get("app")
    keys: dict[str, object] = {**app} if isinstance(app, dict) else {}
    if given is not None:
        keys |= {key: getattr(given, key) for key in given.model_fields_set}
    if keys.get("kind", "wsgi") != "asgi":
        if "command" in keys:
            yield _of(
                "command", 'belongs to a site of kind "asgi": say kind = "asgi" as well, or leave it out'
            )
        return
    if "command" not in keys:
        example = 'command = "~/.virtualenvs/mysite/bin/uvicorn --uds ${DOMAIN_SOCKET} main:app"'
        yield _of("command", f'is missing: a site of kind "asgi" needs it, as in {example}')
    for key, why in _ONLY_WSGI.items():
        if key in keys:
            yield _of(key, f'does not belong to a site of kind "asgi": {why}')
    for name, why in _ONLY_WSGI_TABLES.items():
        for path, _ in tables(raw, name):
            yield Problem(path, f'does not belong to a site of kind "asgi": {why}')


def _of(key: str, message: str) -> Problem:
    path: KeyPath = ("app", key)
    return Problem(path, message)
