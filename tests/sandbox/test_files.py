"""Uploading, downloading, listing and deleting, and every open question about them."""

import gzip
import os
import socket
from pathlib import Path
from urllib.parse import quote

import pytest

from deployer.sandbox.switches import Switches
from tests.sandbox.client import DOMAIN, Client
from tests.sandbox.conftest import Start

HOME = "/home/alice"
NOTHING = f"No such file or directory: {HOME}/nothing"


def real(api: Client, path: str) -> Path:
    return api.sandbox.disk.real(path)


def tree(api: Client, path: str = HOME) -> list[str]:
    response = api.get("files/tree/", params={"path": path})
    assert response.status_code == 200
    listed: list[str] = response.json()
    return listed


def test_a_new_home_holds_what_the_platform_puts_there(api: Client) -> None:
    assert list(api.get(f"files/path{HOME}/").json()) == [
        ".bashrc", ".gitconfig", ".ipython", ".local", ".profile", ".pythonstartup.py", ".vimrc", "README.txt"
    ]  # fmt: skip


def test_an_upload_is_201_then_200_and_makes_the_directories(api: Client) -> None:
    assert api.upload(f"{HOME}/new/deep/a", b"one").status_code == 201
    again = api.upload(f"{HOME}/new/deep/a", b"\0two\xff")
    assert (again.status_code, again.content) == (200, b"")
    file = real(api, f"{HOME}/new/deep/a")
    assert file.read_bytes() == b"\0two\xff"
    assert file.stat().st_mode & 0o777 == 0o664


def test_a_download_is_the_bytes_as_octet_stream_whatever_the_name(api: Client) -> None:
    data = gzip.compress(os.urandom(700_000))  # more than is sent in one piece
    api.upload(f"{HOME}/a.json", data)
    response = api.get(f"files/path{HOME}/a.json")
    assert response.content == data
    assert response.headers["Content-Type"] == "application/octet-stream; charset=utf-8"


def test_an_empty_file_can_be_uploaded(api: Client) -> None:
    assert api.upload(f"{HOME}/empty", b"").status_code == 201
    assert api.get(f"files/path{HOME}/empty").content == b""


@pytest.mark.parametrize("name", ["a b", "a?b", "a#b", "a%2Fb", "100%", "é日本", "a+b&c", "'\"", "a\nb"])
def test_any_name_survives_the_round_trip_when_it_is_quoted(api: Client, name: str) -> None:
    assert api.upload(f"{HOME}/d/{quote(name)}", b"x").status_code == 201
    assert (real(api, f"{HOME}/d") / name).read_bytes() == b"x"
    listing = api.get(f"files/path{HOME}/d").json()
    assert list(listing) == [name]
    assert api.session.get(listing[name]["url"]).content == b"x"


@pytest.mark.parametrize(
    "body",
    [
        {"files": {"content": (None, b"x")}},  # no file name: a text field
        {"files": {"other": ("a", b"x")}},
        {"data": {"content": "x"}},
        {"json": {"content": "x"}},
        {},
    ],
)
def test_without_a_file_named_content_an_upload_is_400(api: Client, body: dict[str, object]) -> None:
    response = api("POST", f"files/path{HOME}/a", **body)
    assert response.status_code == 400
    assert response.json() == {"detail": "You must provide a file with the name 'content'."}
    assert not real(api, f"{HOME}/a").exists()


@pytest.mark.parametrize("path", [f"/{HOME}/README.txt", f"{HOME}//README.txt", f"{HOME}/README.txt/"])
def test_doubled_and_final_slashes_are_tolerated(api: Client, path: str) -> None:
    assert api.get(f"files/path{path}").content.startswith(b"This is the home directory")


