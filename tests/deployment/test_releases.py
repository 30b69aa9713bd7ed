"""Strategy `release`: in a handful of requests, switched at once, undone at once."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import requests

from deployer.deployment import record
from deployer.errors import ApiError, NeedsPerson, RolledBack
from deployer.model.overrides import Overrides
from deployer.model.site import FileRules, ReleaseRules, WebAppSettings
from tests.deployment.stage import Stage, stage

WSGI = """
import os
import sys
HERE = os.path.dirname(os.path.abspath(__file__))
if HERE == "/var/www":
    HERE = "/home/alice/mysite"
    sys.path.insert(0, HERE)
import version

def application(environ, start_response):
    start_response("200 OK", [("Content-Type", "text/plain")])
    with open(os.path.join(HERE, "page.txt")) as page:
        return [("%s %s" % (version.NAME, page.read())).encode()]
"""


def release_site(folder: Path, **fields: Any) -> Iterator[Stage]:
    with stage(
        folder,
        files=FileRules(links="keep"),
        webapp=WebAppSettings(),
        wsgi="wsgi.py",
        releases=ReleaseRules(keep=2),
        **fields,
    ) as opened:
        yield opened


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Stage]:
    yield from release_site(tmp_path)


def commit(site: Stage, name: str, **files: str) -> str:
    content = {"wsgi.py": WSGI, "version.py": f"NAME = {name!r}\n", "page.txt": name}
    content |= {path.replace("__", "/"): text for path, text in files.items()}
    return site.repo.commit(content, message=name)


def page(site: Stage) -> str:
    answer = requests.get(site.sandbox.url, headers={"Host": site.site.domain}, timeout=30)
    return f"{answer.status_code} {answer.text}"


def test_how_many_files_change_makes_no_difference_to_the_requests(
    site: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where sending takes longer than half a second, the record is read once more before the claim."""
    monkeypatch.setattr(record, "FRESH_S", 60.0)

    def counted(deed: Callable[[], object]) -> dict[str, int]:
        with site.counted() as made:
            deed()
        return dict(made)

    commit(site, "one", **{f"data__{n}": str(n) for n in range(1000)})
    first = counted(site.sync)
    assert page(site) == "200 one one"
    changes = []
    for size in (1, 10, 1000):
        commit(site, f"{size} changed", **{f"data__{n}": f"{size}" for n in range(size)})
        changes.append(counted(site.sync))
        assert page(site) == f"200 {size} changed {size} changed"
    nothing = counted(site.sync)
    back = counted(site.rollback)
    assert page(site) == "200 10 changed 10 changed"

    recording = {"GET files/path{path}": len(["the record", "the claim, read back"])}
    reload = {"POST webapps/{domain}/reload/": 1}
    sent = ["the archive", "the claim", "the record"]
    assert first == {
        **recording,
        "GET webapps/": 1,
        "POST files/path{path}": len([*sent, "the WSGI file"]),
        "POST webapps/": 1,
        **reload,
    }
    assert changes == 3 * [{**recording, "POST files/path{path}": len(sent), **reload}]
    assert nothing == {"GET files/path{path}": 1}
    assert back == {**recording, "POST files/path{path}": len(sent) - 1, **reload}
    assert [sum(each.values()) for each in (first, *changes, nothing, back)] == [9, 6, 6, 6, 1, 5]


def test_a_commit_that_cannot_be_imported_is_never_served_and_the_old_one_never_stops(site: Stage) -> None:
    commit(site, "one")
    site.sync()
    commit(site, "bad", version__py="")
    site.repo.commit({"version.py": "import nowhere\n"}, message="bad")
    with pytest.raises(RolledBack, match="No module named 'nowhere'") as failure:
        site.sync()
    assert "is back and answers as it should" in failure.value.left
    assert page(site) == "200 one one"
    assert (site.target / "current/page.txt").read_text() == "one"
    commit(site, "three")
    site.sync()
    assert page(site) == "200 three three"


