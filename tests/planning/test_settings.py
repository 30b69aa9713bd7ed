"""Settings as values: what is in doubt, what a plan makes of it, and that it ends where it is wanted."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.model.actions import CreateThing, DeleteThing, UpdateThing
from deployer.model.manifest import Applied, AppliedSettings, Manifest, Pending
from deployer.model.overrides import PUT_BACK, Overrides
from deployer.model.plan import Plan
from deployer.model.site import AlwaysOnTask, ScheduledTask, Site, StaticHeader, StaticMapping, WebAppSettings
from deployer.planning.settings import LISTS, InDoubt, Listed, LiveSettings, claim_created, in_doubt
from deployer.planning.settings.listed import plan_list
from tests.planning.servers import plan_on
from tests.planning.sites import entry, manifest, site

ONE = entry("one")
FILES = {"a": ONE}
COMMAND = "serve ${DOMAIN_SOCKET}"
WORKER = AlwaysOnTask(name="worker", command="work")
PROTECTED = WebAppSettings(password_protection_enabled=True, password_protection_username="staff")


def website(**fields: Any) -> Site:
    return replace(site(), command=COMMAND, **fields)


def plan(wanted: Site, applied: AppliedSettings, live: LiveSettings, **facts: Any) -> Plan:
    """As if everything had to be looked at."""
    doubt = in_doubt(wanted, manifest(FILES, settings=applied), None, force=True)
    return plan_on(
        FILES, wanted, manifest(FILES, settings=applied), FILES, doubt=doubt, live=live, **facts
    ).plan


def kinds(made: Plan) -> list[str]:
    return [action.kind for action in made.actions]


@pytest.mark.parametrize(
    ("wanted", "applied", "expected"),
    [
        (site(), AppliedSettings(webapp=WebAppSettings()), InDoubt()),
        (website(), AppliedSettings(command=COMMAND), InDoubt()),
        (website(), AppliedSettings(command="other"), InDoubt(webapp=True)),
        (website(), AppliedSettings(webapp=WebAppSettings()), InDoubt(webapp=True)),
        (site(), AppliedSettings(command=COMMAND), InDoubt(webapp=True)),
        (
            replace(site(), enabled=True),
            AppliedSettings(webapp=WebAppSettings()),
            InDoubt(webapp=True, enabled=True),
        ),
        (site(), AppliedSettings(webapp=WebAppSettings(), enabled=False), InDoubt()),
        (
            replace(site(), always_on=(WORKER,)),
            AppliedSettings(webapp=WebAppSettings()),
            InDoubt(always_on=True),
        ),
        (
            replace(site(), webapp=PROTECTED),
            AppliedSettings(webapp=PROTECTED, password="p"),
            InDoubt(webapp=True, password=True),
        ),
    ],
)
def test_only_what_differs_from_the_record_is_in_doubt(
    wanted: Site, applied: AppliedSettings, expected: InDoubt
) -> None:
    assert in_doubt(wanted, manifest({}, settings=applied), None, password="q") == expected


def test_after_a_cut_all_that_is_or_may_be_ours_is_in_doubt_and_no_list_beyond() -> None:
    now = datetime(2026, 1, 1, tzinfo=UTC)
    pending = Pending(
        deployment="d",
        owner="o",
        who="w",
        commit="c",
        started=now,
        expires=now + timedelta(minutes=1),
        paths=(),
        settings=True,
        always_on=(WORKER,),
    )
    header = StaticHeader(url="/s/", name="A", value="b")
    applied = AppliedSettings(webapp=WebAppSettings(), headers=(Applied(id=1, thing=header),))
    wanted = replace(site(), headers=(header,), enabled=True)

    doubt = in_doubt(wanted, manifest({}, settings=applied, pending=pending), None)

    assert doubt == InDoubt(webapp=True, enabled=True, headers=True, always_on=True)
    live = LiveSettings(always_on=(Applied(id=4, thing=WORKER),))
    assert claim_created(applied, pending, live).always_on == (Applied(id=4, thing=WORKER),)


@pytest.mark.parametrize(
    ("ours", "overrides", "is_refused"),
    [
        (True, Overrides(), True),
        (True, PUT_BACK, False),
        (False, PUT_BACK, True),
        (True, Overrides(overwrite=True), False),
        (False, Overrides(overwrite=True), False),
    ],
)
@pytest.mark.parametrize("wants_website", [True, False])
def test_a_site_of_the_other_kind_gives_way_to_a_persons_word_or_to_its_own_rollback(
    *, ours: bool, overrides: Overrides, is_refused: bool, wants_website: bool
) -> None:
    webapp, served = AppliedSettings(webapp=WebAppSettings()), AppliedSettings(command=COMMAND)
    applied = AppliedSettings() if not ours else webapp if wants_website else served
    wanted = website() if wants_website else site()

    made = plan(wanted, applied, LiveSettings(exists=False, other_kind=True), overrides=overrides)

    assert bool(made.refusals) == is_refused
    expected = ["delete-webapp", "create-website"] if wants_website else ["delete-website", "create-webapp"]
    assert kinds(made)[:2] == expected


def test_the_password_is_said_and_not_shown() -> None:
    live = LiveSettings(webapp=PROTECTED)
    made = plan(replace(site(), webapp=PROTECTED), AppliedSettings(webapp=PROTECTED), live, password="p")

    assert made.actions[0].reason == "wanted: the password"
    assert made.actions[0].as_json() == {
        "action": "configure-webapp",
        "subject": "alice.pythonanywhere.com",
        "reason": "wanted: the password",
        "endpoint": "webapps/{domain}",
        "bytes": 0,
    }


@pytest.mark.parametrize(
    ("task", "server", "expected"),
    [
        (WORKER, "one", []),
        (WORKER, "two", ["restart-always-on"]),
        (replace(WORKER, restart="never"), "two", []),
        (replace(WORKER, enabled=False), "two", []),
        (replace(WORKER, command="new", restart="never"), "one", ["update-always-on", "restart-always-on"]),
        (replace(WORKER, command="new", enabled=False), "two", ["update-always-on"]),
        (replace(WORKER, name="other"), "two", ["delete-always-on", "create-always-on"]),
    ],
)
def test_what_runs_the_old_code_is_restarted_and_nothing_else(
    task: AlwaysOnTask, server: str, expected: list[str]
) -> None:
    ours = Applied(id=3, thing=WORKER)
    wanted = replace(site(), always_on=(task,))
    settings = AppliedSettings(
        webapp=WebAppSettings(), always_on=(replace(ours, thing=task) if task == WORKER else ours,)
    )
    off = replace(WORKER, enabled=False)
    live = LiveSettings(always_on=(replace(ours, thing=off) if task == off else ours,))

    made = plan_on(
        FILES,
        wanted,
        manifest(FILES, settings=settings),
        {"a": entry(server)},
        doubt=InDoubt(always_on=True),
        live=live,
    ).plan

    assert [kind for kind in kinds(made) if kind.endswith("always-on")] == expected
    assert (
        kinds(made)[-len(made.restarts) :] == ["restart-always-on"] * len(made.restarts) or not made.restarts
    )


def test_restarts_cost_a_request_each() -> None:
    wanted = replace(site(), always_on=(WORKER,))
    applied = AppliedSettings(webapp=WebAppSettings(), always_on=(Applied(id=3, thing=WORKER),))

    made = plan_on(FILES, wanted, manifest(FILES, settings=applied), {"a": entry("two")}).plan

    assert dict(made.requests) == {
        "files/path": 4,
        "webapps/{domain}/reload": 1,
        "always_on/{id}/restart": 1,
    }


def test_a_record_from_before_there_were_headers_is_read() -> None:
    mapping = StaticMapping(url="/s/", path="/home/alice/s")
    task = ScheduledTask(name="n", command="c", interval="hourly", hour=None, minute=3)
    written = manifest(
        {},
        settings=AppliedSettings(static=(Applied(id=1, thing=mapping),), tasks=(Applied(id=2, thing=task),)),
    )
    old = (
        written.dump()
        .replace(b'"id":1,"thing"', b'"id":1,"mapping"')
        .replace(b'"id":2,"thing"', b'"id":2,"task"')
        .replace(b',"command":null,"enabled":null,"password":null,"headers":[],"always_on":[]', b"")
    )

    assert b"thing" not in old
    assert b"always_on" not in old
    assert Manifest.load(old).settings == written.settings
    assert Manifest.load(written.dump()).settings == written.settings


NAMES = st.sampled_from(["a", "b", "c"])
WORDS = st.sampled_from(["one", "two"])
THINGS: dict[str, st.SearchStrategy[Any]] = {
    "static": st.builds(StaticMapping, url=NAMES.map("/{}/".format), path=WORDS.map("/home/alice/{}".format)),
    "headers": st.builds(StaticHeader, url=st.just("/s/"), name=NAMES, value=WORDS),
    "tasks": st.builds(
        ScheduledTask,
        name=NAMES,
        command=WORDS,
        interval=st.just("daily"),
        hour=st.sampled_from([1, 2]),
        minute=st.just(0),
        enabled=st.booleans(),
    ),
    "always_on": st.builds(AlwaysOnTask, name=NAMES, command=WORDS, enabled=st.booleans()),
}


def unlabelled(thing: Any) -> Any:
    """As somebody else's task is read."""
    return replace(thing, name="") if isinstance(thing, ScheduledTask | AlwaysOnTask) else thing


