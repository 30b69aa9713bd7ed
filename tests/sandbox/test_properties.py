"""Whatever is sent to the API, it answers in a documented shape, and goes on.

`FUZZ=50 pytest tests/sandbox/test_properties.py` draws fifty times as many requests, others each time.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import jsonschema_rs
import pytest
from hypothesis import HealthCheck, Phase, given, note, settings
from hypothesis import strategies as st

from deployer.sandbox import Sandbox, SandboxOptions, Switches
from deployer.sandbox.families import ENDPOINTS
from tests.sandbox.client import Client
from tests.sandbox.drawn import CUSTOM, METHODS, OWN, requests
from tests.sandbox.judge import Judge
from tests.sandbox.version_1 import Version1

FUZZ = int(os.environ.get("FUZZ", "1"))
OPERATIONS = [
    (f"/api/{each.version}/user/{{user}}/{each.name}", method)
    for each in ENDPOINTS
    for method in each.handlers
]
PLACES = sorted({place for place, _ in OPERATIONS})
LISTS = [
    f"/api/{version}/user/{{user}}/{name}/"
    for version, name in (
        ("v0", "webapps"),
        ("v0", "schedule"),
        ("v0", "always_on"),
        ("v0", "consoles"),
        ("v1", "websites"),
        ("v1", "domains"),
    )
]
"""Where everything that the account has set up can be seen."""


def steady(examples: int) -> settings:
    """The same requests in every run, unless it is a long one."""
    return settings(
        max_examples=examples * FUZZ,
        derandomize=FUZZ == 1,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink) if FUZZ > 1 else (Phase.generate,),
        suppress_health_check=list(HealthCheck),
    )


def options(data: Path) -> SandboxOptions:
    """Small limits are reached, and a site that hangs does not hold anybody up."""
    return SandboxOptions(
        data=data,
        plan="paid",
        webapps=3,
        always_on=3,
        max_upload_bytes=2000,
        disk_bytes=20_000,
        reload_limit_s=3,
    )


def switch_settings() -> st.SearchStrategy[dict[str, Any]]:
    """Any answer to each open question; times are short, and limits small enough to be met."""
    numbers = st.sampled_from([0, 1, 3, 1000])
    by_kind: dict[str, st.SearchStrategy[Any]] = {
        "true or false": st.booleans(),
        "a number": numbers,
        "seconds": st.sampled_from([0.0, 0.05, 60.0]),
        "domains": st.sampled_from([(), (CUSTOM,)]),
    }
    known = {
        name: by_kind[about["answers"]]
        if isinstance(about["answers"], str)
        else st.sampled_from(about["answers"])
        for name, about in Switches.describe().items()
    }
    return st.fixed_dictionaries(
        {**known, "rate_limit": st.sampled_from(["off", "off", "pattern", "global"])}
    )


@pytest.fixture(scope="module")
def judge(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Judge]:
    with Sandbox(options(tmp_path_factory.mktemp("fuzzed") / "data")) as sandbox:
        sandbox.switch(rate_limit="off")
        with Judge(sandbox) as judge:
            yield judge


def furnish(sandbox: Sandbox) -> None:
    """One of everything, where it is not there: most requests should find what they are about."""
    api = Client(sandbox)
    sandbox._account.websites._hosting._reload_wait_s = 0.2  # most websites here never listen
    home = sandbox.disk.real("/home/alice")
    for name, target in (("link", "/etc"), ("loop", "loop")):
        if not (home / name).is_symlink():
            (home / name).symlink_to(target)
    with api.session:
        api.create_webapp(OWN)
        Version1(api).create(CUSTOM, "sleep 60")
        for domain in (OWN, CUSTOM):
            api.post(f"webapps/{domain}/static_files/", json={"url": "/s/", "path": "/home/alice"})
            api.post(f"webapps/{domain}/static_headers/", json={"url": "/", "name": "X-A", "value": "b"})
        api.post("schedule/", json={"command": "true", "interval": "daily", "hour": 0, "minute": 0})
        api.post("always_on/", json={"command": "sleep 60"})
        api.post("consoles/", json={})
        for console in api.get("consoles/").json():
            api.control("POST", "loaded-consoles", json={"id": console["id"]})


def test_the_description_has_every_endpoint_and_method(judge: Judge) -> None:
    described = {
        (place, method.upper())
        for place, operations in judge.description["paths"].items()
        for method in operations
        if method != "parameters"
    }
    assert described == set(OPERATIONS)


def test_the_schemas_are_schemas(judge: Judge) -> None:
    for _, operation in _operations(judge.description):
        for content in operation.get("requestBody", {}).get("content", {}).values():
            jsonschema_rs.meta.validate(content["schema"])
        for response in operation["responses"].values():
            for content in response.get("content", {}).values():
                jsonschema_rs.meta.validate(content.get("schema", {}))


def _operations(description: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for operations in description["paths"].values():
        yield from ((name, each) for name, each in operations.items() if name != "parameters")


@pytest.mark.parametrize(("place", "method"), OPERATIONS)
def test_every_operation_answers_as_documented(judge: Judge, place: str, method: str) -> None:
    furnish(judge.sandbox)
    ids = judge.ids()

    @steady(12)
    @given(st.data())
    def answers(data: st.DataObject) -> None:
        judge.send(data.draw(requests(judge.description, ids, place, method)))

    answers()
    assert judge.get("/api/v0/user/{user}/cpu/")


def test_a_name_that_no_disk_could_hold_is_a_directory_that_is_not_there(api: Client) -> None:
    api.create_webapp(OWN)
    api.sandbox.switch(webapp_paths="must-exist")
    path = f"/home/alice/{'x' * 256}"
    response = api.patch(f"webapps/{OWN}/", data={"source_directory": path})
    assert (response.status_code, response.json()) == (400, {"source_directory": [f"{path} does not exist"]})


@steady(6)
@given(data=st.data(), switches=switch_settings())
def test_sequences_under_any_switches_leave_a_healthy_account(
    data: st.DataObject, switches: dict[str, Any]
) -> None:
    """What is kept afterwards can be listed, and is the same after a restart."""
    with TemporaryDirectory() as folder:
        with Sandbox(options(Path(folder))) as sandbox, ExitStack() as opened:
            sandbox.switch(rate_limit="off")
            furnish(sandbox)
            with Judge(sandbox) as before:
                ids = before.ids()
            sandbox.switch(**switches)
            judge = opened.enter_context(Judge(sandbox))
            for _ in range(data.draw(st.integers(20, 60))):
                place, method = data.draw(st.sampled_from(OPERATIONS))
                if data.draw(st.integers(0, 9)) == 0:
                    method = data.draw(st.sampled_from(METHODS))
                sent = data.draw(requests(judge.description, ids, place, method))
                note(str(sent))
                judge.send(sent)
            sandbox.switch(rate_limit="off")
            kept = {place: judge.get(place) for place in LISTS}
        with Sandbox(options(Path(folder))) as sandbox, Judge(sandbox) as judge:
            sandbox.switch(**{**switches, "rate_limit": "off"})
            assert {place: judge.get(place) for place in LISTS} == kept
