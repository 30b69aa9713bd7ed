"""Sending by apprise, which knows mail, chats and a hundred other services by one URL each.

An optional extra, imported when the first message leaves.
"""

import logging
from typing import Final

from deployer.daemon.announcement import Announcement, Kind
from deployer.daemon.outbox import Undelivered
from deployer.secret import Secret

_TYPES: Final = {Kind.FAILURE: "failure", Kind.DRIFT: "warning", Kind.EXPIRY: "warning"}
"""Apprise's words; services show them by a colour or a sign. Everything else is a success."""


class AppriseMissing(Undelivered):
    """The extra is not installed: said once, by whoever sends."""


def send(target: Secret, message: Announcement) -> None:
    """Hand the message over. Raises Undelivered, whose words never hold the address: it is a secret."""
    # Before the import, and for good: apprise logs what it does with its addresses.
    logger = logging.getLogger("apprise")
    logger.disabled = True
    try:
        import apprise
    except ImportError as error:
        reason = "apprise is not installed: pip install 'pythonanywhere-deployer[announce]'"
        raise AppriseMissing(reason, final=True, quiet=True) from error
    logger.disabled = True
    asset = apprise.AppriseAsset(
        app_id="deployer",
        app_desc="deployer",
        async_mode=False,
        storage_mode=apprise.PersistentStoreMode.MEMORY,
    )
    receiver = apprise.Apprise(asset=asset)
    try:
        known = receiver.add(target.reveal())
        sent = known and receiver.notify(
            title=message.title,
            body=message.body,
            notify_type=_TYPES.get(message.kind, "success"),
            body_format="text",
        )
    except Exception as error:  # noqa: BLE001 - of any of a hundred plug-ins, and it may quote the address
        raise Undelivered(type(error).__name__) from None
    if not known:
        raise Undelivered("apprise does not understand its address", final=True)
    if not sent:
        raise Undelivered("it did not take the message")