def carried_out(
    actions: Sequence[Any], settled: Sequence[Applied[Any]], there: dict[int, Any]
) -> tuple[Applied[Any], ...]:
    """Changes `there` as the platform would, and gives what would be recorded."""
    ours = list(settled)
    for action in actions:
        match action:
            case CreateThing():
                number = max(there, default=0) + 1
                there[number] = action.thing
                ours.append(Applied(id=number, thing=action.thing))
            case UpdateThing():
                there[action.id] = action.thing
                ours.append(Applied(id=action.id, thing=action.thing))
            case DeleteThing():
                del there[action.id]
    return tuple(ours)


@pytest.mark.parametrize("listed", LISTS, ids=lambda listed: listed.name)
@given(data=st.data())
def test_every_list_ends_as_it_is_wanted_and_nobody_elses_thing_is_touched(
    listed: Listed[Any], data: st.DataObject
) -> None:
    things = st.lists(THINGS[listed.name], max_size=3, unique_by=listed.identity)
    wanted, recorded, theirs = (data.draw(things) for _ in range(3))
    changed: Callable[[Any], Any] = lambda thing: data.draw(st.sampled_from([thing, None]))  # noqa: E731
    applied = [Applied(id=number, thing=thing) for number, thing in enumerate(recorded, start=1)]
    there = {item.id: item.thing for item in applied if changed(item.thing) is not None}
    foreign = {number: unlabelled(thing) for number, thing in enumerate(theirs, start=100)}
    there |= foreign
    live = tuple(Applied(id=number, thing=thing) for number, thing in there.items())

    planned = plan_list(listed, wanted, applied, live, overwrite=False)
    if planned.refusals:
        assert not listed.of_account
        return
    ours = carried_out(planned.actions, planned.settled, there)
    again = plan_list(
        listed,
        wanted,
        ours,
        tuple(Applied(id=number, thing=thing) for number, thing in there.items()),
        overwrite=False,
    )

    assert sorted(map(repr, (item.thing for item in ours))) == sorted(map(repr, wanted))
    adopted = {item.id for item in ours}
    assert {number: there[number] for number in foreign} == foreign
    assert not again.actions
    assert all(number in foreign or number in adopted for number in there)
