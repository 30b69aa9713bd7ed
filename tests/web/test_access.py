"""Who may act on the page, and what an attacker cannot."""

import re
import time
from typing import Any

import pytest
import requests
from hypothesis import given
from hypothesis import strategies as st

from deployer.secret import Secret
from deployer.web.access import COOKIE, SESSION_S, Access, local_path
from tests.web.conftest import Served, Showing, Visitor


def sign_in(browser: requests.Session, served: Served) -> requests.Session:
    answer = browser.post(
        f"{served.url}/login",
        data={"token": served.token, "back": "/sites/shop"},
        headers={"Origin": served.url},
        allow_redirects=False,
        timeout=10,
    )
    assert answer.status_code == 303
    return browser


def csrf(browser: requests.Session, served: Served) -> str:
    text = browser.get(f"{served.url}/sites/shop", timeout=10).text
    found = re.search(r'name="csrf" value="([0-9a-f]+)"', text)
    assert found
    return found[1]


def act(
    browser: requests.Session, served: Served, headers: dict[str, str], **fields: Any
) -> requests.Response:
    return browser.post(
        f"{served.url}/sites/shop/deploy", data=fields, headers=headers, allow_redirects=False, timeout=10
    )


def test_the_cookie_is_locked_away_and_is_not_the_token(served: Served) -> None:
    answer = requests.post(
        f"{served.url}/login",
        data={"token": served.token},
        headers={"Origin": served.url},
        allow_redirects=False,
        timeout=10,
    )

    cookie = answer.headers["set-cookie"]
    assert cookie.startswith(f"{COOKIE}=")
    assert {"HttpOnly", "SameSite=strict", "Path=/", f"Max-Age={SESSION_S}"} <= set(cookie.split("; "))
    assert "Secure" not in cookie
    assert "sesame" not in cookie


def test_the_cookie_stays_on_https_where_the_browser_came_by_https(served: Served) -> None:
    answer = requests.post(
        f"{served.url}/login",
        data={"token": served.token},
        headers={"Origin": "https://deploy.example.org", "Sec-Fetch-Site": "same-origin"},
        allow_redirects=False,
        timeout=10,
    )

    assert "; Secure" in answer.headers["set-cookie"]


def test_a_form_of_ours_acts_and_leads_back(visitor: Visitor, served: Served) -> None:
    served.stand.add("shop")
    browser = sign_in(visitor(), served)
    token = csrf(browser, served)

    answer = act(browser, served, {"Origin": served.url}, csrf=token, back="/sites/shop")

    assert answer.status_code == 303
    assert answer.headers["location"] == "/sites/shop?said=deploy"
    assert [order.sources for order in served.stand.posted] == [("command status page",)]


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
        {"Sec-Fetch-Site": "none"},
    ],
)
def test_another_site_s_form_does_nothing(visitor: Visitor, served: Served, headers: dict[str, str]) -> None:
    served.stand.add("shop")
    browser = sign_in(visitor(), served)
    token = csrf(browser, served)

    assert act(browser, served, headers, csrf=token).status_code == 403
    login = requests.post(f"{served.url}/login", data={"token": served.token}, headers=headers, timeout=10)

    assert login.status_code == 403
    assert "set-cookie" not in login.headers
    assert served.stand.posted == []


def test_a_form_without_the_session_s_own_mark_does_nothing(visitor: Visitor, served: Served) -> None:
    served.stand.add("shop")
    other = csrf(sign_in(visitor(), served), served)
    browser = sign_in(visitor(), served)

    for mark in ("", other, "x" * 64, "é"):
        assert act(browser, served, {"Origin": served.url}, csrf=mark).status_code == 403
    assert act(visitor(), served, {"Origin": served.url}, csrf=other).status_code == 403
    assert served.stand.posted == []


