"""Sites that are protected by a password, in force after a reload."""

import pytest

from tests.sandbox.client import DOMAIN, Client
from tests.sandbox.sites import APP, log, reload, serve, visit

USER, PASSWORD = "g\u00e4ste", "a:b \u20ac"
PROTECTION = {
    "password_protection_enabled": True,
    "password_protection_username": USER,
    "password_protection_password": PASSWORD,
}


@pytest.fixture
def site(api: Client) -> Client:
    serve(api)
    api.upload("/home/alice/s/a.css", b"a {}")
    api.post(f"{APP}static_files/", json={"url": "/s/", "path": "/home/alice/s"})
    api.patch(APP, json=PROTECTION)
    return api


def login(username: str, password: str) -> tuple[bytes, bytes]:
    return username.encode(), password.encode()


def test_after_a_reload_only_who_has_the_password_sees_pages_and_files(site: Client) -> None:
    assert visit(site).status_code == 200
    reload(site)
    for path, content in (("/s/a.css", b"a {}"), ("/", None)):
        kept_out = visit(site, path)
        assert kept_out.status_code == 401
        assert kept_out.headers["WWW-Authenticate"] == f'Basic realm="{DOMAIN}", charset="UTF-8"'
        let_in = visit(site, path, auth=login(USER, PASSWORD))
        assert let_in.status_code == 200
        assert content in (None, let_in.content)


def test_everything_but_the_right_credentials_is_kept_out(site: Client) -> None:
    reload(site)
    for wrong in (
        login(USER, "wrong"),
        login("wrong", PASSWORD),
        login("", ""),
        login(USER, ""),
        login(f"{USER}:a", "b \u20ac!"),
    ):
        assert visit(site, auth=wrong).status_code == 401
    for nonsense in ("Basic", "Basic !!!", "Basic dTpw", "Bearer dTpw", "Basic \xe9", "x"):
        headers = {"Authorization": nonsense.encode("latin-1")}
        assert visit(site, headers=headers).status_code == 401


def test_the_reloads_own_request_reaches_the_application(site: Client) -> None:
    reload(site)
    last = log(site, "access").splitlines()[-1]
    assert '"GET / HTTP/1.1" 200' in last
    assert last.endswith('"sandbox reload"')


def test_it_ends_with_the_reload_after_it_is_switched_off(site: Client) -> None:
    reload(site)
    site.patch(APP, data={"password_protection_enabled": "False"})
    assert visit(site).status_code == 401
    reload(site)
    assert visit(site).status_code == 200


def test_a_password_is_not_asked_for_over_http_where_https_is_forced(site: Client) -> None:
    site.patch(APP, json={"force_https": True})
    reload(site)
    assert visit(site, headers={"X-Forwarded-Proto": "http"}).status_code == 301
    assert visit(site).status_code == 401
