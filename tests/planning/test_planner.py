"""The decision table: one situation, one verdict, one reason."""

from dataclasses import replace

import pytest

from deployer.model.actions import Action
from deployer.model.endpoints import Endpoint
from deployer.model.files import FileEntry
from deployer.model.manifest import Applied, AppliedSettings
from deployer.model.overrides import Overrides
from deployer.model.site import MaxDelete, ScheduledTask, Site, StaticMapping, WebAppSettings
from deployer.planning.settings import InDoubt, LiveSettings, in_doubt
from tests.planning.servers import plan_on
from tests.planning.sites import TARGET, entry, manifest, site

ONE, TWO = entry("one"), entry("two")
EVERYTHING = InDoubt(webapp=True, static=True, tasks=True, wsgi=True)


def told(actions: tuple[Action, ...]) -> list[str]:
    """Each action as it would be read, without what is always the same."""
    return [
        f"{action.kind} {action.subject.removeprefix(TARGET + '/')}: {action.reason}" for action in actions
    ]


@pytest.mark.parametrize(
    ("recorded", "server", "wanted", "expected"),
    [
        ({}, {}, {"a": ONE}, ["create a: new in cccccccccc"]),
        ({"a": ONE}, {"a": ONE}, {"a": TWO}, ["update a: changed since bbbbbbbbbb"]),
        ({"a": ONE, "b": ONE}, {"a": ONE, "b": ONE}, {"b": ONE}, ["delete a: gone in cccccccccc"]),
        ({"a": ONE}, {}, {"a": ONE}, ["create a: missing on the server"]),
        (
            {"a": ONE},
            {"a": ONE},
            {"a/b": ONE},
            ["delete a: gone in cccccccccc", "create a/b: new in cccccccccc"],
        ),
        (
            {"a/b": ONE},
            {"a/b": ONE},
            {"a": ONE},
            [
                "delete a/b: a becomes a file in cccccccccc",
                "rmdir a: a becomes a file in cccccccccc",
                "create a: a becomes a file in cccccccccc",
            ],
        ),
    ],
)
def test_each_difference_has_one_action_with_its_reason(
    recorded: dict[str, FileEntry],
    server: dict[str, FileEntry],
    wanted: dict[str, FileEntry],
    expected: list[str],
) -> None:
    plan = plan_on(server, site(), manifest(recorded), wanted).plan

    assert told(plan.actions) == [
        *expected,
        "reload alice.pythonanywhere.com: so that the site runs what was sent",
    ]
    assert not plan.refusals


def test_creates_come_before_updates_before_deletes_before_the_reload() -> None:
    recorded = {"b": ONE, "c": ONE, "d": ONE}

    plan = plan_on(recorded, site(), manifest(recorded), {"a": ONE, "b": TWO, "d": ONE}).plan

    assert [action.kind for action in plan.actions] == ["create", "update", "delete", "reload"]


def test_a_changed_mode_is_recorded_but_sends_nothing_because_the_platform_has_no_modes() -> None:
    recorded = {"run.sh": entry("x")}

    plan = plan_on(recorded, site(), manifest(recorded), {"run.sh": entry("x", "100755")}).plan

    assert plan.actions == ()
    assert plan.needs_record


def test_a_file_that_somebody_else_put_there_is_not_overwritten() -> None:
    plan = plan_on({"a": TWO}, site(), manifest({}), {"a": ONE}).plan

    (refusal,) = plan.refusals
    assert refusal.startswith(
        f"1 path on the server would be overwritten that deployer did not ship: {TARGET}/a."
    )
    assert "--overwrite" in refusal


def test_a_file_that_is_there_with_the_wanted_content_becomes_ours_without_a_request() -> None:
    plan = plan_on({"a": ONE}, site(), manifest({}), {"a": ONE}).plan

    assert [note.reason for note in plan.notes] == ["was there already with this content; ours now"]
    assert not plan.actions
    assert not plan.refusals


def test_overwrite_replaces_somebody_elses_file_when_a_person_says_so() -> None:
    plan = plan_on({"a": TWO}, site(), manifest({}), {"a": ONE}, overrides=Overrides(overwrite=True)).plan

    assert told(plan.actions)[0] == "update a: replaces a file that was not shipped (--overwrite)"


def test_a_directory_that_holds_somebody_elses_file_does_not_make_room() -> None:
    recorded = {"a/b": ONE}
    server = {**recorded, "a/theirs": ONE}

    plan = plan_on(server, site(), manifest(recorded), {"a": ONE}).plan

    assert f"{TARGET}/a/theirs" in plan.refusals[0]


def test_an_emptied_source_is_refused_unless_allowed() -> None:
    recorded = {"a": ONE}

    refused = plan_on(recorded, site(source="src"), manifest(recorded), {}).plan
    allowed = plan_on(recorded, site(), manifest(recorded), {}, overrides=Overrides(allow_empty=True)).plan

    (refusal,) = refused.refusals
    assert refusal.startswith("commit cccccccccc ships no file below src/: check app.source")
    assert "--allow-empty" in refusal
    assert not allowed.refusals


