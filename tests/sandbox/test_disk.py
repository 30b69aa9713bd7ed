"""No path whatever leads out of the account's directories."""

import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from deployer.sandbox.disk import AccountDisk, OutsideAccountError, QuotaExceededError
from tests.sandbox.client import Client
from tests.sandbox.conftest import Start

NAMES = st.sampled_from(
    ["..", ".", "", "home", "alice", "var", "www", "tmp", "etc", "up", "root", "a b", "\0"]
)
PATHS = st.lists(NAMES, max_size=12).map("/".join)


@pytest.fixture
def disk(tmp_path: Path) -> AccountDisk:
    """With links that try to lead out, absolutely and relatively."""
    disk = AccountDisk(tmp_path / "data", "alice")
    (disk.real("/home/alice") / "up").symlink_to("../../..")
    (disk.real("/tmp") / "root").symlink_to("/")
    return disk


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300)
@given(path=PATHS.map(lambda path: f"/{path}"))
def test_a_path_is_below_the_accounts_directories_or_refused(disk: AccountDisk, path: str) -> None:
    try:
        real = disk.real(path)
    except OutsideAccountError:
        return
    assert disk.reachable(disk.account_path(real))
    assert real.resolve() == real


@pytest.mark.parametrize("path", ["home/alice", "", "~", "./tmp"])
def test_a_relative_path_is_refused(disk: AccountDisk, path: str) -> None:
    with pytest.raises(OutsideAccountError):
        disk.real(path)


def test_the_last_link_can_be_meant_itself(disk: AccountDisk) -> None:
    assert disk.real("/home/alice/up", follow=False).is_symlink()


def test_an_absolute_link_means_the_accounts_path(disk: AccountDisk) -> None:
    home = disk.real("/home/alice")
    (home / "logs").symlink_to("/var/log")
    assert disk.real("/home/alice/logs/x") == disk.data / "var/log/x"


def test_the_count_is_the_same_after_a_restart(disk: AccountDisk) -> None:
    disk.write("/home/alice/a", b"x" * 100)
    disk.write("/tmp/b", b"x" * 50)
    assert AccountDisk(disk.data, "alice").used_bytes == disk.used_bytes


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    disk = AccountDisk(tmp_path, "alice", quota_bytes=5000)
    with pytest.raises(QuotaExceededError):
        disk.write("/tmp/b", b"x" * 5000)
    assert not disk.real("/tmp/b").exists()


def test_uploads_at_the_same_time_are_all_counted(start: Start) -> None:
    api = start()
    before = api.sandbox.disk.used_bytes

    def upload(part: int) -> None:
        client = Client(api.sandbox)
        for number in range(4):
            client.upload(f"/home/alice/{part}/{number}", b"x" * 1000)
        client.session.close()

    threads = [threading.Thread(target=upload, args=(part,)) for part in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert api.sandbox.disk.used_bytes == before + 32_000
