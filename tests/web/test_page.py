"""The page as people see it: in a browser, on a phone and on a desk."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from deployer.model.deployment import Deployment, Status
from deployer.model.order import Work
from tests.web import scenes
from tests.web.browser import DESKTOP, PHONE, needs_chromium, shoot
from tests.web.conftest import Served
from tests.web.stand import Stand, commit, live_view, progress_of

pytestmark = needs_chromium

Scheme = Literal["light", "dark"]
SCENES: dict[str, tuple[Callable[[Stand], Deployment | None], tuple[str, ...]]] = {
    "idle": (scenes.idle, ("live", "frozen", "Sale until Friday", "drift", "expires in 5 days")),
    "deploying": (scenes.deploying, ("deploying", "12 of 48 steps", "about 54 s left", "platform's limit")),
    "failed": (scenes.failing, ("failed", "answers 500 instead of 200")),
    "rolled-back": (scenes.rolled_back, ("rolled back", "failed, rolled back", "put back")),
}


@contextmanager
def opened(
    browser: Browser,
    size: tuple[int, int] = DESKTOP,
    *,
    script: bool = True,
    scheme: Scheme = "light",
    quiet: bool = True,
) -> Iterator[Page]:
    """A page of a fresh profile. Whatever the browser complains of is an error, where it should be quiet."""
    context = browser.new_context(
        viewport={"width": size[0], "height": size[1]}, java_script_enabled=script, color_scheme=scheme
    )
    page = context.new_page()
    complaints: list[str] = []
    page.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    try:
        yield page
    finally:
        context.close()
    assert not quiet or complaints == []


def sign_in(page: Page, served: Served) -> None:
    page.goto(f"{served.url}/login?back=/sites/shop")
    page.get_by_label("Token").fill(served.token)
    page.get_by_role("button", name="Sign in").click()


def fits(page: Page) -> bool:
    return bool(page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
@pytest.mark.parametrize("scene", SCENES)
def test_every_state_is_told_in_words_and_fits_the_screen(  # noqa: PLR0917 - fixtures and parameters
    served: Served, browser: Browser, tmp_path: Path, scene: str, size: tuple[int, int], scheme: Scheme
) -> None:
    build, words = SCENES[scene]
    deployment = build(served.stand)

    with opened(browser, size, scheme=scheme) as page:
        for name, path in {
            "sites": "/",
            "site": "/sites/shop",
            "deployment": f"/deployments/{deployment.id}" if deployment else "",
        }.items():
            if path:
                page.goto(served.url + path)
                shoot(page, f"{scene}-{name}-{'phone' if size == PHONE else 'desktop'}-{scheme}", tmp_path)
                assert fits(page), f"{path} has to be scrolled sideways"
            if path == "/":
                text = page.inner_text("main")
                assert [word for word in words if word not in text] == []
        assert page.locator("h1").count() == 1


@pytest.mark.parametrize("path", ["/", "/sites/shop", "/deployments/"])
def test_progress_moves_without_a_reload(served: Served, browser: Browser, path: str) -> None:
    running = scenes.deploying(served.stand)
    with opened(browser) as page:
        page.goto(served.url + path + (running.id if path == "/deployments/" else ""))
        page.evaluate("document.body.dataset.sameDocument = 'yes'")
        expect(page.get_by_text("updates by itself")).to_be_visible()

        for done in (13, 30, 47):
            served.stand.change("shop", running=progress_of(running, done=done, current=f"step-{done}"))
            expect(page.get_by_text(f"{done} of 48 steps")).to_be_visible()
            expect(page.get_by_text(f"step-{done}", exact=True)).to_be_visible()
            expect(page.locator("progress")).to_have_js_property("value", done)
        assert page.evaluate("document.body.dataset.sameDocument") == "yes"


def test_the_log_of_a_running_deployment_grows_until_it_is_live(served: Served, browser: Browser) -> None:
    running = scenes.deploying(served.stand)
    with opened(browser) as page:
        page.goto(f"{served.url}/deployments/{running.id}")
        expect(page.get_by_text("updates by itself")).to_be_visible()

        scenes.note(served.stand, running, "health_checked", well=True, status=200)
        expect(page.locator("#log li").last).to_contain_text("health checked")
        ended = served.stand.end(running, Status.LIVE)
        served.stand.change("shop", running=None, live=live_view(ended))

        expect(page.locator("main .heading .badge")).to_have_text("live")
        expect(page.locator("progress")).to_have_count(0)
        assert page.locator("#log li").count() == 14
        expect(page.get_by_text("updates by itself")).to_be_hidden()


def test_a_page_that_is_open_follows_a_site_through_its_states(served: Served, browser: Browser) -> None:
    scenes.idle(served.stand)
    with opened(browser) as page:
        page.goto(served.url)
        badges = page.locator("#site-blog > header .badge")
        expect(badges).to_have_text(["live"])
        expect(page.get_by_text("updates by itself")).to_be_visible()

        begun = served.stand.begin("blog", commit("9", "Something new"))
        served.stand.change("blog", running=progress_of(begun))
        expect(badges).to_have_text(["deploying"])
        served.stand.end(begun, Status.FAILED, base="2" * 40, detail="it broke")
        served.stand.change("blog", running=None, problem="it broke")
        expect(badges).to_have_text(["failed"])


def test_what_somebody_is_writing_survives_an_update(served: Served, browser: Browser) -> None:
    scenes.idle(served.stand)
    with opened(browser) as page:
        sign_in(page, served)
        served.stand.thaw("shop")
        page.get_by_text("Freeze …").click()
        field = page.get_by_label("Why, for everybody who looks here")
        field.press_sequentially("until the")
        served.stand.change("shop", problem="the account has no web app left")
        field.press_sequentially(" sale ends")

        expect(field).to_have_value("until the sale ends")
        field.blur()
        expect(page.get_by_text("the account has no web app left")).to_be_visible()


@pytest.mark.parametrize("scene", SCENES)
def test_everything_is_told_without_a_script(served: Served, browser: Browser, scene: str) -> None:
    build, words = SCENES[scene]
    build(served.stand)
    with opened(browser, PHONE, script=False) as page:
        page.goto(served.url)

        text = page.inner_text("main")
        assert [word for word in words if word not in text] == []


@pytest.mark.parametrize("script", [True, False])
def test_a_person_signs_in_once_and_acts(
    served: Served, browser: Browser, tmp_path: Path, script: bool
) -> None:
    scenes.idle(served.stand)
    stand = served.stand
    stand.thaw("shop")
    with opened(browser, PHONE, script=script) as page:
        sign_in(page, served)
        assert page.url == f"{served.url}/sites/shop"
        shoot(page, f"signed-in-{'script' if script else 'plain'}-phone", tmp_path)
        assert fits(page)

        page.get_by_text("Freeze …").click()
        page.get_by_label("Why, for everybody who looks here").fill("Sale until Friday")
        page.get_by_role("button", name="Freeze: shop").click()
        expect(page.get_by_text("Sale until Friday")).to_be_visible()
        page.get_by_role("button", name="Thaw: shop").click()
        expect(page.get_by_text("Sale until Friday")).to_have_count(0)
        page.get_by_label("even a commit that failed").check()
        page.get_by_role("button", name="Deploy now: shop").click()
        expect(page.get_by_text("A deployment has been asked for.")).to_be_visible()
        page.get_by_role("button", name="Cancel: shop").click()
        expect(page.get_by_text("nothing waits any more")).to_be_visible()
        page.get_by_text("Roll back …").click()
        page.get_by_role("button", name="Roll back: shop").click()
        expect(page.get_by_text("Waiting to roll back")).to_be_visible()

        assert [(order.work, order.force) for order in stand.posted] == [
            (Work.DEPLOY, True),
            (Work.ROLLBACK, False),
        ]
        assert stand.cancelled == ["shop"]
        page.get_by_role("button", name="Sign out").click()
        expect(page.get_by_role("button", name="Deploy now")).to_have_count(0)


def test_an_earlier_version_is_put_back_from_its_page(
    served: Served, browser: Browser, tmp_path: Path
) -> None:
    scenes.idle(served.stand)
    old = served.stand.history("blog", most=5)[1]
    with opened(browser, scheme="dark") as page:
        sign_in(page, served)
        page.goto(served.url)
        shoot(page, "signed-in-sites-desktop-dark", tmp_path)
        page.goto(f"{served.url}/deployments/{old.id}")
        page.get_by_text("Put this version back …").click()
        shoot(page, "put-back-desktop-dark", tmp_path)
        page.get_by_role("button", name="Put it back: blog").click()
        expect(page.get_by_text("A rollback has been asked for.")).to_be_visible()

    assert [(order.work, order.rev) for order in served.stand.posted] == [(Work.ROLLBACK, old.id)]


HOSTILE = (
    "</pre></script><script>document.title='owned'</script>"
    "<img src=x onerror=\"document.title='owned'\">{{7*7}}"
)


def test_hostile_text_is_shown_and_does_nothing(served: Served, browser: Browser, tmp_path: Path) -> None:
    stand = served.stand
    begun = stand.begin("shop", commit("6", HOSTILE, HOSTILE))
    stand.step(begun, 1, "create", f"/home/alice/{HOSTILE}" + "x" * 300, HOSTILE)
    scenes.note(stand, begun, "planned", notes=[HOSTILE])
    stand.add("shop", running=progress_of(begun, phase=HOSTILE, current=HOSTILE + "x" * 300), frozen=HOSTILE)
    with opened(browser, PHONE) as page:
        for path in ("/", "/sites/shop", f"/deployments/{begun.id}"):
            page.goto(served.url + path)
            expect(page.get_by_text("updates by itself")).to_be_visible()
            stand.change("shop", running=progress_of(begun, phase=f"{HOSTILE} {path}", current="x" * 300))
            expect(page.get_by_text(f"{HOSTILE} {path}", exact=True)).to_be_visible()
            shoot(page, f"hostile-{path.split('/')[1] or 'all'}-phone", tmp_path)
            assert page.locator("main script, main img").count() == 0
            assert "owned" not in page.title() or HOSTILE in page.title()
            assert fits(page)
        scenes.note(stand, begun, "waiting", reason=HOSTILE)
        expect(page.locator("#log li").last).to_contain_text(HOSTILE)
        stand.end(begun, Status.FAILED, detail=HOSTILE)
        stand.change("shop", running=None, problem=HOSTILE)
        expect(page.locator("pre")).to_have_text(HOSTILE)
        assert page.locator("main script, main img").count() == 0


def test_a_lost_connection_is_told_and_mended(served: Served, browser: Browser) -> None:
    scenes.idle(served.stand)
    with opened(browser, quiet=False) as page:
        page.goto(served.url)
        expect(page.get_by_text("updates by itself")).to_be_visible()
        served.server.stop()

        expect(page.get_by_text("connection lost, trying again")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(served: Served, browser: Browser, scheme: Scheme) -> None:
    """At least 4.5 to 1, WCAG's bar for text of this size."""
    scenes.rolled_back(served.stand)
    script = (Path(__file__).parent / "contrast.js").read_text(encoding="utf-8")
    with opened(browser, scheme=scheme) as page:
        for path in ("/", "/sites/shop", "/login"):
            page.goto(served.url + path)

            assert page.evaluate(script) == []
