"""Hooks of a site with releases: before the reload with the new code, while the site still runs the old."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from deployer.errors import DeployerError, RolledBack
from deployer.model.site import Hook
from deployer.sandbox import Effect, Fault
from tests.deployment.stage import Stage
from tests.deployment.test_releases import commit, page, release_site

SEEN = "/home/alice/seen"
LOOK = f"(pwd; cat version.py; ls ~/mysite/current/) >> {SEEN} 2>&1"


def early(command: str, *changed: str) -> Hook:
    return Hook(at="before_reload", command=command, changed=changed)


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Stage]:
    """With a console that runs."""
    for opened in release_site(tmp_path):
        with opened.work() as work:
            console = work.api.consoles.create().id
        url = f"{opened.sandbox.url}/_sandbox/loaded-consoles"
        assert requests.post(url, json={"id": console}, timeout=10).status_code == 201
        yield opened


def seen(site: Stage) -> list[str]:
    path = site.sandbox.disk.real(SEEN)
    return path.read_text().splitlines() if path.exists() else []


def folder_of(site: Stage) -> str:
    return f"/home/alice/mysite/releases/{(site.target / 'current').readlink().name}"


def test_before_the_reload_it_runs_in_the_new_release_and_after_it_in_the_live_one(site: Stage) -> None:
    site.change_site(
        hooks=(
            early(f"{LOOK}; python3 -c 'import version'"),
            Hook(at="after_live", command=f"pwd -P >> {SEEN}"),
        )
    )
    commit(site, "one")
    site.sync()
    first = folder_of(site)
    none = "ls: cannot access '/home/alice/mysite/current/': No such file or directory"
    assert seen(site) == [first, "NAME = 'one'", none, first]

    commit(site, "two", more="new")
    outcome = site.sync()

    assert [action.kind for action in outcome.plan.actions] == ["send-release", "hook", "reload", "hook"]
    assert seen(site)[4:] == [
        folder_of(site),
        "NAME = 'two'",
        *["page.txt", "version.py", "wsgi.py"],
        folder_of(site),
    ]
    assert page(site) == "200 two two"
    assert not list(site.target.rglob("__pycache__"))


def test_one_that_fails_leaves_the_release_that_is_live(site: Stage) -> None:
    site.change_site(hooks=(early("test $(cat page.txt) = one || exit 3", "version.py"),))
    commit(site, "one")
    site.sync()
    commit(site, "two")
    before = folder_of(site)

    with site.counted() as asked, pytest.raises(RolledBack, match="ended with 3"):
        site.sync()

    assert page(site) == "200 one one"
    assert folder_of(site) == before
    assert asked["POST consoles/{id}/send_input/"] == len(["the build", "the hook"])


def test_one_that_fails_with_the_first_release_leaves_the_site_as_it_was_without_any(site: Stage) -> None:
    rules = site.site
    site.change_site(releases=None)
    one = commit(site, "one")
    site.sync()
    site.sites[one] = site.site
    site.site = rules
    site.change_site(hooks=(early("exit 3"),))
    commit(site, "two")

    with pytest.raises(RolledBack, match="ended with 3"):
        site.sync()

    assert page(site) == "200 one one"


def test_a_release_whose_base_was_edited_is_sent_whole_before_its_hooks(site: Stage) -> None:
    commit(site, "one", static__a="a")
    site.sync()
    (site.target / "current/static/a").write_text("by hand")
    site.change_site(hooks=(early(f"cat static/a >> {SEEN}"),))
    commit(site, "two", static__a="a")

    with site.counted() as asked:
        site.sync()

    assert seen(site) == ["a"]
    assert page(site) == "200 two two"
    assert asked["POST webapps/{domain}/reload/"] == 1


def test_what_is_given_up_before_its_reload_is_not_served_by_whatever_starts_the_site_next(
    site: Stage,
) -> None:
    commit(site, "one")
    site.sync()
    site.change_site(hooks=(early("true"),))
    commit(site, "two")
    refused = Effect(kind="status", status=403)
    site.sandbox.faults.add(Fault(effect=refused, method="GET", path="consoles", times=1))
    with pytest.raises(DeployerError):
        site.sync()

    with site.work() as work:
        work.api.webapps.reload(site.site.domain)
    assert page(site) == "200 one one"

    site.sync()
    assert page(site) == "200 two two"