def test_a_commit_that_answers_badly_is_undone_by_a_pointer_and_a_reload(site: Stage) -> None:
    commit(site, "one")
    site.sync()
    commit(site, "bad")
    site.repo.commit({"page.txt": None}, message="no page")
    with site.counted() as requests_made, pytest.raises(RolledBack, match="FileNotFoundError"):
        site.sync()
    assert page(site) == "200 one one"
    uploads = [each for each in site.sandbox.requests.list() if each.bytes_in > 10_000]
    assert len(uploads) <= 2
    assert requests_made["POST webapps/{domain}/reload/"] == 2


def test_a_first_release_that_fails_says_that_there_is_nothing_to_go_back_to(site: Stage) -> None:
    site.repo.commit({"wsgi.py": "import nowhere\n"}, message="bad")
    with pytest.raises(NeedsPerson, match="nowhere"):
        site.sync()
    commit(site, "two")
    site.sync()
    assert page(site) == "200 two two"


def test_a_release_that_was_edited_on_the_server_is_sent_whole(site: Stage) -> None:
    commit(site, "one", static__a="a")
    site.sync()
    (site.target / "current/static/a").write_text("by hand")
    commit(site, "two", static__a="a")
    site.sync()
    assert page(site) == "200 two two"
    assert (site.target / "current/static/a").read_text() == "a"


def test_a_site_moves_to_releases_and_back_with_what_it_wrote(site: Stage) -> None:
    site.change_site(releases=None, files=FileRules(keep=("media/",)))
    one = commit(site, "one")
    site.sync()
    flat = site.site
    assert page(site) == "200 one one"
    site.put("media/photo", "mine")
    site.change_site(
        files=FileRules(links="keep"),
        releases=ReleaseRules(keep=2, shared=("media/",)),
        webapp=WebAppSettings(),
    )
    site.sites[one] = flat
    two = commit(site, "two")
    site.sync()
    assert page(site) == "200 two two"
    assert (site.target / "current/media/photo").read_text() == "mine"
    site.sites[two] = site.site
    site.site = flat
    commit(site, "three")
    site.sync()
    assert page(site) == "200 three three"
    assert (site.target / "media/photo").read_text() == "mine"


@pytest.mark.parametrize("ours", [True, False], ids=["our-wsgi", "their-wsgi"])
def test_a_first_release_that_fails_leaves_a_site_without_releases_as_it_was(site: Stage, ours: bool) -> None:
    rules = site.site
    site.change_site(releases=None, files=FileRules(), wsgi="wsgi.py" if ours else None)
    one = commit(site, "one")
    site.sync()
    if not ours:
        wsgi = "import sys\nsys.path.insert(0, '/home/alice/mysite')\nfrom wsgi import application\n"
        site.sandbox.disk.write("/var/www/alice_pythonanywhere_com_wsgi.py", wsgi.encode())
        with site.work() as work:
            work.api.webapps.reload(site.site.domain)
    assert page(site) == "200 one one"
    site.sites[one] = site.site
    site.site = rules
    site.repo.commit({"version.py": "import nowhere\n"}, message="bad")
    with pytest.raises(RolledBack, match="nowhere"):
        site.sync()
    assert page(site) == "200 one one"
    assert (site.target / "wsgi.py").exists()


def test_verify_and_heal_see_to_the_release_that_is_live(site: Stage) -> None:
    from deployer.deployment.verify import verify

    commit(site, "one", static__a="a")
    site.sync()
    (site.target / "current/static/a").write_text("by hand")
    with site.work() as work:
        found = verify(work, sample=None)
    assert "static/a" in str(found)


def test_a_domain_that_is_served_in_another_way_is_told_when_its_creation_is_refused(site: Stage) -> None:
    """Whoever asks for the plan is told before anything is sent."""
    commit(site, "one")
    with site.work() as work:
        work.api.websites.create(site.site.domain, command="true")
    told = r"is a website \(not ours\), and a web app is wanted.*pass --overwrite"

    assert "is a website (not ours)" in str(site.plan().plan.refusals)
    with pytest.raises(ApiError, match=told) as refused:
        site.sync()
    assert "Nothing of the plan was carried out." in refused.value.left

    site.sync(overrides=Overrides(overwrite=True))
    assert page(site) == "200 one one"