@pytest.mark.parametrize(
    ("limit", "deletes", "refused"),
    [
        (MaxDelete(), 5, False),
        (MaxDelete(), 6, True),
        (MaxDelete(share=0.6), 6, False),
        (MaxDelete(share=None, count=5), 6, True),
        (MaxDelete(share=None, count=6), 6, False),
        (MaxDelete(share=None, count=0), 5, False),
    ],
)
def test_more_deletes_than_plausible_are_refused_beyond_five(
    limit: MaxDelete, deletes: int, refused: bool
) -> None:
    recorded = {f"f{number}": ONE for number in range(10)}
    wanted = {path: item for path, item in recorded.items() if int(path[1:]) >= deletes}

    plan = plan_on(recorded, site(max_delete=limit), manifest(recorded), wanted).plan

    assert bool(plan.refusals) is refused
    if refused:
        assert "--max-delete 6" in plan.refusals[0]


@pytest.mark.parametrize("name", [".env", "conf/.env.production", "id_rsa", ".netrc"])
def test_a_tracked_secret_is_refused_by_name_unless_allowed(name: str) -> None:
    refused = plan_on({}, site(), manifest({}), {name: ONE}).plan
    allowed = plan_on({}, site(allow=(name,)), manifest({}), {name: ONE}).plan

    assert f'allow = ["{name}"]' in refused.refusals[0]
    assert not allowed.refusals


@pytest.mark.parametrize("name", [".env.example", ".env.sample", "environment.py", "id_rsa.pub"])
def test_a_harmless_name_is_not_taken_for_a_secret(name: str) -> None:
    assert not plan_on({}, site(), manifest({}), {name: ONE}).plan.refusals


@pytest.mark.parametrize(
    "head",
    [
        b"-----BEGIN RSA PRIVATE KEY-----\nabc\n",
        b"-----BEGIN PRIVATE KEY-----\r\nabc\r\n",
        b"certificate\n-----BEGIN EC PRIVATE KEY-----\n",
        b"-----BEGIN PGP PRIVATE KEY BLOCK-----\n",
    ],
)
def test_a_private_key_is_refused_by_content_whatever_its_name(head: bytes) -> None:
    plan = plan_on({}, site(), manifest({}), {"notes.txt": ONE}, heads={"notes.txt": head}).plan

    assert "notes.txt holds a private key" in plan.refusals[0]


def test_a_mention_of_a_private_key_is_not_one() -> None:
    head = b'if text.startswith("-----BEGIN PRIVATE KEY-----"):\n'

    assert not plan_on({}, site(), manifest({}), {"a.py": ONE}, heads={"a.py": head}).plan.refusals


def test_a_pointer_of_git_lfs_is_refused_because_its_content_is_elsewhere() -> None:
    head = b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n"

    plan = plan_on({}, site(), manifest({}), {"big.bin": ONE}, heads={"big.bin": head}).plan

    assert "Git LFS pointer" in plan.refusals[0]


def test_a_kept_file_is_given_once_and_then_left_alone() -> None:
    keeping = site(keep=("*.sqlite3",))

    given = plan_on({}, keeping, manifest({}), {"db.sqlite3": ONE}).plan
    left = plan_on(
        {"db.sqlite3": TWO}, keeping, manifest({"db.sqlite3": ONE}), {"db.sqlite3": entry("3")}
    ).plan

    assert [action.kind for action in given.actions] == ["create", "reload"]
    assert not left.actions
    assert left.notes[0].reason == "keep: left as it is on the server"


def test_a_mirror_deletes_what_the_commit_does_not_ship_but_not_what_python_wrote() -> None:
    server = {"a": ONE, "old": ONE, "__pycache__/a.pyc": ONE, "media/x": ONE}

    plan = plan_on(server, site(prune="all", keep=("media/",)), manifest({"a": ONE}), {"a": TWO}).plan

    assert [action.subject for action in plan.actions if action.kind == "delete"] == [f"{TARGET}/old"]


MAPPING = StaticMapping(url="/static/", path=f"{TARGET}/static")
NIGHTLY = ScheduledTask(name="nightly", command="x", interval="daily", hour=4, minute=10)


def wanting(**settings: object) -> Site:
    return replace(site(), **settings)  # type: ignore[arg-type]


def test_settings_that_equal_what_was_recorded_are_not_even_in_doubt() -> None:
    wanted = wanting(static=(MAPPING,), tasks=(NIGHTLY,))
    applied = AppliedSettings(
        webapp=wanted.webapp,
        static=(Applied(id=1, thing=MAPPING),),
        tasks=(Applied(id=2, thing=NIGHTLY),),
        wsgi="w",
    )

    doubt = in_doubt(wanted, manifest({}, settings=applied), "w")

    assert doubt == InDoubt()


