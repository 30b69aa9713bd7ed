"""`pa students ...`: the sandbox has no students, as an account that is no teacher's. Nothing breaks."""

from tests.vendor.clients import Pa


def test_get_and_holidays_find_none(pa: Pa) -> None:
    for said in (pa("students get", status=1), pa("students holidays", status=1)):
        assert "GET to list students failed" in said


def test_delete_is_refused(pa: Pa) -> None:
    assert "DELETE to remove student 'bob' failed, got <Response [404]>" in pa(
        "students delete", "bob", status=1
    )
