"""Links to shared files: made and ended through the API, opened by anybody."""

import io
import zipfile

import pytest
import requests

from tests.builders.waiting import until
from tests.sandbox.client import Client
from tests.sandbox.conftest import Start

PATH = "/home/alice/report.json"
PLACE = "files/sharing/"


def share(api: Client, path: str = PATH) -> requests.Response:
    return api.post(PLACE, json={"path": path})


def opened(api: Client, link: str) -> requests.Response:
    """As a stranger has it: without a token."""
    return requests.get(api.sandbox.url + link, timeout=10)


def link_of(response: requests.Response) -> str:
    link: str = response.json()["url"]
    return link


def test_a_path_is_shared_once_and_its_link_stays_the_same(api: Client) -> None:
    api.upload(PATH)
    first, again, shown = share(api), share(api), api.get(PLACE, params={"path": PATH})
    assert (first.status_code, again.status_code, shown.status_code) == (201, 200, 200)
    assert first.json() == again.json() == shown.json()
    assert link_of(first).startswith("/user/alice/shares/")
    assert link_of(first).endswith("/")


def test_forms_are_taken_too_and_spellings_of_one_path_are_one_share(api: Client) -> None:
    api.upload(PATH)
    first = api.post(PLACE, data={"path": PATH})
    assert (first.status_code, share(api, "//home/alice/./report.json").status_code) == (201, 200)


def test_whoever_has_the_link_downloads_what_the_file_holds_now(api: Client) -> None:
    api.upload(PATH, b"old")
    link = link_of(share(api))
    api.upload(PATH, b'{"new": 1}')
    response = opened(api, link)
    assert (response.status_code, response.content) == (200, b'{"new": 1}')
    assert response.headers["content-disposition"] == 'attachment; filename="report.json"'
    assert response.headers["content-type"] == "application/octet-stream"
    assert opened(api, link.rstrip("/")).content == response.content
    assert requests.post(api.sandbox.url + link, timeout=10).status_code == 405


def test_links_are_no_api_requests_and_survive_a_restart(start: Start) -> None:
    api = start()
    api.upload(PATH, b"x")
    link = link_of(share(api))
    api.sandbox.close()
    api = start()
    assert opened(api, link).content == b"x"
    assert api.sandbox.requests.list() == []


def test_a_link_leads_nowhere_after_unsharing_and_without_its_file(api: Client) -> None:
    api.upload(PATH)
    link = link_of(share(api))
    api.delete(f"files/path{PATH}")
    assert opened(api, link).status_code == 404
    api.upload(PATH)
    assert opened(api, link).status_code == 200
    ended = api("DELETE", PLACE, params={"path": PATH})
    assert (ended.status_code, ended.content) == (204, b"")
    assert opened(api, link).status_code == 404
    assert api.get(PLACE, params={"path": PATH}).status_code == 404
    assert link_of(share(api)) != link


def test_links_that_were_never_given_are_404(api: Client) -> None:
    for link in ("/user/alice/shares/asdf1234/", "/user/bob/shares/asdf1234/"):
        assert opened(api, link).status_code == 404


def test_a_missing_path_is_400_and_a_missing_file_404(api: Client) -> None:
    wanted = {"error": "required field (path) not found"}
    for response in (api.post(PLACE), api.post(PLACE, json={"path": ""}), api.get(PLACE), api.delete(PLACE)):
        assert (response.status_code, response.json()) == (400, wanted)
    for path in (
        "/home/alice/none",
        "/etc/passwd",
        "/home/alice/../../etc/passwd",
        "relative",
        "/" + 300 * "x",
    ):
        assert share(api, path).status_code == 404


def test_a_directory_is_shared_as_an_archive_of_its_files_without_links(api: Client) -> None:
    api.upload("/home/alice/folder/deep/a.txt", b"a")
    folder = api.sandbox.disk.real("/home/alice/folder")
    (folder / "out").symlink_to("/home/alice/README.txt")
    (folder / b"\xff".decode(errors="surrogateescape")).write_bytes(b"odd")
    response = opened(api, link_of(share(api, "/home/alice/folder/")))
    assert response.headers["content-disposition"] == 'attachment; filename="folder.zip"'
    with zipfile.ZipFile(io.BytesIO(response.content)) as archive:
        assert {name: archive.read(name) for name in archive.namelist()} == {
            "deep/a.txt": b"a",
            "\ufffd": b"odd",
        }
    assert until(lambda: not any(api.sandbox.disk.uploads.iterdir()))


def test_switch_share_directories(api: Client) -> None:
    api.sandbox.switch(share_directories="refused")
    assert share(api, "/home/alice").status_code == 400


@pytest.mark.parametrize("status", [204, 404])
def test_switch_unshare_unshared(api: Client, status: int) -> None:
    api.sandbox.switch(unshare_unshared=status)
    assert api("DELETE", PLACE, params={"path": PATH}).status_code == status