def test_a_directory_lists_one_level_with_types_and_urls(api: Client) -> None:
    api.upload(f"{HOME}/d/.hidden")
    api.upload(f"{HOME}/d/sub/x")
    (real(api, f"{HOME}/d") / "link").symlink_to("sub")
    response = api.get(f"files/path{HOME}/d")
    assert response.headers["Content-Type"] == "application/json"
    url = f"{api.base}files/path{HOME}/d"
    assert response.json() == {
        ".hidden": {"type": "file", "url": f"{url}/.hidden"},
        "link": {"type": "directory", "url": f"{url}/link"},
        "sub": {"type": "directory", "url": f"{url}/sub"},
    }
    api.sandbox.switch(directory_links="symlink", directory_limit=2)
    assert {name: each["type"] for name, each in api.get(f"files/path{HOME}/d").json().items()} == {
        ".hidden": "file",
        "link": "symlink",
    }


def test_deleting_the_last_file_leaves_an_empty_directory(api: Client) -> None:
    api.upload(f"{HOME}/d/x")
    assert api.delete(f"files/path{HOME}/d/x").status_code == 204
    assert api.get(f"files/path{HOME}/d").json() == {}
    assert tree(api, f"{HOME}/d") == []


def test_missing_paths_are_404_in_the_words_of_each_method(api: Client) -> None:
    download = api.get(f"files/path{HOME}/nothing")
    assert (download.status_code, download.json()) == (404, {"detail": NOTHING})
    deletion = api.delete(f"files/path{HOME}/nothing")
    assert deletion.status_code == 404
    assert deletion.json() == {"message": "File does not exist", "code": "not_found"}


def test_a_directory_is_deleted_with_everything_but_not_what_a_link_points_to(api: Client) -> None:
    api.upload(f"{HOME}/kept/x")
    api.upload(f"{HOME}/d/deep/y")
    (real(api, f"{HOME}/d") / "link").symlink_to("../kept")
    assert api.delete(f"files/path{HOME}/d/").status_code == 204
    assert api.delete(f"files/path{HOME}/d/").status_code == 404
    assert real(api, f"{HOME}/kept/x").exists()


@pytest.mark.parametrize("path", [HOME, f"{HOME}/", "/tmp", "/var/www", "/var/log"])
def test_the_accounts_own_directories_cannot_be_deleted(api: Client, path: str) -> None:
    response = api.delete(f"files/path{path}")
    assert response.status_code == 403
    assert response.json() == {"message": "You do not have permission to delete this", "code": "forbidden"}


OUTSIDE = ["/etc/passwd", "/home/bob/x", "/home/alicex", "/", f"{HOME}/%2e%2e/%2e%2e/%2e%2e/etc/passwd"]


@pytest.mark.parametrize("path", OUTSIDE)
def test_nothing_outside_the_account_can_be_read_written_or_deleted(api: Client, path: str) -> None:
    assert api.get(f"files/path{path}").status_code == 404
    assert api.delete(f"files/path{path}").status_code == 404
    upload = api.upload(path)
    assert upload.status_code == 403
    assert upload.json() == {"detail": "You do not have permission to perform this action."}
    assert api.get("files/tree/", params={"path": path}).status_code == 400


def test_links_are_followed_as_the_account_sees_them_and_not_out_of_it(api: Client) -> None:
    home = real(api, HOME)
    (home / "out").symlink_to("/etc")
    (home / "up").symlink_to("../../../../../../../../etc")
    (home / "loop").symlink_to("loop")
    (home / "in").symlink_to(f"{HOME}/README.txt")
    for name in ("out/passwd", "up/passwd", "loop"):
        assert api.get(f"files/path{HOME}/{name}").status_code == 404
        assert api.upload(f"{HOME}/{name}").status_code == 403
    assert api.get(f"files/path{HOME}/in").status_code == 200
    assert api.get(f"files/path{HOME}").json()["out"]["type"] == "file"


def test_names_that_no_disk_can_hold_are_refused_politely(api: Client) -> None:
    for name in ("x" * 300, "a%00b"):
        assert api.get(f"files/path{HOME}/{name}").status_code == 404
        assert api.upload(f"{HOME}/{name}").status_code in {400, 403}
        assert api.delete(f"files/path{HOME}/{name}").status_code == 404


