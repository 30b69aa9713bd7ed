"""A console's page in a browser: what is typed runs, what comes is shown, on a desk and on a phone."""

import re
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
from tests.sandbox.conftest import Start
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


def lines(page: Page) -> list[str]:
    """What the screen shows, the empty lines at its end left out."""
    texts: list[str] = page.evaluate(
        "[...document.querySelectorAll('#live > div')].map((e) => e.textContent)"
    )
    while texts and not texts[-1]:
        texts.pop()
    return texts


def shows(page: Page, line: str) -> bool:
    return until(lambda: line in lines(page))


def test_what_is_typed_runs_and_its_output_is_shown(
    api: Client, page: Page, console: int, tmp_path: Path
) -> None:
    open_console(api, page, console)
    type_line(page, "echo $((6*7))")
    assert shows(page, "42")
    shoot(page, "console-desktop", tmp_path)
    assert "42\r\n" in api.get(f"consoles/{console}/get_latest_output/").json()["output"]


def told(page: Page) -> list[tuple[int, int]]:
    """The sizes that the shell was seen to tell."""
    return [
        (int(rows), int(columns)) for rows, columns in re.findall(r"size (\d+) (\d+)", "\n".join(lines(page)))
    ]


@pytest.mark.parametrize("size", [PHONE, DESKTOP], ids=["phone", "desktop"])
def test_the_program_has_the_size_of_the_page(
    api: Client, page: Page, console: int, size: tuple[int, int], tmp_path: Path
) -> None:
    page.set_viewport_size({"width": 700, "height": 500})
    open_console(api, page, console)
    before = page.locator("#live > div").count()
    type_line(page, "while sleep 0.1; do echo size $(stty size); done")
    page.set_viewport_size({"width": size[0], "height": size[1]})
    assert until(lambda: told(page) != [] and told(page)[-1][0] > before)
    page.keyboard.press("Control+c")
    rows, columns = told(page)[-1]
    assert page.locator("#live > div").count() == rows
    type_line(page, "clear; printf 'x%.0s' $(seq $COLUMNS); echo")
    assert shows(page, "x" * columns)
    assert columns in (range(42, 55) if size == PHONE else range(140, 165))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.evaluate("document.documentElement.scrollHeight <= innerHeight")
    shoot(page, f"console-size-{'phone' if size == PHONE else 'desktop'}", tmp_path)


def test_a_phone_has_the_keys_that_its_own_keyboard_lacks(api: Client, page: Page, console: int) -> None:
    page.set_viewport_size({"width": PHONE[0], "height": PHONE[1]})
    open_console(api, page, console)
    keys = page.get_by_label("Keys that a phone lacks")
    type_line(page, "bash -c \"echo beg''un; exec sleep 600\"")
    assert shows(page, "begun")
    keys.get_by_text("Ctrl-C").click()
    expect(page.locator("#live")).to_contain_text("^C")
    type_line(page, "echo status $?")
    assert shows(page, "status 130")
    keys.get_by_label("Up").click()
    keys.get_by_label("Up").click()
    assert until(lambda: "".join(lines(page)).endswith('exec sleep 600"'))
    keys.get_by_text("Ctrl-C").click()
    keys.get_by_text("Ctrl-D").click()
    expect(page.get_by_role("status")).to_have_text(
        "Ended with status 130. Reload the page to start it again."
    )


def test_keys_send_what_programs_expect_of_a_terminal(api: Client, page: Page, console: int) -> None:
    open_console(api, page, console)
    type_line(page, "bash -c \"echo be''gun; exec cat -v\"")
    assert shows(page, "begun")
    for key in ("ArrowUp", "Control+ArrowLeft", "Home", "Delete", "F5", "Alt+x", "Shift+Tab", "Control+a"):
        page.keyboard.press(key)
    type_line(page, "ä€")
    assert shows(page, "^[[A^[[1;5D^[[H^[[3~^[[15~^[x^[[Z^AM-CM-$M-bM-^BM-,")
    page.keyboard.press("Control+d")


def test_pasted_lines_wait_for_the_return_key(api: Client, page: Page, console: int) -> None:
    open_console(api, page, console)
    page.evaluate(
        """text => {
            const clipboardData = new DataTransfer();
            clipboardData.setData("text/plain", text);
            const pasted = new ClipboardEvent("paste", { clipboardData, bubbles: true });
            document.activeElement.dispatchEvent(pasted);
        }""",
        "echo on''e\necho tw''o",
    )
    assert until(lambda: lines(page)[-1].endswith("echo tw''o"))
    assert "one" not in lines(page)
    page.keyboard.press("Enter")
    assert shows(page, "one")
    assert shows(page, "two")


