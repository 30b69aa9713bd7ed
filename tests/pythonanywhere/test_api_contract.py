"""The client against a whole account: each family of endpoints, under each reading of what is not known."""

import contextlib
import io
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from deployer.errors import (
    ApiError,
    CredentialsRefused,
    NotFound,
    OutcomeUnknown,
    Unreachable,
    UsageError,
)
from deployer.model.endpoints import Endpoint
from deployer.pythonanywhere import (
    Budget,
    PythonAnywhere,
    ReloadOutcome,
    RequestDone,
    Waiting,
    WaitReason,
)
from deployer.sandbox import Effect, Fault, Sandbox, SandboxOptions, Switches
from deployer.secret import Secret
from tests.pythonanywhere.certificates import self_signed
from tests.pythonanywhere.names import DOMAIN, HOME

NO_LIMIT = Switches(rate_limit="off")


def test_cpu_seconds_are_read(account: PythonAnywhere) -> None:
    usage = account.cpu()
    assert usage.limit_s == 2000
    assert usage.used_s == 0
    assert usage.resets_at is not None
    assert usage.resets_at > datetime.now(UTC)


def test_a_wrong_token_is_refused_once(sandbox: Sandbox, budget: Budget) -> None:
    with (
        PythonAnywhere(host=sandbox.url, username="alice", token=Secret("0" * 40), budget=budget) as stranger,
        pytest.raises(CredentialsRefused, match="Invalid token"),
    ):
        stranger.cpu()
    assert stranger.requests == {Endpoint.CPU: 1}


def test_another_users_name_is_refused_as_credentials(sandbox: Sandbox, budget: Budget) -> None:
    token = Secret(sandbox.token)
    with PythonAnywhere(host=sandbox.url, username="bob", token=token, budget=budget) as bob:
        for call in (bob.cpu, bob.webapps.list, bob.schedule.list, lambda: bob.files.read("/home/bob/a")):
            with pytest.raises(CredentialsRefused, match="another user"):
                call()


def test_a_file_lives_through_its_life(account: PythonAnywhere) -> None:
    path = f"{HOME}/site/static/app.js"
    assert account.files.write(path, b"one") is True
    assert account.files.write(path, io.BytesIO(b"two and more"), 12) is False
    assert account.files.read(path) == b"two and more"
    assert b"".join(account.files.download(path)) == b"two and more"
    assert account.files.list_directory(f"{HOME}/site") == {"static": "directory"}
    assert account.files.list_directory(f"{HOME}/site/static/") == {"app.js": "file"}
    assert account.files.tree(f"{HOME}/site") == (f"{HOME}/site/static/", path)
    assert account.files.delete(path) is True
    assert account.files.delete(path) is False
    assert account.files.list_directory(f"{HOME}/site/static") == {}


def test_what_is_missing_is_not_found_and_what_is_something_else_is_said(account: PythonAnywhere) -> None:
    account.files.write(f"{HOME}/site/page.html", b"<html>")
    for call in (account.files.read, account.files.list_directory, account.files.tree):
        with pytest.raises(NotFound):
            call(f"{HOME}/nowhere")
    with pytest.raises(ApiError, match="it is a directory"):
        account.files.read(f"{HOME}/site")
    with pytest.raises(ApiError, match="it is a file"):
        account.files.list_directory(f"{HOME}/site/page.html")
    with pytest.raises(ApiError, match="is not a directory") as caught:
        account.files.tree(f"{HOME}/site/page.html")
    assert not isinstance(caught.value, NotFound)


def test_an_upload_that_is_too_large_says_what_the_limit_is(tmp_path: Path) -> None:
    """Although the platform answers, and hangs up, while the file is still on its way."""
    options = SandboxOptions(data=tmp_path / "data", max_upload_bytes=1000, switches=NO_LIMIT)
    with Sandbox(options) as sandbox:
        budget = Budget(host=sandbox.url, username="alice", requests_per_minute=0, directory=tmp_path)
        token = Secret(sandbox.token)
        with (
            contextlib.closing(budget),
            PythonAnywhere(host=sandbox.url, username="alice", token=token, budget=budget) as account,
            pytest.raises(ApiError, match="100 MiB") as caught,
        ):
            account.files.write(f"{HOME}/large", bytes(20_000_000))
    assert caught.value.status == 413


def test_the_home_directory_cannot_be_deleted(account: PythonAnywhere) -> None:
    with pytest.raises(ApiError, match="403 You do not have permission to delete this"):
        account.files.delete(HOME)


NAMES = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/"), min_size=1, max_size=20
).filter(lambda name: name not in {".", ".."} and len(name.encode()) < 100)


@settings(
    max_examples=40,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
    derandomize=True,
)
@given(name=NAMES)
@example(name="a?b#c%d%2Fe&f+g h")
@example(name="..hidden")
@example(name="%2e%2e")
@example(name="ünï→😀")
def test_every_name_arrives_as_it_is(account: PythonAnywhere, name: str) -> None:
    path = f"{HOME}/names/{name}/{name}"
    account.files.write(path, name.encode())
    assert account.files.read(path) == name.encode()
    assert account.files.list_directory(f"{HOME}/names/{name}") == {name: "file"}
    account.files.delete(f"{HOME}/names/{name}")


