"""[app] strategy = "release": what it needs, and what belongs to it alone."""

import pytest

from deployer.config import load_site
from deployer.config.addresses import PLATFORM_HOST
from deployer.errors import ConfigError
from deployer.model.site import Site, StaticMapping

RELEASE = 'strategy = "release"\n'


def site(app: str, *tables: str) -> Site:
    text = '[app]\ntarget = "~/mysite"\n' + app + "".join(tables)
    return load_site(text.encode(), "pythonanywhere.toml", username="alice", host=PLATFORM_HOST)


def static(url: str, path: str) -> str:
    return f'[[static]]\nurl = "{url}"\npath = "{path}"\n'


def test_static_mappings_lead_through_the_link_unless_they_are_to_be_exact() -> None:
    tables = static("/static/", "static/"), static("/media/", "~/elsewhere/")
    linked = site('wsgi = "wsgi.py"\n' + RELEASE, *tables)
    exact = site('wsgi = "wsgi.py"\nstatic = "exact"\n' + RELEASE, *tables)

    assert [each.path for each in linked.static] == [
        "/home/alice/mysite/current/static/",
        "/home/alice/elsewhere/",
    ]
    assert linked.with_static_in("abc") == linked
    assert exact.with_static_in("abc").static == (
        StaticMapping(url="/static/", path="/home/alice/mysite/releases/abc/static/"),
        StaticMapping(url="/media/", path="/home/alice/elsewhere/"),
    )


def test_what_the_platform_serves_alone_needs_no_wsgi_file() -> None:
    described = site(RELEASE, static("/", "./"))

    assert described.wsgi is None
    assert described.static == (StaticMapping(url="/", path="/home/alice/mysite/current/"),)
    with pytest.raises(ConfigError, match=r'app\.wsgi .*is missing.*\[\[static\]\] of url = "/"'):
        site(RELEASE, static("/static/", "static/"))


@pytest.mark.parametrize("line", ['static = "exact"', "keep_releases = 5", 'shared = ["media/"]'])
def test_keys_of_releases_need_releases(line: str) -> None:
    with pytest.raises(ConfigError, match='belongs to strategy = "release"'):
        site(f"{line}\n")