def test_colours_and_styles_are_shown(api: Client, page: Page, console: int, tmp_path: Path) -> None:
    open_console(api, page, console)
    type_line(
        page,
        r"clear; printf '\033[31mred\033[0m \033[1;4mstrong\033[0m \033[7mturned\033[0m "
        r"\033[38;2;1;2;3mexact\033[48;5;196mback\033[m <b>plain</b>\n'",
    )
    expect(page.locator("#live span").get_by_text("back")).to_be_visible()
    assert shows(page, "red strong turned exactback <b>plain</b>")
    shown = page.evaluate(
        """Object.fromEntries([...document.querySelectorAll("#live span")].map((e) => {
            const { color, backgroundColor, fontWeight, textDecorationLine } = getComputedStyle(e);
            return [e.textContent, [color, backgroundColor, fontWeight, textDecorationLine]];
        }))"""
    )
    assert shown["red"][0] == "rgb(229, 98, 108)"
    assert shown["strong"][2:] == ["700", "underline"]
    assert shown["turned"][:2] == ["rgb(20, 23, 28)", "rgb(215, 220, 226)"]
    assert shown["exact"][0] == "rgb(1, 2, 3)"
    assert shown["back"][:2] == ["rgb(1, 2, 3)", "rgb(255, 0, 0)"]
    shoot(page, "console-colours", tmp_path)


def test_a_page_that_comes_later_shows_what_there_was_and_the_past_can_be_scrolled_to(
    api: Client, page: Page, console: int
) -> None:
    open_console(api, page, console)
    type_line(page, "seq 300; echo fin''ished")
    assert shows(page, "finished")
    page.goto("about:blank")
    open_console(api, page, console)
    assert shows(page, "finished")
    past = page.locator("#history > div")
    assert {"1", "200"} <= set(past.all_text_contents())
    assert page.evaluate("terminal.scrollTop + terminal.clientHeight >= terminal.scrollHeight - 1")
    past.first.scroll_into_view_if_needed()
    type_line(page, "echo $((6*7))")
    assert shows(page, "42")
    assert page.evaluate("terminal.scrollTop + terminal.clientHeight >= terminal.scrollHeight - 1")


def test_much_output_is_shown_to_its_end_and_not_kept(api: Client, page: Page, console: int) -> None:
    open_console(api, page, console)
    type_line(page, "seq 500000; echo fin''ished")
    assert shows(page, "finished")
    assert "500000" in lines(page)
    assert page.locator("#history > div").count() <= 2000


def test_an_ended_program_says_so_and_a_reload_starts_it_again(
    api: Client, page: Page, console: int, tmp_path: Path
) -> None:
    open_console(api, page, console)
    type_line(page, "exit 3")
    expect(page.get_by_role("status")).to_have_text("Ended with status 3. Reload the page to start it again.")
    shoot(page, "console-ended", tmp_path)
    page.reload()
    expect(page.locator("#live")).to_contain_text("~ ")
    expect(page.get_by_role("status")).to_be_empty()
    type_line(page, "echo $((6*7))")
    assert shows(page, "42")
    api.delete(f"consoles/{console}/")
    expect(page.get_by_role("status")).to_have_text("Killed by signal 9. Reload the page to start it again.")


def test_two_pages_show_one_console_at_the_size_of_the_last(api: Client, page: Page, console: int) -> None:
    open_console(api, page, console)
    with ConsolePage(api, console, columns=40, rows=10) as other:
        assert until(lambda: page.locator("#live > div").count() == 10)
        other.type("clear; printf 'x%.0s' $(seq 45); echo\n")
        assert shows(page, "x" * 40)
        assert shows(page, "x" * 5)


def test_the_frame_is_the_terminal_alone(api: Client, page: Page, console: int) -> None:
    open_console(api, page, console)
    expect(page.get_by_role("heading")).to_be_visible()
    page.goto(f"{page.url}frame/")
    expect(page.locator("#live")).to_contain_text("~ ")
    expect(page.get_by_role("heading")).to_be_hidden()


