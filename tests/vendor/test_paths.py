"""`pa path ...`: files of the account, from outside."""

import json
from pathlib import Path

import pytest
import requests

from tests.sandbox.client import Client
from tests.vendor.clients import Pa

HOME = "/home/alice"


def real(api: Client, path: str) -> Path:
    return api.sandbox.disk.real(path)


def test_upload_from_a_file_from_stdin_and_again(api: Client, pa: Pa, tmp_path: Path) -> None:
    (tmp_path / "local.txt").write_text("from a file")
    path = f"{HOME}/new/there.txt"
    said = pa("path upload", path, "--contents", str(tmp_path / "local.txt"))
    assert f"Content successfully uploaded to {path}!" in said
    assert real(api, path).read_text() == "from a file"
    assert f"{path} successfully updated!" in pa("path upload", path, "-c", "-", stdin="from stdin")
    assert real(api, path).read_text() == "from stdin"


def test_upload_a_directory_with_an_empty_one_in_it(api: Client, pa: Pa, tmp_path: Path) -> None:
    local = tmp_path / "local"
    (local / "empty").mkdir(parents=True)
    (local / "deep/er").mkdir(parents=True)
    (local / "deep/er/file").write_bytes(b"\0\xff")
    said = pa("path upload", f"{HOME}/site", "-c", str(local), "--recursive")
    assert f"Contents of {local} successfully uploaded to {HOME}/site!" in said
    assert real(api, f"{HOME}/site/deep/er/file").read_bytes() == b"\0\xff"
    assert list(real(api, f"{HOME}/site/empty").iterdir()) == []


def test_upload_that_is_refused_says_why(pa: Pa) -> None:
    assert "got <Response [403]>: You do not have permission" in pa(
        "path upload", "/etc/passwd", "-c", "-", status=1, stdin="x"
    )


def test_get_prints_a_file_and_lists_a_directory(api: Client, pa: Pa) -> None:
    api.upload(f"{HOME}/hello.txt", "grüße\n".encode())
    assert pa("path get", "~/hello.txt").output == "grüße\n\n"
    listed = pa("path get", HOME).output.splitlines()
    assert listed[0] == f"{HOME}:"
    assert {"F  hello.txt", "F  .bashrc", "D  .local"} <= set(listed)
    assert "   hello.txt" in pa("path get", HOME, "--files", "--reverse", "--type").output
    assert "hello.txt" not in pa("path get", HOME, "--dirs").output
    raw = json.loads(pa("path get", HOME, "--raw").output)
    url = f"{api.sandbox.https_url}/api/v0/user/alice/files/path{HOME}/hello.txt"
    assert raw["hello.txt"] == {"type": "file", "url": url}
    missing = pa("path get", f"{HOME}/missing", status=1)
    assert f"got <Response [404]>: No such file or directory: {HOME}/missing" in missing


def test_tree_is_drawn(api: Client, pa: Pa) -> None:
    for name in ("a/b/c.txt", "z.txt"):
        api.upload(f"{HOME}/tree/{name}")
    drawn = pa("path tree", f"{HOME}/tree").output
    assert drawn.splitlines()[:2] == [f"{HOME}/tree:", "."]
    assert [line for line in drawn.splitlines()[2:] if line] == [
        "├── a/",
        "│   └── b/",
        "│       └── c.txt",
        "└── z.txt",
    ]
    assert f"{HOME}/nothing does not exist" in pa("path tree", f"{HOME}/nothing", status=1)


def test_delete_a_file_and_a_directory(api: Client, pa: Pa) -> None:
    api.upload(f"{HOME}/gone/file")
    assert f"{HOME}/gone/ deleted!" in pa("path delete", f"{HOME}/gone/")
    assert not real(api, f"{HOME}/gone").exists()
    assert "got <Response [404]>: File does not exist" in pa("path delete", f"{HOME}/gone", status=1)
    assert "got <Response [403]>: You do not have permission" in pa("path delete", HOME, status=1)


def test_share_and_unshare_a_file(api: Client, pa: Pa) -> None:
    path = f"{HOME}/README.txt"
    assert f"{path} has not been shared" in pa("path share", path, "--check", status=1)
    assert f"{path} successfully shared at {api.sandbox.https_url}/user/alice/shares/" in pa(
        "path share", path
    )
    link = pa("path share", path, "--porcelain").output.strip()
    assert f"{path} is shared at {link}" in pa("path share", path, "--check")
    assert f"{path} was already shared at {link}" in pa("path share", path)
    shared = requests.get(link, verify=str(api.sandbox.ca_file), timeout=10)
    assert shared.content == real(api, path).read_bytes()
    assert f"{path} is no longer shared!" in pa("path unshare", path)
    assert requests.get(link, verify=str(api.sandbox.ca_file), timeout=10).status_code == 404
    assert f"{path} is not being shared, no need to stop sharing..." in pa("path unshare", path)


@pytest.mark.parametrize("token", ["0" * 40, ""])
def test_a_wrong_token_is_said(pa: Pa, token: str) -> None:
    pa.environment["API_TOKEN"] = token
    assert "Authentication error 401 calling API" in pa("path tree", HOME, status=1)
