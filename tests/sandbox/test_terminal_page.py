"""A console's page in a browser: what is typed runs, what comes is shown, on a desk and on a phone."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Browser, Page, expect

from deployer.sandbox import Sandbox, SandboxOptions
from tests.builders.waiting import until
from tests.sandbox.client import Client
from tests.sandbox.console_page import ConsolePage
from tests.web.browser import DESKTOP, PHONE, chromium, needs_chromium, shoot

pytestmark = needs_chromium

ESC = "\x1b"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as opened:
        yield opened


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """One sandbox for all: each test has a console of its own."""
    data = tmp_path_factory.mktemp("account")
    with Sandbox(SandboxOptions(data=data)) as sandbox:
        client = Client(sandbox)
        yield client
        client.session.close()


@pytest.fixture
def console(api: Client) -> Iterator[int]:
    number: int = api.post("consoles/", json={"executable": "bash"}).json()["id"]
    yield number
    api.delete(f"consoles/{number}/")


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """Whatever the browser complains of is an error."""
    context = browser.new_context(viewport={"width": DESKTOP[0], "height": DESKTOP[1]})
    opened = context.new_page()
    complaints: list[str] = []
    opened.on("console", lambda said: complaints.append(said.text) if said.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    yield opened
    context.close()
    assert complaints == []


def open_console(api: Client, page: Page, number: int, *, prompt: bool = True) -> None:
    page.goto(f"{api.sandbox.url}/user/alice/consoles/{number}/")
    if "/login/" in page.url:
        page.get_by_label("Token").fill(api.sandbox.token)
        page.get_by_role("button", name="Log in").click()
    if prompt:
        expect(page.locator("#live")).to_contain_text("~ ")


def type_line(page: Page, text: str) -> None:
    page.keyboard.type(text)
    page.keyboard.press("Enter")


def test_what_is_typed_runs_and_its_output_is_shown(
    api: Client, page: Page, console: int, tmp_path: Path
) -> None:
    open_console(api, page, console)
    type_line(page, "echo $((6*7))")
    expect(page.locator("#live > div").get_by_text("42", exact=True)).to_be_visible()
    shoot(page, "console-desktop", tmp_path)
    assert "42\r\n" in api.get(f"consoles/{console}/get_latest_output/").json()["output"]


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_the_program_has_the_size_of_the_page(
    api: Client, page: Page, console: int, size: tuple[int, int], tmp_path: Path
) -> None:
    page.set_viewport_size({"width": 700, "height": 500})
    open_console(api, page, console)
    page.set_viewport_size({"width": size[0], "height": size[1]})
    type_line(page, "sleep 0.1; stty size | sed 's/^/size /'; printf 'x%.0s' $(seq $COLUMNS); echo")
    shown = page.locator("#live")
    expect(shown).to_contain_text("size ")
    wide = page.evaluate("Math.max(...[...document.querySelectorAll('#live > div')].map((e) => e.textContent.length))")
    rows, columns = map(int, shown.inner_text().partition("\nsize ")[2].split()[:2])
    assert wide == columns
    assert page.locator("#live > div").count() == rows
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    assert columns in (range(42, 55) if size == PHONE else range(140, 165))
    shoot(page, f"console-size-{'phone' if size == PHONE else 'desktop'}", tmp_path)


def test_a_phone_has_the_keys_that_its_own_keyboard_lacks(api: Client, page: Page, console: int) -> None:
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    open_console(api, page, console)
    type_line(page, "bash -c \"echo beg''un; exec sleep 600\"")
    expect(page.locator("#live")).to_contain_text("begun")
    page.get_by_role("button", name="Ctrl-C").tap() if False else page.get_by_role("button", name="Ctrl-C").click()
    expect(page.locator("#live")).to_contain_text("^C")
    type_line(page, "echo $?")
    expect(page.locator("#live > div").get_by_text("130", exact=True)).to_be_visible()
    page.get_by_role("button", name="Up").click()
    page.get_by_role("button", name="Up").click()
    expect(page.locator("#live > div").last.or_(page.locator("#live"))).to_contain_text("exec sleep 600\"")
    page.get_by_role("button", name="Ctrl-C").click()
    page.get_by_role("button", name="Ctrl-D").click()
    expect(page.get_by_role("status")).to_contain_text("Ended with status")