def test_a_page_tells_that_its_sandbox_is_gone(browser: Browser, start: Start, tmp_path: Path) -> None:
    api = start()
    number = api.post("consoles/", json={"executable": "bash"}).json()["id"]
    context = browser.new_context()
    page = context.new_page()
    open_console(api, page, number)
    api.sandbox.close()
    expect(page.get_by_role("status")).to_contain_text("Reload the page")
    context.close()


SCREEN = """async ({ pieces, columns, rows }) => {
    const { Screen } = await import("/user/alice/consoles/page/screen.js");
    const { Parser } = await import("/user/alice/consoles/page/parser.js");
    const screen = new Screen(columns, rows), answers = [];
    const parser = new Parser(screen, (text) => answers.push(text));
    for (const piece of pieces) Array.isArray(piece) ? screen.resize(...piece) : parser.write(piece);
    const { row, column, bells, lines, history } = screen;
    const form = [screen.rows - lines.length, ...lines.filter((line) => line.cells.length < screen.columns)];
    return { text: screen.text(), answers: answers.join(""), row, column, bells, form, past: history.length };
}"""


def interpreted(page: Page, pieces: list[str | list[int]]) -> dict[str, Any]:
    """What a screen of 20 columns and 5 rows makes of these; a list of numbers is a size that it gets."""
    found: dict[str, Any] = page.evaluate(SCREEN, {"pieces": pieces, "columns": 20, "rows": 5})
    return found


@pytest.fixture(scope="module")
def blank(api: Client, browser: Browser) -> Iterator[Page]:
    """A page that has nothing to do but to import the modules."""
    context = browser.new_context()
    opened = context.new_page()
    opened.goto(f"{api.sandbox.url}/login/")
    yield opened
    context.close()


def at(*numbers: int, end: str, mark: str = "") -> str:
    """A control sequence."""
    return f"{ESC}[{mark}{';'.join(map(str, numbers))}{end}"


SEQUENCES = {
    "carriage-return": ("ab\rc", "cb"),
    "line-feed": ("a\nb", "a\n b"),
    "backspace": ("ab\b\b\bc", "cb"),
    "tab": ("a\tb\t\t\tc", "a       b          c"),
    "wrap": ("x" * 21, "x" * 20 + "\nx"),
    "full-line-and-return": ("x" * 20 + "\r\ny", "x" * 20 + "\ny"),
    "no-wrap": (at(7, end="l", mark="?") + "x" * 25 + "y", "x" * 19 + "y"),
    "erase-to-end-of-line": ("hello" + at(3, end="D") + at(end="K"), "he"),
    "erase-to-begin-of-line": ("hello" + at(3, end="D") + at(1, end="K"), "   lo"),
    "erase-line": ("a\r\nhello" + at(2, end="K"), "a"),
    "erase-below": ("a\r\nb\r\nc" + at(2, 1, end="H") + at(end="J"), "a"),
    "erase-above": ("a\r\nb\r\nc" + at(2, 1, end="H") + at(1, end="J"), "\n\nc"),
    "erase-all": ("a\r\nb" + at(2, end="J") + at(end="H") + "c", "c"),
    "move": (
        at(3, 4, end="H") + "x" + at(2, end="A") + "y" + at(9, end="D") + at(end="B") + "z",
        "    y\nz\n   x",
    ),
    "move-beyond": (at(99, 99, end="H") + "x", "\n\n\n\n" + " " * 19 + "x"),
    "column-and-row": (at(5, end="G") + "x" + at(2, end="d") + "y", "    x\n     y"),
    "insert-characters": ("abc\r" + at(2, end="@"), "  abc"),
    "delete-characters": ("abcd\r" + at(2, end="P"), "cd"),
    "erase-characters": ("abcd\r" + at(2, end="X"), "  cd"),
    "insert-mode": ("abc\r" + at(4, end="h") + "xy" + at(4, end="l") + "z", "xyzbc"),
    "insert-lines": ("a\r\nb" + at(1, 1, end="H") + at(end="L"), "\na\nb"),
    "delete-lines": ("a\r\nb\r\nc" + at(1, 1, end="H") + at(2, end="M"), "c"),
    "repeat": ("ab" + at(3, end="b"), "abbbb"),
    "scroll": ("1\r\n2\r\n3\r\n4\r\n5\r\n6", "2\n3\n4\n5\n6"),
    "scroll-back": ("1\r\n2" + at(1, 1, end="H") + f"{ESC}M" + "0", "0\n1\n2"),
    "region": (
        "1\r\n2\r\n3\r\n4\r\n5" + at(2, 4, end="r") + at(4, 1, end="H") + "\nx",
        "1\n3\n4\nx\n5",
    ),
    "save-and-restore": (f"ab{ESC}7\r\nc{ESC}8d", "abd\nc"),
    "alternate-screen": (f"main{at(1049, end='h', mark='?')}other{at(1049, end='l', mark='?')}!", "main!"),
    "title": (f"{ESC}]0;a title\x07a{ESC}]2;another{ESC}\\b", "ab"),
    "bracketed-paste": (at(2004, end="h", mark="?") + "$ " + at(2004, end="l", mark="?") + "x", "$ x"),
    "device-string": (f"{ESC}Pq#0{ESC}\\x", "x"),
    "drawing": (f"{ESC}(0lqk{ESC}(B lqk", "┌─┐ lqk"),
    "colours": (
        at(1, 31, end="m") + "a" + at(38, 5, 200, end="m") + "b" + f"{ESC}[48:2::1:2:3mc" + at(end="m"),
        "abc",
    ),
    "wide": ("日本x", "日本x"),
    "wide-at-the-end": ("x" * 19 + "日", "x" * 19 + "\n日"),
    "combining": ("e\u0301x", "e\u0301x"),
    "emoji": ("🎉x", "🎉x"),
    "keypad": (f"{ESC}=a{ESC}>b", "ab"),
    "reset": (f"abc{at(31, end='m')}{ESC}cx", "x"),
    "private": (at(4, 1, end="m", mark=">") + at(1, end="u", mark="=") + "x", "x"),
    "unknown": (at(5, end="y") + f"{ESC}\x01x", "x"),
}


