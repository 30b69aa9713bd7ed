"""What the sandbox's control can do about consoles that the API cannot."""

from typing import Any

from deployer.sandbox.account import Account
from deployer.sandbox.bodies import Data
from deployer.sandbox.consoles.record import CONSOLE, SHARED, shown
from deployer.sandbox.consoles.terminal import Size
from deployer.sandbox.fields import Text, check
from deployer.sandbox.replies import NOT_FOUND, detail

SHARED_FIELDS = {
    "user": Text(blank=False),
    "executable": Text(blank=False),
    "arguments": Text(),
    "name": Text(blank=False),
}


def share(account: Account, body: Any) -> dict[str, Any]:
    """A console of another user, who shares it with this account; nothing runs in it. Raises RefusalError."""
    if not isinstance(body, dict):
        raise detail(400, 'an object with a user, such as {"user": "bob"}')
    values = check(Data(fields=body, is_form=False), SHARED_FIELDS, required=("user",))
    known = {"executable": "bash", "arguments": "", "working_directory": None, "name": None}
    record = account.store.add(SHARED, {**known, **values})
    return shown(record.body["user"], record)


def unshare_all(account: Account) -> None:
    for record in account.store.all(SHARED):
        account.store.remove(record)


async def load(account: Account, body: Any) -> dict[str, Any]:
    """As a browser that opens the console's page: its program runs from now on. Raises RefusalError."""
    number = body.get("id") if isinstance(body, dict) else None
    if isinstance(number, bool) or not isinstance(number, int):
        raise detail(400, 'an object with a console\'s number, such as {"id": 1}')
    record = account.store.get(CONSOLE, str(number))
    if record is None:
        raise detail(404, NOT_FOUND)
    await account.consoles.load(record, Size())
    return shown(account.user, record)
