"""Static mappings, as the platform's help pages describe them."""

import email.utils
import os
from pathlib import Path

import pytest

from tests.sandbox.hosting.account import SiteOfAlice

STATIC = "/home/alice/static"


@pytest.fixture
def files(site: SiteOfAlice) -> SiteOfAlice:
    """A site with some files and an application that answers 418 to whatever reaches it."""
    site.write(f"{STATIC}/a.css", "a {}")
    site.write(f"{STATIC}/deep/index.html", "<p>deep")
    site.write(f"{STATIC}/bare/x.txt", "x")
    site.write(f"{STATIC}/a b%2f.txt", "odd")
    site.write("/home/alice/icon.ico", "icon")
    site.write("/home/alice/secret.txt", "secret")
    site.serve(
        """
        def application(environ, start_response):
            start_response("418 Teapot", [])
            return [b"application"]
        """,
        static_mappings=(
            ("/static/", STATIC),
            ("/media", "/home/alice/media/"),
            ("/icon.ico", "/home/alice/icon.ico"),
        ),
    )
    return site


@pytest.mark.parametrize(
    ("target", "status", "body"),
    [
        ("/static/a.css", 200, b"a {}"),
        ("/static/a.css?v=2", 200, b"a {}"),
        ("//static///a.css", 200, b"a {}"),
        ("/static/a%20b%252f.txt", 200, b"odd"),
        ("/static/deep/", 200, b"<p>deep"),
        ("/static/deep/%2e%2e/a.css", 200, b"a {}"),
        ("/icon.ico", 200, b"icon"),
        ("/static/deep", 301, None),
        ("/static/bare/", 403, None),
        ("/static/a.css/", 404, None),
        ("/static/missing", 404, None),
        ("/media/missing", 404, None),
        ("/icon.ico/below", 404, None),
        ("/static/a.css%00", 400, None),
        ("/..", 400, None),
        ("/static/%2e%2e/%2e%2e/etc/passwd", 400, None),
        ("/static/../secret.txt", 418, None),
        ("/static/%2e%2e/secret.txt", 418, None),
        ("/static/..%2fsecret.txt", 418, None),
        ("/staticfile", 418, None),
        ("/icon.icon", 418, None),
        ("/", 418, None),
    ],
)
def test_the_first_mapping_that_fits_answers(
    files: SiteOfAlice, target: str, status: int, body: bytes | None
) -> None:
    response = files.ask(target)
    assert response.status == status
    assert body is None or response.body == body


@pytest.mark.parametrize("url", ["/static", "/static/"])
@pytest.mark.parametrize("path", [STATIC, STATIC + "/"])
def test_final_slashes_do_not_matter(files: SiteOfAlice, url: str, path: str) -> None:
    files.reload(static_mappings=((url, path),))
    assert files.ask("/static/a.css").body == b"a {}"


def test_mappings_are_tried_in_order_and_a_single_file_swallows_later_ones(files: SiteOfAlice) -> None:
    files.reload(static_mappings=(("/static/", "/home/alice/icon.ico"), ("/static/deep", STATIC + "/deep")))
    assert files.ask("/static/deep/").status == 404
    files.reload(static_mappings=(("/static/deep", STATIC + "/deep"), ("/static/", "/home/alice/icon.ico")))
    assert files.ask("/static/deep/").body == b"<p>deep"


def test_a_mapping_of_the_root_is_a_whole_static_site(files: SiteOfAlice) -> None:
    files.reload(static_mappings=(("/", STATIC + "/deep"),))
    assert files.ask("/").body == b"<p>deep"
    assert files.ask("/nothing").status == 404


def test_a_mapping_shows_only_after_the_reload(files: SiteOfAlice) -> None:
    files.reload(static_mappings=())
    assert files.ask("/static/a.css").status == 418


def test_links_are_followed_within_the_account_only(files: SiteOfAlice, tmp_path: Path) -> None:
    outside = tmp_path / "outside.txt"
    outside.write_text("outside")
    static = files.disk.real(STATIC)
    (static / "out").symlink_to(outside)
    (static / "out-directory").symlink_to(tmp_path)
    (static / "in").symlink_to("/home/alice/secret.txt")
    assert files.ask("/static/out").status == 404
    assert files.ask("/static/out-directory/outside.txt").status == 404
    assert files.ask("/static/in").body == b"secret"


def test_a_mapping_out_of_the_account_serves_nothing(files: SiteOfAlice) -> None:
    files.reload(static_mappings=(("/etc", "/etc"), ("/rel", "static")))
    assert files.ask("/etc/passwd").status == 404
    assert files.ask("/rel/a.css").status == 404


def test_a_pipe_is_no_file(files: SiteOfAlice) -> None:
    os.mkfifo(files.disk.real(STATIC) / "pipe")
    assert files.ask("/static/pipe").status == 404


def test_a_file_that_was_seen_is_not_sent_again(files: SiteOfAlice) -> None:
    os.utime(files.disk.real(STATIC + "/a.css"), (1e9, 1e9))
    seen = dict(files.ask("/static/a.css").headers)["Last-Modified"]
    assert seen == email.utils.formatdate(1e9, usegmt=True)
    again = files.ask("/static/a.css", If_Modified_Since=seen)
    assert (again.status, again.body) == (304, b"")
    earlier = email.utils.formatdate(1e9 - 1, usegmt=True)
    assert files.ask("/static/a.css", If_Modified_Since=earlier).status == 200
    assert files.ask("/static/a.css", If_Modified_Since="yesterday").status == 200


def test_head_tells_the_size_and_sends_nothing(files: SiteOfAlice) -> None:
    response = files.ask("/static/a.css", method="HEAD")
    assert (dict(response.headers)["Content-Length"], response.body) == ("4", b"")


def test_files_can_only_be_read(files: SiteOfAlice) -> None:
    assert files.ask("/static/a.css", method="POST").status == 405


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("x.css", "text/css"),
        ("x.html", "text/html"),
        ("x.png", "image/png"),
        ("x.json", "application/json"),
        ("x.tar.gz", "application/gzip"),
        ("x", "application/octet-stream"),
    ],
)
def test_the_name_gives_the_type(files: SiteOfAlice, name: str, kind: str) -> None:
    files.write(f"{STATIC}/{name}", "")
    assert dict(files.ask(f"/static/{name}").headers)["Content-Type"] == kind


def test_force_https_redirects_what_came_by_http(files: SiteOfAlice) -> None:
    files.reload(force_https=True)
    response = files.ask("/static/a.css?q", X_Forwarded_Proto="http")
    assert response.status == 301
    assert dict(response.headers)["Location"] == "https://alice.pythonanywhere.com/static/a.css?q"
    assert files.ask("/static/a.css").status == 200
    files.reload(force_https=False)
    assert files.ask("/static/a.css", X_Forwarded_Proto="http").status == 200


def test_the_access_log_tells_of_files_too(files: SiteOfAlice) -> None:
    files.ask("/static/a.css")
    assert '"GET /static/a.css HTTP/1.1" 200 4 ' in files.log("access")