@pytest.mark.parametrize("path", ["relative", "/home/alice/../bob", "/home/alice/./a", "/a\nb", "/a\udcff"])
def test_a_path_that_a_url_cannot_hold_is_refused_before_anything_is_sent(
    account: PythonAnywhere, path: str
) -> None:
    with pytest.raises(UsageError):
        account.files.write(path, b"")
    assert account.requests.total() == 0


@pytest.mark.parametrize("length", [0, 1, 65_535, 65_536, 65_537, 1_000_000])
def test_content_of_any_length_arrives_and_comes_back(account: PythonAnywhere, length: int) -> None:
    content = (bytes(range(256)) * (length // 256 + 1))[:length]
    account.files.write(f"{HOME}/data", io.BytesIO(content), length)
    assert account.files.read(f"{HOME}/data") == content
    assert b"".join(account.files.download(f"{HOME}/data")) == content


@pytest.mark.parametrize("status", [200, 201])
def test_a_web_app_lives_through_its_life(sandbox: Sandbox, account: PythonAnywhere, status: int) -> None:
    sandbox.switch(webapp_create_status=status)
    account.webapps.create(DOMAIN, "3.12")
    app = account.webapps.get(DOMAIN)
    assert app.domain_name == DOMAIN
    assert app.python_version == "3.12"
    changed = account.webapps.update(
        DOMAIN, python_version="3.13", source_directory=f"{HOME}/site", force_https=True
    )
    assert (changed.python_version, changed.source_directory, changed.force_https) == (
        "3.13",
        f"{HOME}/site",
        True,
    )
    assert account.webapps.update(DOMAIN, force_https=False).force_https is False
    assert [each.domain_name for each in account.webapps.list()] == [DOMAIN]
    assert account.webapps.reload(DOMAIN) is ReloadOutcome.OK
    assert account.webapps.delete(DOMAIN) is True
    assert account.webapps.delete(DOMAIN) is False
    assert account.webapps.list() == ()


@pytest.mark.parametrize("status", [403, 404])
def test_a_missing_web_app_is_not_found_under_either_reading(
    sandbox: Sandbox, account: PythonAnywhere, status: int
) -> None:
    sandbox.switch(missing_webapp=status)
    for call in (account.webapps.get, account.webapps.reload, account.static_files.list, account.ssl.get):
        with pytest.raises(NotFound):
            call(DOMAIN)


def test_a_refused_web_app_is_refused_in_the_platforms_words(account: PythonAnywhere) -> None:
    with pytest.raises(ApiError, match=r"400 The only \.pythonanywhere\.com address") as caught:
        account.webapps.create("bob.pythonanywhere.com", "3.12")
    assert not isinstance(caught.value, OutcomeUnknown)


def test_a_reload_without_a_cname_is_a_warning(sandbox: Sandbox, account: PythonAnywhere) -> None:
    account.webapps.create("www.example.org", "3.12")
    sandbox.switch(cname="missing")
    assert account.webapps.reload("www.example.org") is ReloadOutcome.NO_CNAME


def test_a_reload_is_given_more_time_than_the_rest(sandbox: Sandbox, budget: Budget, domain: str) -> None:
    sandbox.faults.add(Fault(effect=Effect(kind="slow", seconds=0.6)))
    token = Secret(sandbox.token)
    with PythonAnywhere(
        host=sandbox.url, username="alice", token=token, budget=budget, read_timeout_s=0.3, patience_s=0
    ) as hasty:
        with pytest.raises(Unreachable, match=r"no answer within 0\.3 s"):
            hasty.webapps.get(domain)
        assert hasty.webapps.reload(domain) is ReloadOutcome.OK


def test_static_mappings_live_through_their_life(account: PythonAnywhere, domain: str) -> None:
    mapping = account.static_files.create(domain, url="/static/", path=f"{HOME}/site/static")
    assert account.static_files.list(domain) == (mapping,)
    changed = account.static_files.update(domain, mapping.id, path=f"{HOME}/other")
    assert (changed.id, changed.url, changed.path) == (mapping.id, "/static/", f"{HOME}/other")
    assert account.static_files.delete(domain, mapping.id) is True
    assert account.static_files.delete(domain, mapping.id) is False
    assert account.static_files.list(domain) == ()


def test_scheduled_tasks_live_through_their_life(account: PythonAnywhere) -> None:
    daily = account.schedule.create(
        command="echo a", interval="daily", hour=4, minute=10, description="nightly"
    )
    hourly = account.schedule.create(command="echo b", interval="hourly", minute=5, enabled=False)
    assert (daily.hour, daily.minute, daily.enabled, daily.description) == (4, 10, True, "nightly")
    assert (hourly.hour, hourly.minute, hourly.enabled) == (None, 5, False)
    assert {task.id for task in account.schedule.list()} == {daily.id, hourly.id}
    assert account.schedule.update(daily.id, command="echo c", minute=11).minute == 11
    assert daily.log_path is None or daily.log_path.startswith("/var/log/")
    assert account.schedule.delete(daily.id) is True
    assert account.schedule.delete(daily.id) is False
    with pytest.raises(NotFound):
        account.schedule.update(daily.id, minute=1)
    with pytest.raises(ApiError, match=r"400 .*hour"):
        account.schedule.update(hourly.id, hour=3)


@pytest.mark.parametrize("spelling", ["compact", "iso"])
def test_certificates_live_through_their_life(
    sandbox: Sandbox, account: PythonAnywhere, spelling: str
) -> None:
    sandbox.switch(not_after=spelling)
    name = "www.example.org"
    account.webapps.create(name, "3.12")
    with pytest.raises(NotFound):
        account.ssl.get(name)
    certificate, key = self_signed(name)
    account.ssl.upload(name, certificate=certificate, private_key=Secret(key))
    stored = account.ssl.get(name)
    assert stored.not_after is not None
    assert timedelta(days=89) < stored.not_after - datetime.now(UTC) <= timedelta(days=90)
    assert stored.subject_alternate_names == (name,)
    assert account.ssl.delete(name) is True
    account.ssl.letsencrypt(name)
    assert account.ssl.get(name).cert_type == "letsencrypt-auto-renew"


def test_the_platforms_own_name_has_the_platforms_certificate(account: PythonAnywhere, domain: str) -> None:
    assert account.ssl.get(domain).cert_type == "pythonanywhere-subdomain"


def test_a_mapping_whose_answer_was_lost_is_not_made_twice(
    sandbox: Sandbox, account: PythonAnywhere, domain: str
) -> None:
    sandbox.faults.add(Fault(effect=Effect(kind="cut", when="after"), endpoint=None, method="POST", times=1))
    with pytest.raises(OutcomeUnknown):
        account.static_files.create(domain, url="/static/", path=f"{HOME}/static")
    assert [mapping.url for mapping in account.static_files.list(domain)] == ["/static/"]


FAULTS = [
    Effect(kind=kind, when=when)
    for kind in ("cut", "html", "empty", "status")
    for when in ("before", "after")
]


@pytest.mark.parametrize("effect", FAULTS, ids=lambda effect: effect.name)
def test_files_survive_any_single_fault(sandbox: Sandbox, account: PythonAnywhere, effect: Effect) -> None:
    """Each call is hit once; what it was to do is done, and what it was to tell is true.

    Only an empty 200 for an upload passes: that is just how the platform says that it replaced a file.
    """

    def hit_next() -> None:
        sandbox.faults.clear()
        sandbox.faults.add(Fault(effect=effect, times=1))

    if effect.kind != "empty":
        hit_next()
    account.files.write(f"{HOME}/a", b"content")
    hit_next()
    assert account.files.read(f"{HOME}/a") == b"content"
    hit_next()
    assert account.files.list_directory(HOME)["a"] == "file"
    hit_next()
    assert f"{HOME}/a" in account.files.tree(HOME)
    hit_next()
    account.files.delete(f"{HOME}/a")
    assert "a" not in account.files.list_directory(HOME)


@pytest.fixture
def hurried(tmp_path: Path) -> Iterator[Callable[..., PythonAnywhere]]:
    """Accounts of a sandbox that keeps the platform's limit, with a shorter minute."""
    with contextlib.ExitStack() as stack:

        def make(*, minute_s: float, requests_per_minute: int, **options: Any) -> PythonAnywhere:
            switches = Switches(rate_limit_window_s=minute_s)
            sandbox = stack.enter_context(Sandbox(SandboxOptions(data=tmp_path / "data", switches=switches)))
            budget = Budget(
                host=sandbox.url,
                username="alice",
                requests_per_minute=requests_per_minute,
                directory=tmp_path,
                window_s=minute_s,
            )
            stack.callback(budget.close)
            token = Secret(sandbox.token)
            client = PythonAnywhere(host=sandbox.url, username="alice", token=token, budget=budget, **options)
            return stack.enter_context(client)

        yield make


def test_our_budget_is_the_platforms_limit_exactly(hurried: Callable[..., PythonAnywhere]) -> None:
    """Twice the limit and one more: no 429, and no wait but the two that the limit demands."""
    done, waits = list[RequestDone](), list[Waiting]()
    account = hurried(minute_s=2.5, requests_per_minute=40, on_request=done.append, on_wait=waits.append)
    for number in range(81):
        account.files.write(f"{HOME}/site/{number % 3}", b"x")
    assert {each.status for each in done} <= {200, 201}
    assert [wait.reason for wait in waits if wait.seconds > 1] == [WaitReason.RATE_LIMIT] * 2


def test_a_strangers_429_is_waited_out_and_the_call_made(hurried: Callable[..., PythonAnywhere]) -> None:
    """As if another machine had spent the limit: its requests are not in our budget."""
    done = list[RequestDone]()
    account = hurried(minute_s=3, requests_per_minute=0, on_request=done.append)
    for _ in range(41):
        account.webapps.list()
    assert [each.status for each in done] == [200] * 40 + [429, 200]
    assert account.requests[Endpoint.WEBAPPS] == 42
