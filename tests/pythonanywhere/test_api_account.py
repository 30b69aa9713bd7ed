"""The client against a whole account: shared files, and what runs as the account."""

import pytest
import requests

from deployer.errors import ApiError, NotFound
from deployer.pythonanywhere import PythonAnywhere
from deployer.sandbox import Sandbox
from tests.builders.waiting import until
from tests.pythonanywhere.names import HOME, Free


def test_a_shared_file_can_be_had_by_whoever_has_the_link(account: PythonAnywhere) -> None:
    path = f"{HOME}/a b&c+d#1.txt"
    account.files.write(path, b"for everybody")
    assert account.files.shared(path) is None
    link = account.files.share(path)
    assert account.files.share(path) == link == account.files.shared(path)
    assert requests.get(account.url(link), timeout=10).content == b"for everybody"
    assert account.files.unshare(path) is True
    assert account.files.shared(path) is None
    assert requests.get(account.url(link), timeout=10).status_code == 404


@pytest.mark.parametrize("status", [204, 404])
def test_what_was_not_shared_is_not_shared_afterwards(
    sandbox: Sandbox, account: PythonAnywhere, status: int
) -> None:
    sandbox.switch(unshare_unshared=status)
    account.files.unshare(f"{HOME}/nothing")
    assert account.files.shared(f"{HOME}/nothing") is None


def test_a_file_that_is_not_there_cannot_be_shared(account: PythonAnywhere) -> None:
    with pytest.raises(NotFound):
        account.files.share(f"{HOME}/nothing")


def test_a_scheduled_task_is_read_alone_and_replaced_as_a_whole(account: PythonAnywhere) -> None:
    task = account.schedule.create(command="echo a", interval="hourly", minute=5, description="each hour")
    assert account.schedule.get(task.id) == task
    replaced = account.schedule.replace(task.id, command="echo b", interval="daily", hour=4, minute=6)
    assert (replaced.command, replaced.interval, replaced.hour, replaced.minute) == ("echo b", "daily", 4, 6)
    assert account.schedule.get(task.id) == replaced
    account.schedule.delete(task.id)
    with pytest.raises(NotFound):
        account.schedule.get(task.id)


def test_an_always_on_task_lives_through_its_life(account: PythonAnywhere) -> None:
    ticks = f"{HOME}/ticks"
    task = account.always_on.create(command=f"echo started >> {ticks}; exec sleep 1000", description="worker")
    assert (task.description, task.enabled) == ("worker", True)
    assert account.always_on.list() == (account.always_on.get(task.id),)

    def starts() -> int:
        try:
            return account.files.read(ticks).count(b"started")
        except NotFound:
            return 0

    assert until(lambda: starts() == 1)
    account.always_on.restart(task.id)
    assert until(lambda: starts() == 2)
    assert account.always_on.update(task.id, enabled=False).enabled is False
    replaced = account.always_on.replace(task.id, command="sleep 5", description="naps", enabled=False)
    assert (replaced.command, replaced.description, replaced.enabled) == ("sleep 5", "naps", False)
    assert account.always_on.delete(task.id) is True
    assert account.always_on.delete(task.id) is False
    with pytest.raises(NotFound):
        account.always_on.restart(task.id)


@pytest.mark.parametrize("status", [403, 400])
def test_a_free_account_is_refused_an_always_on_task(free: Free, status: int) -> None:
    sandbox, account = free
    sandbox.switch(always_on_refusal=status)
    with pytest.raises(ApiError, match=f"{status} You have reached your maximum") as caught:
        account.always_on.create(command="true")
    assert type(caught.value) is ApiError
    assert account.always_on.list() == ()
