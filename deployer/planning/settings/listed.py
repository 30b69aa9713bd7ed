"""Settings that the platform keeps as lists, mappings, headers and tasks: one way for all of them.

Each pairs what is wanted with what we recorded as ours and what is there, and tells ours by the recorded ids.
"""

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Generic, TypeVar

from deployer.model.actions import Action, CreateThing, DeleteThing, UpdateThing
from deployer.model.manifest import Applied
from deployer.model.plan import Note
from deployer.planning.pairing import Pairing, pair

Thing = TypeVar("Thing")


@dataclass(frozen=True, slots=True, kw_only=True)
class Listed(Generic[Thing]):
    """One such list: how its things are told apart and shown, and what changes them."""

    name: str
    """What it is called in Site, AppliedSettings, LiveSettings, InDoubt and Pending."""
    word: str
    """For messages: "static mapping"."""
    verb: str = ""
    """Why one is created, before what `shown` says."""
    of_account: bool
    """It belongs to the account and not to the web app: it carries our label, another site's may look just
    like it, and the account has so many of it at most."""
    title: Callable[[Thing], str]
    shown: Callable[[Thing], str]
    """What it does, in a few words."""
    identity: Callable[[Thing], Hashable]
    """Which wanted thing a recorded one was."""
    same: Callable[[Thing, Thing], bool]
    """Whether one that is there is as wanted, by whatever name."""
    create: type[CreateThing[Any]]
    update: type[UpdateThing[Any]]
    delete: type[DeleteThing]

    def is_announced(self, there: Thing, announced: Thing) -> bool:
        """Whether one that is there is what we meant to create: by its label, or where the platform keeps no
        label, by what it does.
        """
        if not self.of_account:
            return self.same(there, announced)
        label = self.title(there)
        return label == self.title(announced) or (not label and self.same(there, announced))


@dataclass(frozen=True, slots=True, kw_only=True)
class ListPlan(Generic[Thing]):
    """As SettingsPlan, for one list."""

    actions: tuple[Action, ...]
    refusals: tuple[str, ...]
    notes: tuple[Note, ...]
    settled: tuple[Applied[Any], ...]


def claimed(
    listed: Listed[Thing],
    applied: Sequence[Applied[Any]],
    announced: Sequence[Thing],
    live: Sequence[Applied[Any]],
) -> tuple[Applied[Any], ...]:
    """What is ours, with what a cut-off deployment announced and created without learning the id."""
    ours = {item.id: item for item in applied}
    for thing in announced:
        for there in live:
            if there.id not in ours and listed.is_announced(there.thing, thing):
                ours[there.id] = replace(there, thing=thing)
                break
    return tuple(ours.values())


def plan_list(
    listed: Listed[Thing],
    wanted: Sequence[Thing],
    applied: Sequence[Applied[Any]],
    live: Sequence[Applied[Any]],
    *,
    overwrite: bool,
) -> ListPlan[Thing]:
    """What was there already as wanted is taken over; what stands in the way is refused."""
    pairing = _paired(listed, wanted, applied, live)
    foreign = {} if listed.of_account else _foreign(listed, pairing, live)
    return ListPlan(
        actions=tuple(_actions(listed, pairing, foreign, live)),
        refusals=() if overwrite else tuple(_refusals(listed, pairing, foreign)),
        notes=tuple(
            Note(subject=listed.title(thing), reason=f"{listed.word} was there already and is ours now")
            for _, thing in pairing.adopted
        ),
        settled=tuple(Applied(id=id_, thing=thing) for id_, thing in (*pairing.settled, *pairing.adopted)),
    )


def _paired(
    listed: Listed[Thing],
    wanted: Sequence[Thing],
    applied: Sequence[Applied[Any]],
    live: Sequence[Applied[Any]],
) -> Pairing[Thing]:
    """What carries our label is ours even when its id is not recorded; what only looks alike in an account
    is somebody else's, perhaps another site's.
    """
    known = {item.id for item in applied}
    labelled = [
        (item.id, item.thing)
        for item in live
        if listed.of_account and listed.title(item.thing) and item.id not in known
    ]
    return pair(
        wanted,
        [*labelled, *((item.id, item.thing) for item in applied)],
        {item.id: item.thing for item in live},
        identity=listed.identity,
        same=listed.same,
        adopts=not listed.of_account,
    )


def _foreign(
    listed: Listed[Thing], pairing: Pairing[Thing], live: Sequence[Applied[Any]]
) -> dict[Hashable, Applied[Any]]:
    """What has the place of a thing that shall be created, and is not ours."""
    wanted = {listed.identity(thing) for thing in pairing.create}
    there: dict[Hashable, Applied[Any]] = {}
    for item in live:
        if (identity := listed.identity(item.thing)) in wanted:
            there.setdefault(identity, item)
    return there


def _refusals(
    listed: Listed[Thing], pairing: Pairing[Thing], foreign: dict[Hashable, Applied[Any]]
) -> Iterator[str]:
    for thing in pairing.create:
        if (item := foreign.get(listed.identity(thing))) is not None:
            yield (
                f"{listed.word} {listed.title(thing)} -> {listed.shown(item.thing)} (id {item.id}) is there "
                f"and not ours, {listed.shown(thing)} is wanted: delete it on the web app's page, or pass "
                "--overwrite to take it over"
            )


def _actions(
    listed: Listed[Thing],
    pairing: Pairing[Thing],
    foreign: dict[Hashable, Applied[Any]],
    live: Sequence[Applied[Any]],
) -> Iterator[Action]:
    """Where an account has a limit, deletes make room first; else nothing is missing for a moment."""
    there = {item.id: item.thing for item in live}
    creates = [_creation(listed, thing, foreign.get(listed.identity(thing))) for thing in pairing.create]
    updates = [_update(listed, id_, there[id_], thing) for id_, thing in pairing.update]
    deletes = [
        listed.delete(subject=listed.title(thing), id=id_, reason="no longer in the configuration")
        for id_, thing in pairing.delete
    ]
    if listed.of_account:
        yield from (*deletes, *updates, *creates)
    else:
        yield from (*creates, *updates, *deletes)


def _creation(listed: Listed[Thing], thing: Thing, foreign: Applied[Any] | None) -> Action:
    if foreign is None:
        reason = f"{listed.verb} {listed.shown(thing)}".strip()
        return listed.create(subject=listed.title(thing), thing=thing, reason=reason)
    reason = f"take over {listed.shown(foreign.thing)} (--overwrite)"
    return listed.update(subject=listed.title(thing), id=foreign.id, thing=thing, reason=reason)


def _update(listed: Listed[Thing], id_: int, there: Thing, thing: Thing) -> Action:
    shown = listed.shown(thing)
    reason = f"wanted: {shown}" if listed.of_account else f"{listed.shown(there)} -> {shown}"
    return listed.update(subject=listed.title(thing), id=id_, thing=thing, reason=reason)
