"""Tells people of a site's changes of state, by apprise, without ever keeping a deployment waiting."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, replace
from datetime import date
from hashlib import blake2b
from pathlib import Path
from secrets import token_hex
from typing import Any

from deployer.daemon import apprise_target
from deployer.daemon.announcement import (
    Announcement,
    Kind,
    Notice,
    SiteState,
    Standing,
    announcement,
    bounded,
    remembered,
)
from deployer.daemon.apprise_target import AppriseMissing
from deployer.daemon.kept import Kept
from deployer.daemon.outbox import MOST, PAUSES_S, Outbox
from deployer.errors import UsageError
from deployer.events import log
from deployer.secret import Secret

Send = Callable[[Secret, Announcement], None]
"""Raises Undelivered."""


class Announcer:
    """The announcements of one site, to each of its targets.

    What was told last and what still has to be sent are on disk, in one file: a restart repeats nothing
    and loses nothing. Only a kill in the moment between a target's yes and our note of it sends twice.
    Safe to call from any thread.
    """

    def __init__(
        self,
        targets: Sequence[Secret],
        *,
        site: str,
        folder: Path,
        secrets: Sequence[Secret] = (),
        send: Send = apprise_target.send,
        pauses_s: Sequence[float] = PAUSES_S,
    ) -> None:
        """`targets` are apprise URLs. `folder` is the state folder. `secrets`, and the targets themselves,
        are masked wherever they stand in a text. What an earlier process left unsent is sent now.
        """
        self._site = site
        self._kept = Kept(folder / "announced" / f"{site}.json")
        self._lock = threading.RLock()  # an outbox that is full settles while something is put in
        self._send = send
        words = {secret.reveal() for secret in (*targets, *secrets)} - {""}
        self._masked = sorted(words, key=len, reverse=True)
        content = self._kept.read()
        self._salt = str(content.get("salt") or token_hex(8))
        self._told = _state(content.get("told"))
        self._warned = False
        addresses = {self._name(target): target for target in targets}
        self._waiting: dict[str, dict[str, Announcement]] = {
            name: _messages(content.get("waiting"), name) for name in addresses
        }
        self._outboxes = {
            name: Outbox[Announcement](
                f"announcements of {site} ({number} of {len(addresses)})",
                self._delivery(target),
                settled=self._settlement(name),
                pauses_s=pauses_s,
            )
            for number, (name, target) in enumerate(addresses.items(), start=1)
        }
        for name, messages in self._waiting.items():
            for key, message in list(messages.items()):
                self._outboxes[name].put(key, message)

    def tell(self, after: SiteState) -> Announcement | None:
        """Announce what has changed since the last state, if people want to hear of it; takes milliseconds.

        Returns what is being sent.
        """
        after = replace(after, evidence=bounded(self._mask(after.evidence)))
        with self._lock:
            before = self._told
            now = remembered(before, after)
            if now == before:
                return None
            message = announcement(before, after)
            key = token_hex(8)
            if message is not None:
                message = replace(message, title=self._mask(message.title), body=self._mask(message.body))
                for messages in self._waiting.values():
                    messages[key] = message
                    for oldest in list(messages)[:-MOST]:
                        del messages[oldest]
            self._told = now
            self._write()
            if message is not None:
                log.info("announced", site=self._site, kind=message.kind, targets=len(self._outboxes))
                for outbox in self._outboxes.values():
                    outbox.put(key, message)
            return message

    def settle(self, state: SiteState) -> None:
        """Take a state as known without telling anybody, where nothing was ever told: a daemon that is new
        to a site that is live already has no news.
        """
        with self._lock:
            if self._told is None:
                self._told = replace(state, evidence=bounded(self._mask(state.evidence)))
                self._write()

    def close(self, *, timeout_s: float = 0.0) -> None:
        """What was not sent yet is sent by the next process."""
        for outbox in self._outboxes.values():
            outbox.close(timeout_s=timeout_s)

    def _delivery(self, target: Secret) -> Callable[[Announcement], None]:
        def deliver(message: Announcement) -> None:
            try:
                self._send(target, message)
            except AppriseMissing:
                self._warn_missing()
                raise

        return deliver

    def _warn_missing(self) -> None:
        with self._lock:
            warned, self._warned = self._warned, True
        if not warned:
            log.warning(
                "announcing_impossible",
                site=self._site,
                problem="apprise is not installed",
                hint="pip install 'pythonanywhere-deployer[announce]'",
            )

    def _settlement(self, name: str) -> Callable[[str, Announcement], None]:
        def settled(key: str, _: Announcement) -> None:
            with self._lock:
                if self._waiting[name].pop(key, None) is not None:
                    self._write()

        return settled

    def _write(self) -> None:
        """Where that cannot be, people are told all the same; a restart may then tell them twice."""
        told = None if self._told is None else asdict(self._told)
        if told is not None and self._told is not None:
            told["notices"] = [{**asdict(n), "on": n.on.isoformat()} for n in self._told.notices]
        waiting = {
            name: {key: asdict(message) for key, message in messages.items()}
            for name, messages in self._waiting.items()
            if messages
        }
        try:
            self._kept.write({"salt": self._salt, "told": told, "waiting": waiting})
        except UsageError as error:
            log.warning("not_kept", site=self._site, problem=error.message)

    def _name(self, target: Secret) -> str:
        """Tells targets apart on disk, and too short to try passwords against."""
        return blake2b(target.reveal().encode(), key=self._salt.encode(), digest_size=3).hexdigest()

    def _mask(self, text: str) -> str:
        for secret in self._masked:
            text = text.replace(secret, "***")
        return text


def _state(value: Any) -> SiteState | None:
    """What was kept; None when nothing, or something that is not understood, was."""
    if not isinstance(value, Mapping):
        return None
    try:
        notices = (Notice(**{**item, "on": date.fromisoformat(item["on"])}) for item in value["notices"])
        return SiteState(
            **{
                **value,
                "standing": Standing(value["standing"]),
                "drift": tuple(value["drift"]),
                "notices": tuple(notices),
            }
        )
    except (KeyError, TypeError, ValueError):
        return None


def _messages(value: Any, name: str) -> dict[str, Announcement]:
    waiting = value.get(name) if isinstance(value, Mapping) else None
    try:
        return {
            key: Announcement(**{**message, "kind": Kind(message["kind"])})
            for key, message in (waiting or {}).items()
        }
    except (AttributeError, KeyError, TypeError, ValueError):
        return {}


__all__ = [
    "Announcement",
    "Announcer",
    "Kind",
    "Notice",
    "SiteState",
    "Standing",
    "announcement",
]
