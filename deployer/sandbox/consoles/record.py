"""What the account keeps of a console, and how the API shows it."""

from typing import Any

from deployer.sandbox.store import Record

CONSOLE = "console"
SHARED = "shared-console"  # another user's; its body has `user`


def shown(user: str, record: Record) -> dict[str, Any]:
    """The object that the API's help page describes. `user` is whose console it is."""
    body = record.body
    place = place_of(user, record)
    return {
        "id": record.id,
        "user": user,
        "executable": body["executable"],
        "arguments": body["arguments"],
        "working_directory": body["working_directory"],
        "name": name_of(record),
        "console_url": place,
        "console_frame_url": f"{place}frame/",
    }


def name_of(record: Record) -> str:
    return record.body["name"] or f"{record.body['executable'].capitalize()} console {record.id}"


def place_of(user: str, record: Record) -> str:
    return f"/user/{user}/consoles/{record.id}/"