def test_a_missing_web_app_is_created_configured_and_given_its_wsgi_file() -> None:
    wanted = wanting(
        webapp=WebAppSettings(python_version="3.12", source_directory=TARGET, force_https=True),
        static=(MAPPING,),
    )

    plan = plan_on(
        {},
        wanted,
        manifest({}),
        {"a": ONE},
        doubt=EVERYTHING,
        live=LiveSettings(exists=False),
        wsgi=TWO,
    ).plan

    assert [action.kind for action in plan.actions] == [
        "create",
        "create-webapp",
        "configure-webapp",
        "create-static",
        "wsgi",
        "reload",
    ]
    configured = next(action for action in plan.actions if action.kind == "configure-webapp")
    assert configured.reason == f"wanted: source_directory = {TARGET}, force_https = True"


def test_a_wsgi_file_that_is_not_ours_is_copied_before_it_is_overwritten() -> None:
    plan = plan_on(
        {},
        site(),
        manifest({}),
        {"a": ONE},
        doubt=EVERYTHING,
        live=LiveSettings(wsgi=b"theirs"),
        wsgi=TWO,
        wsgi_digest_live="0123456789abcdef",
    ).plan

    assert [action.kind for action in plan.actions] == ["create", "keep-wsgi", "wsgi", "reload"]
    assert plan.actions[1].as_json()["subject"] == "/var/www/alice_pythonanywhere_com_wsgi.py"


def test_a_task_whose_command_changed_is_updated_and_keeps_its_id() -> None:
    changed = replace(NIGHTLY, command="y")
    applied = AppliedSettings(tasks=(Applied(id=7, thing=NIGHTLY),))

    decision = plan_on(
        {"a": ONE},
        wanting(tasks=(changed,)),
        manifest({"a": ONE}, settings=applied),
        {"a": ONE},
        doubt=InDoubt(tasks=True),
        live=LiveSettings(tasks=(Applied(id=7, thing=NIGHTLY), Applied(id=8, thing=NIGHTLY))),
    )

    assert told(decision.plan.actions) == ["update-task nightly: wanted: daily at 04:10 y"]


def test_other_peoples_mappings_and_tasks_are_never_mentioned() -> None:
    theirs = StaticMapping(url="/theirs/", path="/home/alice/x")
    task = ScheduledTask(name="", command="theirs", interval="daily", hour=1, minute=1)

    plan = plan_on(
        {"a": ONE},
        site(),
        manifest({"a": ONE}),
        {"a": ONE},
        doubt=EVERYTHING,
        live=LiveSettings(static=(Applied(id=1, thing=theirs),), tasks=(Applied(id=1, thing=task),)),
    ).plan

    assert not plan.actions


def test_a_foreign_mapping_at_the_wanted_url_is_refused_and_overwrite_takes_it_over() -> None:
    theirs = StaticMapping(url="/static", path="/home/alice/other")
    live = LiveSettings(static=(Applied(id=5, thing=theirs),))
    wanted = wanting(static=(MAPPING,))

    refused = plan_on({}, wanted, manifest({}), {"a": ONE}, doubt=EVERYTHING, live=live).plan
    taken = plan_on(
        {}, wanted, manifest({}), {"a": ONE}, doubt=EVERYTHING, live=live, overrides=Overrides(overwrite=True)
    ).plan

    assert "static mapping /static/ -> /home/alice/other (id 5) is there and not ours" in refused.refusals[0]
    assert "update-static" in taken.counts()


def test_the_cost_counts_intent_read_back_and_record() -> None:
    recorded = {f"f{number}": ONE for number in range(3)}

    plan = plan_on(recorded, site(), manifest(recorded), {**recorded, "f0": TWO}).plan

    assert dict(plan.requests) == {"files/path": 4, "webapps/{domain}/reload": 1}
    assert plan.bytes_sent == TWO.size


def test_the_time_under_the_limit_counts_whole_windows() -> None:
    wanted = {f"f{number}": ONE for number in range(78)}

    plan = plan_on({}, site(), manifest({}), wanted).plan

    assert plan.requests[Endpoint.FILES_PATH] == 81
    assert plan.seconds_under_limit(40) == 120
    assert plan.seconds_under_limit(0) == 0


def test_a_file_that_was_to_make_room_for_a_folder_goes_first_after_a_cut_too() -> None:
    """What the cut-off deployment would have created is sent again as an update then."""
    plan = plan_on({"a": ONE}, site(), manifest({"a": ONE}), {"a/b": ONE}, doubts=("a", "a/b")).plan

    assert [action.kind for action in plan.steps] == ["delete", "update"]


@pytest.mark.parametrize(("server", "expected"), [({}, ["create"]), ({"kept": TWO}, [])])
def test_a_kept_file_whose_upload_was_cut_off_is_given_unless_it_is_there(
    server: dict[str, FileEntry], expected: list[str]
) -> None:
    plan = plan_on(server, site(keep=("kept",)), manifest({}), {"kept": ONE}, doubts=("kept",)).plan

    assert [action.kind for action in plan.steps] == expected