def test_a_session_that_was_changed_or_is_old_is_none(
    visitor: Visitor, served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    served.stand.add("shop")
    browser = sign_in(visitor(), served)
    value = browser.cookies[COOKIE]
    expires, nonce, signature = value.split(".")
    for forged in (f"{int(expires) + 1}.{nonce}.{signature}", f"{expires}.{nonce}.{'0' * 64}", "..", ""):
        text = requests.get(f"{served.url}/sites/shop", cookies={COOKIE: forged}, timeout=10).text
        assert "Sign out" not in text
    assert "Sign out" in requests.get(f"{served.url}/", cookies={COOKIE: value}, timeout=10).text

    later = time.time() + SESSION_S + 1
    monkeypatch.setattr(time, "time", lambda: later)

    assert "Sign out" not in requests.get(f"{served.url}/", cookies={COOKIE: value}, timeout=10).text


def test_a_session_ends_when_the_token_changes() -> None:
    from starlette.requests import Request

    value = Access(Secret("one")).new_session()
    request = Request({"type": "http", "headers": [(b"cookie", f"{COOKIE}={value}".encode())]})

    assert Access(Secret("one")).session(request)
    assert not Access(Secret("two")).session(request)
    assert not Access(None).session(request)


def test_the_wrong_token_is_told_and_takes_its_time(served: Served) -> None:
    began = time.monotonic()
    answer = requests.post(
        f"{served.url}/login", data={"token": "guess"}, headers={"Origin": served.url}, timeout=10
    )

    assert answer.status_code == 401
    assert "That is not the token." in answer.text
    assert "set-cookie" not in answer.headers
    assert time.monotonic() - began > 0.25


def test_without_a_configured_token_the_page_only_shows(showing: Showing) -> None:
    showing.stand.add("shop")
    origin = {"Origin": showing.url}

    page = requests.get(f"{showing.url}/sites/shop", timeout=10).text
    login = requests.post(f"{showing.url}/login", data={"token": ""}, headers=origin, timeout=10)
    deed = requests.post(f"{showing.url}/sites/shop/deploy", data={"csrf": ""}, headers=origin, timeout=10)

    assert "no <code>[daemon] token</code> is configured" in page
    assert "<button" not in page
    assert (login.status_code, deed.status_code) == (401, 403)
    assert showing.stand.posted == []


@pytest.mark.parametrize(
    "back", ["https://evil.example/", "//evil.example", "/\\evil.example", "/\nx", "evil", "", "/\tx"]
)
def test_nobody_is_led_away(served: Served, back: str) -> None:
    answer = requests.post(
        f"{served.url}/login",
        data={"token": served.token, "back": back},
        headers={"Origin": served.url, "X-Forwarded-Host": "evil.example"},
        allow_redirects=False,
        timeout=10,
    )

    assert answer.headers["location"] == "/"


@given(st.text())
def test_a_way_back_is_a_path_of_ours(offered: str) -> None:
    path = local_path(offered)

    assert path.startswith("/")
    assert path[1:2] not in {"/", "\\"}


def test_the_host_header_leads_nowhere(served: Served) -> None:
    served.stand.add("shop")
    for path in ("/sites/shop/", "/static", "/sites"):
        answer = requests.get(
            served.url + path, headers={"Host": "evil.example"}, allow_redirects=False, timeout=10
        )
        assert "evil.example" not in answer.headers.get("location", "")
        assert "evil.example" not in answer.text


@pytest.mark.parametrize(
    "path",
    ["/", "/sites/shop", "/login", "/nothing", "/static/page.css", "/api/sites", "/metrics", "/healthz"],
)
def test_every_answer_forbids_what_a_page_of_ours_never_does(served: Served, path: str) -> None:
    served.stand.add("shop")

    headers = requests.get(served.url + path, timeout=10).headers

    assert "default-src 'none'" in headers["content-security-policy"]
    assert "unsafe" not in headers["content-security-policy"]
    assert headers["x-frame-options"] == "DENY"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "same-origin"
    assert "server" not in headers
