"""The client against a whole account: consoles, which run only when somebody has opened their page."""

from collections.abc import Callable

import pytest

from deployer.errors import ApiError, ConsoleNotStarted, NotFound
from deployer.pythonanywhere import Console, PythonAnywhere
from deployer.sandbox import Sandbox
from tests.builders.waiting import until
from tests.pythonanywhere.names import HOME
from tests.sandbox.client import Client
from tests.sandbox.console_page import ConsolePage


def opened(sandbox: Sandbox, console: Console) -> Console:
    """Somebody has opened its page, and closed it again: the program goes on."""
    with ConsolePage(Client(sandbox), console.id) as page:
        page.wait_for_size(80, 24)
    return console


def test_a_console_lives_through_its_life(sandbox: Sandbox, account: PythonAnywhere) -> None:
    console = account.consoles.create(working_directory=HOME)
    assert (console.executable, console.user, console.working_directory) == ("bash", "alice", HOME)
    assert console.console_url == f"/user/alice/consoles/{console.id}/"
    assert console.console_frame_url == f"/user/alice/consoles/{console.id}/frame/"
    assert account.consoles.get(console.id) == console
    assert account.consoles.list() == (console,)
    assert account.consoles.shared_with_you() == ()
    opened(sandbox, console)
    account.consoles.send_input(console.id, "echo $((6*7)) äöü\n")
    assert until(lambda: "42 äöü\r\n" in account.consoles.latest_output(console.id))
    assert account.consoles.delete(console.id) is True
    assert account.consoles.delete(console.id) is False
    with pytest.raises(NotFound):
        account.consoles.latest_output(console.id)


@pytest.mark.parametrize(
    "call",
    [
        lambda account, number: account.consoles.latest_output(number),
        lambda account, number: account.consoles.send_input(number, "ls\n"),
    ],
    ids=["output", "input"],
)
def test_a_console_that_nobody_opened_has_not_started(
    account: PythonAnywhere, call: Callable[[PythonAnywhere, int], None]
) -> None:
    console = account.consoles.create()
    with pytest.raises(ConsoleNotStarted, match="Console not yet started") as caught:
        call(account, console.id)
    assert console.console_url
    assert console.console_url in caught.value.hint


def test_the_output_of_a_console_that_nobody_opened_may_be_empty(
    sandbox: Sandbox, account: PythonAnywhere
) -> None:
    sandbox.switch(unstarted_output="empty")
    assert account.consoles.latest_output(account.consoles.create().id) == ""


def test_only_the_last_of_much_output_is_seen(sandbox: Sandbox, account: PythonAnywhere) -> None:
    console = opened(sandbox, account.consoles.create())
    account.consoles.send_input(console.id, "seq 1000; echo at the $((1+1))nd end\n")
    assert until(lambda: "at the 2nd end\r\n" in account.consoles.latest_output(console.id))
    assert len(account.consoles.latest_output(console.id)) <= 600


@pytest.mark.parametrize("answer", ["403-html", "400-json", "200-empty"])
def test_one_console_too_many_is_refused_under_every_reading(
    sandbox: Sandbox, account: PythonAnywhere, answer: str
) -> None:
    sandbox.switch(console_limit=answer)
    made = [account.consoles.create() for _ in range(6)]
    with pytest.raises(ApiError, match=f"there are 6: {made[0].id} .bash., .* and 1 more") as caught:
        account.consoles.create()
    assert type(caught.value) is ApiError
    assert len(account.consoles.list()) == 6


@pytest.mark.parametrize("status", [204, 404])
def test_a_console_is_gone_after_either_answer(
    sandbox: Sandbox, account: PythonAnywhere, status: int
) -> None:
    sandbox.switch(deleted_console=status)
    console = account.consoles.create()
    assert account.consoles.delete(console.id) is (status == 204)
    assert account.consoles.list() == ()
