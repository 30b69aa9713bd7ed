"""What the kinds of accounts give a web app: how many, which domains, until when, with how many workers."""

from datetime import UTC, date, datetime
from typing import Any

import pytest

from deployer.sandbox import SandboxOptions
from tests.builders.waiting import until
from tests.sandbox.client import Client
from tests.sandbox.conftest import Start
from tests.sandbox.sites import APP, log, serve


@pytest.mark.parametrize(("plan", "workers"), [("free", 1), ("free-2025", 1), ("paid", 2)])
def test_a_reload_starts_the_workers_of_the_plan(start: Start, plan: str, workers: int) -> None:
    api = start(plan=plan)
    serve(api)
    reloaded = log(api, "server").rpartition("reload of")[2]
    assert reloaded.count(" started on ") == workers


def test_another_number_of_workers_can_be_asked_for(start: Start) -> None:
    api = start(plan="free", workers=3)
    source = "import os\nopen(os.path.expanduser('~/imports'), 'a').write('x')\napplication = print\n"
    serve(api, source)
    imports = api.sandbox.disk.real("/home/alice/imports")
    assert until(lambda: len(imports.read_text()) == 3)


def test_a_web_app_without_workers_is_refused(tmp_path: Any) -> None:
    with pytest.raises(ValueError, match="at least one"):
        SandboxOptions(data=tmp_path, workers=0)


@pytest.mark.parametrize(
    ("plan", "switch", "expires"),
    [
        ("free", "free", True),
        ("free-2025", "free", True),
        ("paid", "free", False),
        ("paid", "always", True),
        ("free", "never", False),
    ],
)
def test_switch_webapp_expiry(start: Start, plan: str, switch: str, expires: bool) -> None:
    api = start(plan=plan)
    api.sandbox.switch(webapp_expiry=switch)
    api.create_webapp()
    expiry = api.get(APP).json()["expiry"]
    assert (expiry is not None and date.fromisoformat(expiry) > datetime.now(UTC).date()) is expires


@pytest.mark.parametrize(("plan", "status"), [("free", 400), ("free-2025", 400), ("paid", 201)])
def test_custom_subdomains_are_for_those_who_pay(start: Start, plan: str, status: int) -> None:
    assert start(plan=plan).create_webapp("blog-alice.pythonanywhere.com").status_code == status


def put(api: Client, place: str, body: dict[str, Any], **form: Any) -> Any:
    response = api("PUT", place, **(form or {"json": body}))
    assert response.status_code == 200
    return response.json()


def test_put_replaces_settings_mappings_and_headers_by_json_and_by_form(api: Client) -> None:
    api.create_webapp()
    settings = {"python_version": "3.12", "working_directory": "/tmp/", "force_https": True}
    assert put(api, APP, settings).items() >= settings.items()
    again = put(api, APP, {}, data={"python_version": "3.11", "force_https": "False"})
    assert (again["python_version"], again["force_https"]) == ("3.11", False)
    for family, body in (
        ("static_files", {"url": "/a/", "path": "/tmp"}),
        ("static_headers", {"url": "/a/", "name": "X-A", "value": "1"}),
    ):
        number = api.post(f"{APP}{family}/", json=body).json()["id"]
        other = {**body, "url": "/b/"}
        place = f"{APP}{family}/{number}/"
        assert put(api, place, {}, data=other) == put(api, place, other) == {"id": number, **other}
