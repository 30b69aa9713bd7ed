"""Whatever the server holds and the commit wants: the plan gets there and harms nobody else's files."""

from hypothesis import given
from hypothesis import strategies as st

from deployer.model.files import FileEntry
from deployer.model.overrides import Overrides
from deployer.model.site import MaxDelete
from tests.planning.servers import Files, carry_out, parents, plan_on, record
from tests.planning.sites import entry, manifest, site

NAMES = st.sampled_from(["a", "b", ".h", "d e", "é"])
PATHS = st.lists(NAMES, min_size=1, max_size=3).map("/".join)
ENTRIES = st.sampled_from(["", "one", "two"]).map(entry)
ANYTHING = Overrides(allow_empty=True, max_delete=MaxDelete(share=1.0))


def possible(files: dict[str, FileEntry]) -> bool:
    """No path is both a file and a folder."""
    return not any(parent in files for path in files for parent in parents(path))


TREES = st.dictionaries(PATHS, ENTRIES, max_size=8).filter(possible)


@given(before=TREES, wanted=TREES, foreign=TREES)
def test_a_plan_that_is_not_refused_reaches_the_commit_and_leaves_foreign_files_alone(
    before: Files, wanted: Files, foreign: Files
) -> None:
    server = {**foreign, **before}
    if not possible(server):
        return
    theirs = {path: item for path, item in server.items() if path not in before}
    decision = plan_on(server, site(), manifest(before), wanted, overrides=ANYTHING)
    if decision.plan.refusals:
        clash = {*theirs} & {*wanted} or not possible({**theirs, **wanted})
        assert clash, "only somebody else's file may stop it"
        return

    after = carry_out(server, decision.plan)

    assert {**theirs, **wanted} == after


@given(before=TREES, wanted=TREES)
def test_after_a_plan_was_carried_out_the_next_one_is_empty(before: Files, wanted: Files) -> None:
    recorded = manifest(before)
    decision = plan_on(before, site(), recorded, wanted, overrides=ANYTHING)
    after = carry_out(before, decision.plan)

    again = plan_on(after, site(), record(recorded, site(), decision, wanted), wanted, overrides=ANYTHING)

    assert again.plan.is_noop, again.plan


@given(recorded=TREES, left=TREES, wanted=TREES)
def test_files_that_somebody_deleted_by_hand_come_back_where_the_listing_proves_it(
    recorded: Files, left: Files, wanted: Files
) -> None:
    server = {path: item for path, item in recorded.items() if path in left}
    decision = plan_on(server, site(), manifest(recorded), wanted, overrides=ANYTHING)

    after = carry_out(server, decision.plan)

    visible = {path: item for path, item in wanted.items() if ".h" not in path.split("/")}
    assert visible.items() <= after.items()


@given(before=TREES, wanted=TREES, foreign=TREES)
def test_a_mirror_leaves_nothing_that_the_tree_names_but_the_commit(
    before: Files, wanted: Files, foreign: Files
) -> None:
    server = {**foreign, **before}
    if not possible(server) or server.keys() == wanted.keys():
        return
    mirror = site(prune="all")
    decision = plan_on(server, mirror, manifest(before), wanted, overrides=ANYTHING)
    if decision.plan.refusals or before == wanted:
        return

    theirs = {path: item for path, item in foreign.items() if path not in before}
    hidden = {path: item for path, item in theirs.items() if ".h" in path.split("/")}
    assert carry_out(server, decision.plan) == {**hidden, **wanted}


@given(before=TREES, wanted=TREES)
def test_with_prune_never_nothing_is_deleted_and_what_is_left_is_remembered(
    before: Files, wanted: Files
) -> None:
    never = site(prune="never")
    decision = plan_on(before, never, manifest(before), wanted, overrides=ANYTHING)
    if decision.plan.refusals:
        return

    after = carry_out(before, decision.plan)

    assert after.items() >= wanted.items()
    assert set(decision.orphans) == set(after) - set(wanted)


@given(before=TREES, wanted=TREES)
def test_what_keep_names_is_never_overwritten_or_deleted(before: Files, wanted: Files) -> None:
    careful = site(keep=("a",))
    decision = plan_on(before, careful, manifest(before), wanted, overrides=ANYTHING)
    if decision.plan.refusals:
        return

    after = carry_out(before, decision.plan)

    kept = {path: item for path, item in before.items() if "a" in path.split("/")}
    assert kept.items() <= after.items()