def test_an_upload_that_breaks_off_changes_nothing(api: Client) -> None:
    api.upload(f"{HOME}/a", b"old")
    body = b'--b\r\nContent-Disposition: form-data; name="content"; filename="a"\r\n\r\nhalf'
    head = (
        f"POST /api/v0/user/alice/files/path{HOME}/a HTTP/1.1\n"
        f"Content-Type: multipart/form-data; boundary=b\nContent-Length: {len(body) + 100}"
    )
    with api.raw(head, body) as connection:
        connection.shutdown(socket.SHUT_WR)
        while connection.recv(1000):
            pass
    assert api.get(f"files/path{HOME}/a").content == b"old"
    assert list(api.sandbox.disk.uploads.iterdir()) == []


def test_a_tree_has_parents_before_children_and_leaves_out_what_is_hidden(api: Client) -> None:
    for path in ("t/b/c/d", "t/a", "t/.env", "t/.git/x"):
        api.upload(f"{HOME}/{path}")
    (real(api, f"{HOME}/t") / "link").symlink_to("a")
    base = f"{HOME}/t"
    plain = [f"{base}/a", f"{base}/b/", f"{base}/b/c/", f"{base}/b/c/d"]
    assert tree(api, base) == tree(api, f"{base}/") == plain
    api.sandbox.switch(tree_depth="two-levels")
    assert tree(api, base) == plain[:3]
    api.sandbox.switch(tree_depth="recursive", tree_entries="all")
    assert set(tree(api, base)) - set(plain) == {
        f"{base}/.env", f"{base}/.git/", f"{base}/.git/x", f"{base}/link"
    }  # fmt: skip
    api.sandbox.switch(tree_order="shuffled")
    assert tree(api, base) != sorted(tree(api, base))


def test_a_tree_is_cut_at_1000_without_a_word(api: Client) -> None:
    directory = real(api, f"{HOME}/many")
    directory.mkdir()
    for number in range(1001):
        (directory / f"{number:04}").touch()
    assert tree(api, f"{HOME}/many") == [f"{HOME}/many/{number:04}" for number in range(1000)]
    api.sandbox.switch(tree_limit=2000)
    assert len(tree(api, f"{HOME}/many")) == 1001


@pytest.mark.parametrize(
    ("query", "body"),
    [
        (f"?path={HOME}/nothing", {"detail": f"{HOME}/nothing does not exist"}),
        (f"?path={HOME}/README.txt", {"detail": f"{HOME}/README.txt is not a directory"}),
        ("", {"path": ["This field is required."]}),
    ],
)
def test_a_tree_of_something_else_is_400(api: Client, query: str, body: object) -> None:
    response = api.get(f"files/tree/{query}")
    assert (response.status_code, response.json()) == (400, body)


def test_switch_foreign_read_and_write(start: Start) -> None:
    api = start(switches=Switches(foreign_read="forbidden", foreign_write="message"))
    assert api.get("files/path/etc/passwd").status_code == 403
    assert list(api.upload("/etc/passwd").json()) == ["message"]


def test_switch_path_decoding(api: Client) -> None:
    assert api.get(f"files/path{HOME}/README%252Etxt").status_code == 404
    api.sandbox.switch(path_decoding="twice")
    assert api.get(f"files/path{HOME}/README%252Etxt").status_code == 200


@pytest.mark.parametrize("status", [400, 409, 500])
def test_uploading_onto_a_directory_or_below_a_file_is_refused(api: Client, status: int) -> None:
    api.sandbox.switch(misplaced_upload=status)
    for path in (HOME, f"{HOME}/.local", f"{HOME}/README.txt/below"):
        response = api.upload(path)
        assert response.status_code == status
        assert path in response.json()["detail"]


def test_switch_oversized_upload(start: Start) -> None:
    api = start(max_upload_bytes=1000)
    assert api.upload(f"{HOME}/a", b"x" * 1000).status_code == 201
    for size in (1001, 200_000):  # found while reading, and by the length that is announced
        response = api.upload(f"{HOME}/a", b"y" * size)
        assert response.status_code == 413
        assert response.headers["Content-Type"].startswith("text/html")
    assert api.get(f"files/path{HOME}/a").content == b"x" * 1000
    api.sandbox.switch(oversized_upload="cut")
    with pytest.raises(OSError, match=r"Connection|reset|closed"):
        api.upload(f"{HOME}/a", b"y" * 1001)


