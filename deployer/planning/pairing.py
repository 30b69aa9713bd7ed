"""Pairs what is wanted with what we recorded and what is there: one rule for every listed setting."""

from collections.abc import Callable, Hashable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Generic, TypeVar

Thing = TypeVar("Thing")


@dataclass(slots=True)
class Pairing(Generic[Thing]):
    """The verdict for each thing, with the id that the server knows it by."""

    settled: list[tuple[int, Thing]] = field(default_factory=list)
    """There already, as wanted."""
    adopted: list[tuple[int, Thing]] = field(default_factory=list)
    """There already, as wanted, though not recorded: a lost answer, or somebody was quicker."""
    update: list[tuple[int, Thing]] = field(default_factory=list)
    create: list[Thing] = field(default_factory=list)
    delete: list[tuple[int, Thing]] = field(default_factory=list)


def pair(
    wanted: Iterable[Thing],
    recorded: Iterable[tuple[int, Thing]],
    live: Mapping[int, Thing],
    *,
    identity: Callable[[Thing], Hashable],
    same: Callable[[Thing, Thing], bool],
    adopts: bool = True,
) -> Pairing[Thing]:
    """Decide for each wanted and each recorded thing. What is live and neither is never mentioned.

    `identity` says which wanted thing a recorded one was; `same` whether a live one is as wanted;
    `adopts` whether one that is as wanted may be taken for ours although it is not recorded.
    """
    ours = {identity(thing): (id_, thing) for id_, thing in recorded if id_ in live}
    unclaimed = {id_: thing for id_, thing in live.items() if id_ not in {id_ for id_, _ in ours.values()}}
    verdict: Pairing[Thing] = Pairing()
    for thing in wanted:
        if (mine := ours.pop(identity(thing), None)) is not None:
            id_ = mine[0]
            (verdict.settled if same(thing, live[id_]) else verdict.update).append((id_, thing))
        elif adopts and (id_ := next((i for i, other in unclaimed.items() if same(thing, other)), -1)) != -1:
            del unclaimed[id_]
            verdict.adopted.append((id_, thing))
        else:
            verdict.create.append(thing)
    verdict.delete.extend(ours.values())
    return verdict
