"""A page that lists the books on a shelf: one WSGI application, one template, one data file."""

import json
from collections.abc import Callable, Iterable
from html import escape
from pathlib import Path
from string import Template
from typing import Any

HERE = Path(__file__).parent
VISITS = HERE / "visits.log"


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    """Answer / with the shelf and anything else with 404."""
    if environ["PATH_INFO"] != "/":
        start_response("404 Not Found", [("Content-Type", "text/plain; charset=utf-8")])
        return [b"There is only one page here.\n"]
    with VISITS.open("a") as visits:
        visits.write(f"{environ.get('REMOTE_ADDR', '-')}\n")
    page = shelf().encode()
    headers = [("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(page)))]
    start_response("200 OK", headers)
    return [page]


def shelf() -> str:
    """The page, from the template and the data as they are on disk now."""
    books = json.loads((HERE / "books.json").read_text(encoding="utf-8"))
    rows = "\n".join(
        f"      <li><b>{escape(book['title'])}</b>, {escape(book['author'])}</li>" for book in books
    )
    template = Template((HERE / "templates" / "shelf.html").read_text(encoding="utf-8"))
    return template.substitute(count=len(books), rows=rows)