@pytest.mark.parametrize(("text", "shown"), SEQUENCES.values(), ids=SEQUENCES)
def test_sequences_are_understood_whole_and_in_pieces(blank: Page, text: str, shown: str) -> None:
    whole, pieces = interpreted(blank, [text]), interpreted(blank, list(text))
    assert whole["text"] == shown
    assert pieces == whole


def test_programs_are_told_what_they_ask_their_terminal(blank: Page) -> None:
    asked = "ab\x07\r\nc" + at(6, end="n") + at(5, end="n") + at(end="c")
    found = interpreted(blank, [asked])
    assert found["answers"] == f"{ESC}[2;2R{ESC}[0n{ESC}[?1;2c"
    assert found["bells"] == 1


def test_lines_that_leave_at_the_top_are_the_past_but_not_those_of_full_screen_programs(blank: Page) -> None:
    assert interpreted(blank, ["x\r\n" * 14])["past"] == 10
    assert interpreted(blank, [at(1049, end="h", mark="?"), "x\r\n" * 14])["past"] == 0


PARTS = st.sampled_from(
    [
        *"ab日é\u0301\r\n\b\t\x07\x0e",
        ESC,
        f"{ESC}[",
        f"{ESC}]",
        f"{ESC}P",
        f"{ESC}(0",
        *"0159;:?>",
        *"ABCDHJKLMPSTXZ@bdfghlmnrsu78c",
    ]
)


COUNTS = st.integers(2, 30)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(texts=st.lists(st.lists(PARTS, max_size=60).map("".join), max_size=4), size=st.tuples(COUNTS, COUNTS))
def test_whatever_comes_the_screen_keeps_its_form(
    blank: Page, texts: list[str], size: tuple[int, int]
) -> None:
    columns, rows = size
    pieces = [piece for text in texts for piece in (text, list(size), text, [20, 5])]
    found = interpreted(blank, [*pieces, *texts, [columns, rows]])
    assert found["form"] == [0]
    assert 0 <= found["row"] < rows
    assert 0 <= found["column"] < columns
    whole = "".join(texts)
    assert interpreted(blank, [whole]) == interpreted(blank, list(whole))


def test_a_narrower_page_hides_the_ends_of_lines_and_a_wider_one_shows_them_again(blank: Page) -> None:
    assert interpreted(blank, ["one two three", [7, 5]])["text"] == "one two"
    assert interpreted(blank, ["one two three", [7, 5], [20, 5]])["text"] == "one two three"
    lower = interpreted(blank, ["1\r\n2\r\n3\r\n4\r\n5", [20, 2]])
    assert (lower["text"], lower["past"]) == ("4\n5", 3)
