"""Looks at a project and writes its first `pythonanywhere.toml`, with a WSGI file where none fits.

Pure: it gets the names of the tracked files and a way to read them, and gives texts back.
"""

import json
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from posixpath import dirname, splitext

WSGI_FILE = "pythonanywhere_wsgi.py"
_SETTINGS_MODULE = re.compile(r"""DJANGO_SETTINGS_MODULE["']\s*,\s*["']([\w.]+)["']""")
_FLASK = re.compile(r"^(\w+)\s*(?::\s*\w+\s*)?=\s*(?:flask\.)?Flask\(", re.MULTILINE)
_FLASK_FACTORY = re.compile(r"^def (create_app|make_app)\(", re.MULTILINE)
_FASTAPI = re.compile(r"^(\w+)\s*(?::\s*\w+\s*)?=\s*(?:fastapi\.)?FastAPI\(", re.MULTILINE)
_WSGI_CALLABLE = re.compile(r"^(?:def (application)\(|(application)\s*=)", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """What the project was recognised as."""

    kind: str
    """For people: "Django", "Flask", "FastAPI", "WSGI", "static site", "unknown"."""
    found_in: str = ""
    """The file that told."""
    module: str = ""
    """Where the application is imported from; for Django the settings module."""
    name: str = ""
    """What it is called there; "create_app()" for a factory."""
    root: str = ""
    """Folder that has to be on sys.path, relative to the repository."""
    folders: tuple[str, ...] = ()
    """Top-level folders of the repository."""


def recognise(paths: Sequence[str], read: Callable[[str], str]) -> Project:
    """The most telling file wins: manage.py, then Flask, FastAPI, a bare WSGI callable, index.html."""
    folders = tuple(sorted({path.split("/")[0] for path in paths if "/" in path}))
    shallow = sorted(
        (path for path in paths if path.endswith(".py")), key=lambda path: (path.count("/"), path)
    )
    for path in shallow:
        if path.rpartition("/")[2] == "manage.py" and (found := _SETTINGS_MODULE.search(read(path))):
            return Project(kind="Django", found_in=path, module=found[1], root=dirname(path), folders=folders)
    sources = [(path, read(path)) for path in shallow if not _is_test(path)][:200]
    for kind, pattern in (
        ("Flask", _FLASK),
        ("FastAPI", _FASTAPI),
        ("Flask", _FLASK_FACTORY),
        ("WSGI", _WSGI_CALLABLE),
    ):
        for path, text in sources:
            if (found := pattern.search(text)) and (pattern is not _FLASK_FACTORY or "flask" in text.lower()):
                name = next(group for group in found.groups() if group)
                module, root = _module(path, paths)
                call = f"{name}()" if pattern is _FLASK_FACTORY else name
                return Project(kind=kind, found_in=path, module=module, name=call, root=root, folders=folders)
    if "index.html" in paths:
        return Project(kind="static site", found_in="index.html", folders=folders)
    return Project(kind="unknown", folders=folders)


def _is_test(path: str) -> bool:
    return any(part in {"test", "tests"} or part.startswith("test_") for part in path.split("/"))


def _module(path: str, paths: Iterable[str]) -> tuple[str, str]:
    """The import name of a file, and the folder above its outermost package."""
    known = set(paths)
    stem = splitext(path)[0].removesuffix("/__init__")
    parts = stem.split("/")
    package = len(parts) - 1
    while package and f"{'/'.join(parts[:package])}/__init__.py" in known:
        package -= 1
    return ".".join(parts[package:]), "/".join(parts[:package])


def wsgi_text(project: Project, target: str) -> str | None:
    """The WSGI file that imports the project's application; None where there is none to import."""
    where = f"{target}/{project.root}".rstrip("/")
    head = (
        '"""What PythonAnywhere runs for this site: it becomes /var/www/<domain>_wsgi.py."""\n\n'
        "import os\nimport sys\n\n"
        f'sys.path.insert(0, os.path.expanduser("{where}"))\n'
    )
    match project.kind:
        case "Django":
            return (
                f'{head}os.environ.setdefault("DJANGO_SETTINGS_MODULE", "{project.module}")\n\n'
                "from django.core.wsgi import get_wsgi_application  # noqa: E402\n\n"
                "application = get_wsgi_application()\n"
            )
        case "Flask" if project.name.endswith("()"):
            factory = project.name.removesuffix("()")
            return (
                f"{head}\nfrom {project.module} import {factory}  # noqa: E402\n\napplication = {factory}()\n"
            )
        case "Flask" | "WSGI":
            alias = "" if project.name == "application" else " as application"
            return f"{head}\nfrom {project.module} import {project.name}{alias}  # noqa: E402, F401\n"
        case "FastAPI":
            return (
                f"{head}\n# FastAPI speaks ASGI: put a2wsgi into the requirements of the virtualenv.\n"
                "from a2wsgi import ASGIMiddleware  # noqa: E402\n"
                f"from {project.module} import {project.name}  # noqa: E402\n\n"
                f"application = ASGIMiddleware({project.name})\n"
            )
    return None


def config_text(project: Project, target: str, *, python: str) -> str:
    """A commented `pythonanywhere.toml` that deploys the project as it is."""
    found = f" (found in {project.found_in})" if project.found_in else ""
    has_wsgi = wsgi_text(project, target) is not None
    lines = [
        f"# What this site is: {project.kind}{found}. Read from the commit that is deployed.",
        "# Every key is described in the project's docs; `deployer plan` shows what a change would do.",
        "",
        "[app]",
        '# domain = "www.example.org"         # default: <username>.pythonanywhere.com',
        f'python = "{python}"',
        f'target = "{target}"                 # where the files go on the server',
    ]
    if has_wsgi:
        lines += [
            f'working_directory = "{target}"',
            '# virtualenv = "~/.virtualenvs/mysite"',
            f'wsgi = "{WSGI_FILE}"        # becomes /var/www/<domain>_wsgi.py',
        ]
    elif project.kind == "unknown":
        lines.append('# wsgi = "deploy/wsgi.py"            # name the file that defines `application`')
    lines += [
        "",
        "[files]",
        'exclude = ["tests/"]               # tracked, but not shipped',
        'keep = ["media/", "*.sqlite3"]     # the site writes these: never overwritten, never deleted',
        "",
    ]
    lines += _static_lines(project)
    lines += [
        "# [[task]]",
        '# name = "nightly"',
        '# command = "python3 ~/mysite/manage.py clearsessions"',
        '# interval = "daily"',
        '# at = "04:10"                       # UTC',
        "",
        "[health]                            # asked after every reload",
        'path = "/"',
        "status = 200"
        if project.kind == "static site"
        else "# status = 200                      # else anything below 500 is well",
        "",
    ]
    return "\n".join(lines)


def _static_lines(project: Project) -> list[str]:
    if project.kind == "static site":
        return [
            "[[static]]                          # the platform serves the whole site",
            'url = "/"',
            'path = "."',
            "",
        ]
    for folder in ("staticfiles", "static", "assets"):
        if folder in project.folders:
            return [
                "[[static]]",
                f'url = "/{"static" if folder == "staticfiles" else folder}/"',
                f'path = "{folder}/"',
                "",
            ]
    return ["# [[static]]", '# url = "/static/"', '# path = "static/"', ""]


@dataclass(frozen=True, slots=True, kw_only=True)
class LiveSite:
    """A site that exists, in the words of the configuration."""

    domain: str
    python: str | None
    target: str
    working_directory: str | None
    virtualenv: str | None
    force_https: bool | None
    static: tuple[tuple[str, str], ...] = ()
    """URL and path."""
    tasks: tuple[tuple[str, str, int | None, int], ...] = ()
    """Name, command, hour (None: hourly) and minute."""
    command: str | None = None
    """What serves it, of a website; None: a web app."""
    password_protection: str | None = None
    """The name that visitors give."""
    headers: tuple[tuple[str, str, str], ...] = ()
    """URL, name and value."""
    always_on: tuple[tuple[str, str], ...] = ()
    """Name and command."""


def adopted_text(site: LiveSite) -> str:
    """A `pythonanywhere.toml` that wants just what is there."""
    lines = [
        "# Written by `deployer adopt` from the site as it was found.",
        "",
        "[app]",
        f"domain = {_toml(site.domain)}",
    ]
    given = {
        "kind": "asgi" if site.command else None,
        "command": site.command,
        "python": site.python,
        "target": site.target,
        "working_directory": site.working_directory,
        "virtualenv": site.virtualenv,
        "force_https": site.force_https,
        "password_protection": site.password_protection,
    }
    lines += [f"{key} = {_toml(value)}" for key, value in given.items() if value not in {None, ""}]
    if site.command is None:
        lines.append(
            '# wsgi = "deploy/wsgi.py"            # the WSGI file is left as it is until this names one'
        )
    lines += [
        "",
        "[files]",
        'keep = ["media/", "*.sqlite3"]     # the site writes these: never overwritten, never deleted',
        "",
    ]
    for url, path in site.static:
        lines += ["[[static]]", f"url = {_toml(url)}", f"path = {_toml(path)}", ""]
    for url, header, text in site.headers:
        lines += ["[[static_header]]", f"url = {_toml(url)}", f"name = {_toml(header)}"]
        lines += [f"value = {_toml(text)}", ""]
    if site.tasks or site.always_on:
        lines += ["# Tasks belong to the account, not to a site: uncomment those that are this site's.", ""]
    for name, command, hour, minute in site.tasks:
        when = f"minute = {minute}" if hour is None else f'at = "{hour:02}:{minute:02}"'
        interval = "hourly" if hour is None else "daily"
        lines += ["# [[task]]", f"# name = {_toml(name)}", f"# command = {_toml(command)}"]
        lines += [f'# interval = "{interval}"', f"# {when}", ""]
    for name, command in site.always_on:
        lines += ["# [[always_on]]", f"# name = {_toml(name)}", f"# command = {_toml(command)}", ""]
    return "\n".join(lines)


def _toml(value: object) -> str:
    """JSON's strings and booleans are TOML's as well."""
    return json.dumps(value, ensure_ascii=False)