@pytest.mark.parametrize("status", [400, 403, 500, 507])
def test_an_upload_beyond_the_quota_is_refused_and_changes_nothing(start: Start, status: int) -> None:
    api = start(disk_bytes=10_000)
    api.sandbox.switch(quota_refusal=status)
    api.upload(f"{HOME}/a", b"x" * 5000)
    response = api.upload(f"{HOME}/a", b"y" * 20_000)
    assert (response.status_code, response.json()) == (status, {"detail": "Disk quota exceeded"})
    assert api.get(f"files/path{HOME}/a").content == b"x" * 5000


def test_the_quota_counts_replacing_deleting_hard_links_and_the_sites_own_writes(start: Start) -> None:
    api = start(disk_bytes=20_000)
    disk = api.sandbox.disk
    empty = disk.used_bytes
    api.upload(f"{HOME}/a", b"x" * 5000)
    api.upload(f"{HOME}/a", b"x" * 6000)
    assert disk.used_bytes == empty + 6000
    (real(api, HOME) / "same").hardlink_to(real(api, f"{HOME}/a"))
    api.delete(f"files/path{HOME}/a")
    assert disk.used_bytes == empty + 6000
    (real(api, HOME) / "by-the-site").write_bytes(b"x" * 10_000)
    assert api.upload(f"{HOME}/b", b"x" * 15_000).status_code == 400
    assert disk.used_bytes == empty + 16_000
    (real(api, HOME) / "by-the-site").unlink()
    assert api.upload(f"{HOME}/d/b", b"x" * 10_000).status_code == 201
    api.delete(f"files/path{HOME}/d")
    api.delete(f"files/path{HOME}/same")
    assert disk.used_bytes == empty


def test_switch_quota_leaves_truncated_file(start: Start) -> None:
    api = start(disk_bytes=10_000, switches=Switches(quota_leaves="truncated-file"))
    room = 10_000 - api.sandbox.disk.used_bytes
    assert api.upload(f"{HOME}/a", b"y" * 20_000).status_code == 400
    assert api.get(f"files/path{HOME}/a").content == b"y" * room


@pytest.mark.parametrize(("answer", "seen"), [("atomic", b"old"), ("torn", b"half")])
def test_switch_upload_write(api: Client, answer: str, seen: bytes) -> None:
    api.sandbox.switch(upload_write=answer)
    api.upload(f"{HOME}/a", b"old")
    data = b'--b\r\nContent-Disposition: form-data; name="content"; filename="a"\r\n\r\nhalf'
    end = b"+rest\r\n--b--\r\n"
    head = (
        f"POST /api/v0/user/alice/files/path{HOME}/a HTTP/1.1\n"
        f"Content-Type: multipart/form-data; boundary=b\nContent-Length: {len(data) + len(end)}"
    )
    with api.raw(head, data) as connection:
        for _ in range(30):  # each of these requests gives the server a turn to read the half
            content = api.get(f"files/path{HOME}/a").content
            if content == b"half":
                break
        assert content == seen
        connection.sendall(end)
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
    assert api.get(f"files/path{HOME}/a").content == b"half+rest"
    assert api.sandbox.disk.used_bytes == sum(
        each.stat().st_size for each in real(api, HOME).rglob("*") if each.is_file()
    )


def test_logs_and_the_wsgi_file_are_ordinary_files(api: Client) -> None:
    api.create_webapp()
    assert b"application" in api.get("files/path/var/www/alice_pythonanywhere_com_wsgi.py").content
    api.upload(f"/var/log/{DOMAIN}.access.log", b"line")
    assert api.get("files/tree/?path=/var/log/").json()[0] == f"/var/log/{DOMAIN}.access.log"
    assert api.delete(f"files/path/var/log/{DOMAIN}.access.log/").status_code == 204
