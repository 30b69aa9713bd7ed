"""Templates to pages. Everything is escaped: commit subjects, log lines and file names are other people's."""

from datetime import UTC, datetime
from functools import cached_property
from hashlib import blake2b
from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse

from deployer.web import words
from deployer.web.access import Access


class Renderer:
    def __init__(self, access: Access) -> None:
        self._access = access

    def page(self, request: Request, template: str, *, status: int = 200, **context: object) -> HTMLResponse:
        text = self._templates.get_template(template).render(
            **context,
            access=self._access,
            session=self._access.session(request),
            here=request.url.path,
        )
        return HTMLResponse(text, status, headers={"Cache-Control": "no-store"})

    @cached_property
    def _templates(self) -> Environment:
        templates = Environment(
            loader=PackageLoader("deployer.web"),
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
        )
        templates.filters |= {
            "ago": words.ago,
            "day": lambda when: f"{when.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "due": words.due,
            "duration": words.duration,
            "moment": words.moment,
            "short": lambda commit: commit[:10],
            "size": words.size,
        }
        templates.globals |= {
            "badges": words.site_badges,
            "now": lambda: datetime.now(UTC),
            "progress_words": words.progress_words,
            "asset": _asset,
        }
        return templates


def _asset(name: str) -> str:
    """Its address, with its content's digest: browsers keep the one they know, and fetch another."""
    content = files("deployer.web").joinpath("static", name).read_bytes()
    return f"/static/{name}?{blake2b(content, digest_size=6).hexdigest()}"
