"""One deployment after another on a real sandbox: what arrives, what it costs, what is left alone."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from deployer.errors import ApiError, NeedsPerson, Refused
from deployer.model.deployment import Status
from deployer.model.overrides import Overrides
from deployer.model.site import FileRules, ScheduledTask, StaticMapping
from deployer.sandbox import Effect, Fault, Switches
from tests.deployment.stage import WSGI, Stage, stage
from tests.deployment.worlds import named


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Stage]:
    with stage(tmp_path, wsgi="wsgi.py") as opened:
        yield opened


def test_a_first_deployment_makes_the_site_live(place: Stage) -> None:
    commit = place.repo.commit({"wsgi.py": WSGI, "a/b c.txt": "x", ".htaccess": "h", "é#?%&+.bin": b"\0\1"})

    outcome = place.sync()

    assert outcome.deployment.status is Status.LIVE
    assert outcome.answer is not None
    assert outcome.answer.status == 200
    assert place.on_disk() == {
        ".htaccess": b"h",
        "a/b c.txt": b"x",
        "wsgi.py": WSGI.encode(),
        "é#?%&+.bin": b"\0\1",
    }
    manifest = place.manifest()
    assert manifest.live is not None
    assert manifest.live.commit == manifest.commit == commit


def test_nothing_changed_costs_two_requests_and_writes_nothing(place: Stage) -> None:
    place.repo.commit({"wsgi.py": WSGI, "a": "x"})
    place.sync()

    with place.counted() as requests:
        outcome = place.sync()

    assert outcome.deployment.status is Status.UNCHANGED
    assert requests == {"GET files/path{path}": 1, "GET files/tree/": 1}


def test_one_changed_file_costs_seven_requests(place: Stage) -> None:
    place.repo.commit({"wsgi.py": WSGI, "a": "x"})
    place.sync()
    place.repo.commit({"a": "y"})

    with place.counted() as requests:
        place.sync()

    assert sum(requests.values()) == 7
    assert place.on_disk()["a"] == b"y"


def test_one_deleted_file_costs_no_more_and_only_it_goes(place: Stage) -> None:
    place.repo.commit({"wsgi.py": WSGI, "a": "x", "b": "x"})
    place.sync()
    place.put("theirs", "t")
    place.repo.commit({"a": None})

    with place.counted() as requests:
        place.sync()

    assert sum(requests.values()) == 7
    assert set(place.on_disk()) == {"wsgi.py", "b", "theirs"}


def test_settings_that_did_not_change_are_not_asked_for(place: Stage) -> None:
    task = ScheduledTask(name="n", command="true", interval="daily", hour=4, minute=10)
    mapping = StaticMapping(url="/static/", path="/home/alice/mysite/static")
    place.change_site(static=(mapping,), tasks=(task,))
    place.repo.commit({"wsgi.py": WSGI, "static/s.css": "s"})
    place.sync()
    place.repo.commit({"static/s.css": "t"})

    with place.counted() as requests:
        place.sync()

    assert requests == {
        "GET files/path{path}": 2,
        "GET files/tree/": 1,
        "POST files/path{path}": 3,
        "POST webapps/{domain}/reload/": 1,
    }


def test_a_lost_state_folder_costs_nothing_because_the_server_holds_the_record(place: Stage) -> None:
    place.repo.commit({"wsgi.py": WSGI, "a": "x", "b": "x"})
    place.sync()
    place.repo.commit({"a": "y"})
    place.state = "another-machine"

    outcome = place.sync()

    assert outcome.plan.counts() == {"update": 1, "reload": 1}


def test_a_commit_that_ships_the_same_files_is_recorded_without_touching_the_site(tmp_path: Path) -> None:
    with stage(tmp_path, files=FileRules(exclude=("*.md",)), wsgi="wsgi.py") as place:
        place.repo.commit({"wsgi.py": WSGI, "README.md": "x"})
        place.sync()
        commit = place.repo.commit({"README.md": "y"})

        with place.counted() as requests:
            outcome = place.sync()

        assert outcome.plan.actions == ()
        assert requests == {"GET files/path{path}": 1, "GET files/tree/": 1, "POST files/path{path}": 1}
        assert place.manifest().commit == commit


def test_what_the_site_wrote_itself_survives_every_sync(place: Stage) -> None:
    place.repo.commit({"wsgi.py": WSGI, "a": "x", "media/logo": "x"})
    place.sync()
    own = {"media/upload.png": "p", "db.sqlite3": "d", ".env": "SECRET=1"}
    for path, content in own.items():
        place.put(path, content)

    place.repo.commit({"a": None, "media/logo": None, "b": "y"})
    place.sync()
    place.repo.commit({"c": "y"})
    place.sync()

    assert {path: content.encode() for path, content in own.items()}.items() <= place.on_disk().items()


def test_a_file_in_the_way_is_refused_and_nothing_is_written(place: Stage) -> None:
    place.repo.commit({"wsgi.py": WSGI})
    place.sync()
    place.put(".env.example", "mine")
    place.repo.commit({".env.example": "theirs"})

    with place.counted() as requests, pytest.raises(Refused, match=r"\.env\.example"):
        place.sync()

    assert not [request for request in requests if not request.startswith("GET")]
    assert place.on_disk()[".env.example"] == b"mine"


def test_a_link_that_somebody_placed_is_found_before_a_file_is_sent_through_it(place: Stage) -> None:
    place.repo.commit({"wsgi.py": WSGI})
    place.sync()
    precious = place.sandbox.disk.real("/home/alice/precious.txt")
    precious.write_text("precious")
    (place.target / "notes.txt").symlink_to(precious)
    place.repo.commit({"notes.txt": "new"})

    with pytest.raises(Refused, match=r"notes\.txt"):
        place.sync()

    assert precious.read_text() == "precious"


def test_a_lost_record_is_made_again_by_comparing_and_sends_nothing_that_is_right(place: Stage) -> None:
    place.repo.commit({"wsgi.py": WSGI, "a": "x", ".h": "y"})
    place.sync()
    place.sandbox.disk.real(place.site.manifest_path).unlink()

    outcome = place.sync()

    assert outcome.plan.counts() == {"reload": 1}
    assert {note.reason for note in outcome.plan.notes} == {"was there already with this content; ours now"}


def test_a_damaged_record_is_an_error_that_names_it(place: Stage) -> None:
    place.repo.commit({"wsgi.py": WSGI})
    place.sync()
    place.sandbox.disk.real(place.site.manifest_path).write_text("{")

    with pytest.raises(NeedsPerson, match=r"manifest\.json is not a record"):
        place.sync()


def test_a_file_that_becomes_a_folder_and_a_folder_that_becomes_a_file_change_places(place: Stage) -> None:
    place.repo.commit({"wsgi.py": WSGI, "one": "x", "two/a": "x", "two/deep/b": "x"})
    place.sync()
    place.repo.commit({"one": None, "two": None})
    place.repo.commit({"one/inner": "y", "two": "y"})

    place.sync()

    assert place.on_disk() == {"wsgi.py": WSGI.encode(), "one/inner": b"y", "two": b"y"}


def test_a_task_of_somebody_else_is_never_touched_and_ours_follows_the_configuration(tmp_path: Path) -> None:
    nightly = ScheduledTask(name="nightly", command="echo 1", interval="daily", hour=4, minute=10)
    with stage(tmp_path, wsgi="wsgi.py", plan="paid", tasks=(nightly,)) as place:
        with place.work() as work:
            foreign = work.api.schedule.create(command="theirs", interval="daily", hour=1, minute=2)
        place.repo.commit({"wsgi.py": WSGI})
        place.sync()
        ours = place.manifest().settings.tasks[0].id

        place.change_site(tasks=(replace(nightly, command="echo 2", interval="hourly", hour=None),))
        place.sync()
        with place.work() as work:
            changed = {task.id: (task.command, task.interval) for task in work.api.schedule.list()}
        place.change_site(tasks=())
        place.sync()
        with place.work() as work:
            left = [task.id for task in work.api.schedule.list()]

    assert changed == {foreign.id: ("theirs", "daily"), ours: ("echo 2", "hourly")}
    assert left == [foreign.id]


def test_mappings_follow_the_configuration_and_foreign_ones_stay(place: Stage) -> None:
    static = StaticMapping(url="/static/", path="/home/alice/mysite/static")
    place.repo.commit({"wsgi.py": WSGI, "static/a.txt": "a"})
    place.sync()
    with place.work() as work:
        foreign = work.api.static_files.create(place.site.domain, url="/theirs/", path="/home/alice")

    place.change_site(static=(static,))
    place.sync()
    place.change_site(static=(replace(static, path="/home/alice/mysite"),))
    place.sync()
    with place.work() as work:
        moved = {item.url: item.path for item in work.api.static_files.list(place.site.domain)}
    place.change_site(static=())
    place.sync()
    with place.work() as work:
        left = [item.id for item in work.api.static_files.list(place.site.domain)]

    assert moved == {"/theirs/": "/home/alice", "/static/": "/home/alice/mysite"}
    assert left == [foreign.id]


def test_a_web_app_that_is_there_is_configured_and_its_own_wsgi_file_is_kept_as_a_copy(place: Stage) -> None:
    with place.work() as work:
        work.api.webapps.create(place.site.domain, "3.11")
    by_hand = place.sandbox.disk.real(place.site.wsgi_path)
    by_hand.write_text("# made by hand\n")
    place.repo.commit({"wsgi.py": WSGI})

    place.sync()

    copies = list(place.sandbox.disk.real(place.site.record_directory).glob("wsgi-before-*.py"))
    assert [copy.read_text() for copy in copies] == ["# made by hand\n"]
    assert by_hand.read_text() == WSGI


def test_more_files_than_a_listing_shows_converge_and_a_deletion_deletes_just_what_went(place: Stage) -> None:
    files = {f"d{number % 30:02}/f{number:04}": f"{number}" for number in range(1500)}
    place.repo.commit({"wsgi.py": WSGI, **files})
    place.sync()
    place.put("d00/theirs", "t")
    gone = ["d00/f0000", "d29/f1499"]
    place.repo.commit(dict.fromkeys(gone))

    outcome = place.sync()
    with place.counted() as requests:
        place.sync()

    wanted = {path for path in files if path not in gone} | {"wsgi.py", "d00/theirs"}
    assert set(place.on_disk()) == wanted
    assert outcome.plan.counts() == {"delete": 2, "reload": 1}
    assert sum(requests.values()) == 2


@pytest.mark.parametrize(
    "answers",
    [
        {"tree_depth": "two-levels"},
        {"tree_entries": "all", "tree_order": "shuffled"},
        {"tree_limit": 3},
        {"missing_webapp": 404, "webapp_create_status": 200},
        {"directory_links": "symlink"},
        {"wsgi_upload": "nothing", "upload_write": "torn"},
    ],
    ids=named,
)
def test_whichever_way_the_platform_answers_its_open_questions_the_site_gets_there(
    tmp_path: Path, answers: dict[str, Any]
) -> None:
    with stage(tmp_path, wsgi="wsgi.py", switches=Switches(rate_limit="off", **answers)) as place:
        place.repo.commit({"wsgi.py": WSGI, "a/b/c/d": "x", "a/b/e": "x", ".h/i": "x", "f": "x"})
        place.sync()
        place.put("a/b/theirs", "t")
        place.repo.commit({"a/b/c/d": "y", "a/b/e": None, ".h/i": None, ".h/j": "n", "f": None})
        place.repo.commit({"f/g": "n", "a/new": "n"})
        place.sync()
        with place.counted() as requests:
            again = place.sync()

        assert place.on_disk() == {
            "wsgi.py": WSGI.encode(),
            "a/b/c/d": b"y",
            "a/b/theirs": b"t",
            ".h/j": b"n",
            "f/g": b"n",
            "a/new": b"n",
        }
        assert again.deployment.status is Status.UNCHANGED
        assert all(request.startswith("GET") for request in requests)
        # A tree that is cut where nobody said makes the client look closer, at a price.
        assert sum(requests.values()) == 2 or "tree_limit" in answers


def test_a_moved_target_is_filled_anew_and_the_old_one_is_left_alone(place: Stage) -> None:
    place.repo.commit({"wsgi.py": WSGI, "a": "x"})
    place.sync()
    old = place.on_disk()
    place.change_site(target="/home/alice/elsewhere")

    with pytest.raises(Refused, match="if this is the right repository and the site shall move"):
        place.sync()
    outcome = place.sync(overrides=Overrides(overwrite=True, move=True))

    assert place.on_disk() == old
    assert [note.subject for note in outcome.plan.notes] == ["/home/alice/mysite"]
    assert place.sandbox.disk.real("/home/alice/mysite/a").exists()
    assert place.sync().deployment.status is Status.UNCHANGED


def test_what_prune_never_left_behind_goes_when_pruning_is_wanted_again(tmp_path: Path) -> None:
    with stage(tmp_path, files=FileRules(prune="never"), wsgi="wsgi.py") as place:
        place.repo.commit({"wsgi.py": WSGI, "a": "x", ".h": "x"})
        place.sync()
        place.repo.commit({"a": None, ".h": None})
        place.sync()
        left = set(place.on_disk())
        place.change_site(files=FileRules())
        place.sync()

        assert left == {"wsgi.py", "a", ".h"}
        assert set(place.on_disk()) == {"wsgi.py"}


def test_a_record_that_cannot_be_written_at_the_end_is_written_by_the_next_run(place: Stage) -> None:
    place.repo.commit({"wsgi.py": WSGI, "a": "x"})
    place.sync()
    place.repo.commit({"a": "y"})
    place.sandbox.faults.add(
        Fault(effect=Effect(kind="status", status=400), method="POST", path="manifest", after=1)
    )
    with pytest.raises(ApiError, match="400") as failure:
        place.sync()
    place.sandbox.faults.clear()

    again = place.sync()

    assert "only the record of that is missing" in failure.value.left
    assert again.plan.counts() == {"reload": 1}
    assert again.deployment.status is Status.LIVE


def test_a_folder_that_deletions_left_empty_makes_room_for_a_file_of_its_name(place: Stage) -> None:
    place.repo.commit({"wsgi.py": WSGI, "docs/deep/a": "x"})
    place.sync()
    place.repo.commit({"docs": None})
    place.sync()
    place.repo.commit({"docs": "now a file"})

    place.sync()

    assert place.on_disk()["docs"] == b"now a file"


def test_a_mirror_never_follows_a_link_out_of_the_target(tmp_path: Path) -> None:
    with stage(tmp_path, files=FileRules(prune="all"), wsgi="wsgi.py") as place:
        place.repo.commit({"wsgi.py": WSGI})
        place.sync()
        precious = place.sandbox.disk.real("/home/alice/precious")
        precious.mkdir()
        (precious / "db.sqlite3").write_text("precious")
        (place.target / "media").symlink_to(precious)
        (place.target / "loop").symlink_to(place.target)
        place.put("extra", "x")
        place.repo.commit({"a": "x"})

        place.sync()

        assert (precious / "db.sqlite3").read_text() == "precious"
        assert not (place.target / "extra").exists()


def test_a_mirror_deletes_nothing_where_the_platform_shows_links_like_folders(tmp_path: Path) -> None:
    switches = Switches(rate_limit="off", tree_entries="all")
    with stage(tmp_path, files=FileRules(prune="all"), wsgi="wsgi.py", switches=switches) as place:
        place.repo.commit({"wsgi.py": WSGI})
        place.sync()
        place.put("extra", "x")
        place.repo.commit({"a": "x"})

        outcome = place.sync()

        assert (place.target / "extra").exists()
        assert "must not follow" in outcome.plan.notes[0].reason


def test_a_task_that_only_looks_alike_is_another_sites_and_stays(tmp_path: Path) -> None:
    nightly = ScheduledTask(name="nightly", command="x", interval="daily", hour=4, minute=10)
    with stage(tmp_path, wsgi="wsgi.py", plan="paid", tasks=(nightly,)) as place:
        with place.work() as work:
            others = work.api.schedule.create(
                command="x", interval="daily", hour=4, minute=10, description="nightly (www.example.org)"
            )
        place.repo.commit({"wsgi.py": WSGI})
        place.sync()
        place.change_site(tasks=())
        place.sync()

        with place.work() as work:
            assert [task.id for task in work.api.schedule.list()] == [others.id]


def test_a_task_with_our_label_is_ours_even_when_its_id_was_never_recorded(tmp_path: Path) -> None:
    nightly = ScheduledTask(name="nightly", command="x", interval="daily", hour=4, minute=10)
    with stage(tmp_path, wsgi="wsgi.py", plan="paid", tasks=(nightly,)) as place:
        place.repo.commit({"wsgi.py": WSGI})
        place.sync()
        place.sandbox.disk.real(place.site.manifest_path).unlink()
        place.change_site(tasks=(replace(nightly, command="y"),))

        place.sync()

        with place.work() as work:
            assert [task.command for task in work.api.schedule.list()] == ["y"]


def test_a_file_that_was_kept_and_is_not_any_more_is_brought_up_to_date(place: Stage) -> None:
    place.repo.commit({"wsgi.py": WSGI, "data.json": "1"})
    place.sync()
    place.change_site(files=FileRules(keep=("data.json",)))
    place.repo.commit({"data.json": "2"})
    place.sync()
    kept = place.on_disk()["data.json"]
    again = place.sync()
    place.change_site(files=FileRules())

    place.sync()

    assert kept == b"1"
    assert again.deployment.status is Status.UNCHANGED
    assert place.on_disk()["data.json"] == b"2"


def test_a_file_that_prune_never_left_behind_may_be_shipped_again(tmp_path: Path) -> None:
    with stage(tmp_path, files=FileRules(prune="never"), wsgi="wsgi.py") as place:
        place.repo.commit({"wsgi.py": WSGI, "a": "x"})
        place.sync()
        place.repo.commit({"a": None})
        place.sync()
        place.repo.commit({"a": "y"})

        place.sync()

        assert place.on_disk()["a"] == b"y"
