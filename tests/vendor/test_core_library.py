"""Every public function of pythonanywhere-core, called from Python."""

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.builders.waiting import until
from tests.sandbox.authority import TestAuthority, key_pem, pem, served
from tests.sandbox.client import DOMAIN, Client
from tests.sandbox.sites import WSGI, visit
from tests.sandbox.version_1 import COMMAND, SERVER, SOURCE, Version1
from tests.vendor.conftest import PYTHON, Core

HOME = "/home/alice"
CUSTOM = "www.example.org"


def test_files_come_and_go(api: Client, core: Core) -> None:
    files = core("files").Files()
    assert files.path_post(f"{HOME}/x", b"one") == 201
    assert files.path_post(f"{HOME}/x", b"two") == 200
    assert files.path_get(f"{HOME}/x") == b"two"
    listed = files.path_get(HOME)
    assert listed["x"] == {
        "type": "file",
        "url": f"{api.sandbox.https_url}/api/v0/user/alice/files/path{HOME}/x",
    }
    assert f"{HOME}/x" in files.tree_get(HOME)
    assert files.path_delete(f"{HOME}/x") == 204
    with pytest.raises(core("exceptions").PythonAnywhereApiException, match="No such file or directory"):
        files.path_get(f"{HOME}/x")


def test_a_tree_is_uploaded_until_the_limit(api: Client, core: Core, tmp_path: Path) -> None:
    """It sends one request a file and does not wait: the 41st is refused."""
    for number in range(41):
        (tmp_path / "local" / f"{number:02}").mkdir(parents=True)
        (tmp_path / "local" / f"{number:02}/file").write_text("x")
    files = core("files").Files()
    with pytest.raises(core("exceptions").PythonAnywhereApiException, match="Request was throttled"):
        files.tree_post(str(tmp_path / "local"), f"{HOME}/many")
    assert len(list(api.sandbox.disk.real(f"{HOME}/many").iterdir())) == 40


def test_a_file_is_shared(core: Core) -> None:
    files, path = core("files").Files(), f"{HOME}/README.txt"
    assert files.sharing_get(path) == ""
    message, link = files.sharing_post(path)
    assert message == "successfully shared"
    assert files.sharing_post(path) == ("was already shared", link)
    assert files.sharing_get(path) == link
    assert files.sharing_delete(path) == 204
    assert files.sharing_get(path) == ""


def test_tasks(core: Core) -> None:
    schedule = core("schedule").Schedule()
    task = schedule.create({"command": "true", "enabled": True, "interval": "daily", "hour": 5, "minute": 0})
    assert task["printable_time"] == "05:00"
    assert schedule.get_list() == [task]
    assert schedule.get_specs(task["id"]) == task
    assert schedule.update(task["id"], {"interval": "hourly", "minute": 7})["hour"] is None
    with pytest.raises(
        core("exceptions").PythonAnywhereApiException, match="Hourly tasks must not have an hour"
    ):
        schedule.update(task["id"], {"hour": 7})
    assert schedule.delete(task["id"]) is True
    with pytest.raises(core("exceptions").PythonAnywhereApiException, match="404"):
        schedule.get_specs(task["id"])


def test_a_web_app_from_creation_to_deletion(api: Client, core: Core) -> None:
    api.sandbox.switch(missing_webapp=404)
    webapp = core("webapp").Webapp(DOMAIN)
    webapp.sanity_checks(nuke=False)
    webapp.create(PYTHON, Path(f"{HOME}/venv"), Path(f"{HOME}/site"), nuke=False)
    with pytest.raises(core("exceptions").SanityException, match="You already have a webapp"):
        webapp.sanity_checks(nuke=False)
    shown = webapp.get()
    assert (shown["virtualenv_path"], shown["source_directory"]) == (f"{HOME}/venv", f"{HOME}/site")
    assert core("webapp").Webapp.list_webapps() == [shown]
    webapp.create(PYTHON, None, Path(f"{HOME}/other"), nuke=True)
    assert webapp.patch({"force_https": True})["force_https"] is True
    webapp.delete()
    assert core("webapp").Webapp.list_webapps() == []


@pytest.mark.parametrize(("status", "does"), [(404, True), (403, False)])
def test_switch_missing_webapp_decides_whether_the_vendors_create_works(
    api: Client, core: Core, status: int, does: bool
) -> None:
    """Since 0.3 it takes nothing but 404 for "not there", against the fixtures of its own tests."""
    api.sandbox.switch(missing_webapp=status)
    webapp = core("webapp").Webapp(DOMAIN)
    if does:
        webapp.create(PYTHON, None, Path(HOME), nuke=True)
    else:
        with pytest.raises(core("exceptions").PythonAnywhereApiException, match="403"):
            webapp.create(PYTHON, None, Path(HOME), nuke=True)
    assert len(api.get("webapps/").json()) == does


def test_static_files_are_served_after_the_reload(api: Client, core: Core) -> None:
    api.create_webapp(version=f"python{PYTHON.replace('.', '')}")
    api.upload(f"{HOME}/site/static/style.css", b"static")
    webapp = core("webapp").Webapp(DOMAIN)
    webapp.add_default_static_files_mappings(Path(f"{HOME}/site"))
    webapp.create_static_file_mapping("/more/", Path(f"{HOME}/site/static"))
    webapp.reload()
    assert visit(api, "/static/style.css").text == visit(api, "/more/style.css").text == "static"
    listed = api.get(f"webapps/{DOMAIN}/static_files/").json()
    assert [each["url"] for each in listed] == ["/static/", "/media/", "/more/"]


def test_a_reload_of_a_domain_without_a_cname(api: Client, core: Core) -> None:
    api.create_webapp(CUSTOM, f"python{PYTHON.replace('.', '')}")
    api.sandbox.switch(cname="missing")
    with pytest.raises(core("exceptions").MissingCNAMEException):
        core("webapp").Webapp(CUSTOM).reload()


@pytest.mark.parametrize("answer", ["compact", "iso"])
def test_a_certificate(api: Client, core: Core, answer: str) -> None:
    api.create_webapp(CUSTOM, f"python{PYTHON.replace('.', '')}")
    api.sandbox.switch(not_after=answer)
    authority, webapp = TestAuthority(), core("webapp").Webapp(CUSTOM)
    certificate, key = authority.site(CUSTOM)
    webapp.set_ssl(pem(certificate), key_pem(key))
    webapp.reload()
    assert webapp.get_ssl_info()["not_after"] == certificate.not_valid_after_utc
    assert served(api.sandbox, CUSTOM, pem(authority.certificate)) == certificate


def test_logs(api: Client, core: Core) -> None:
    webapp = core("webapp").Webapp(DOMAIN)
    for suffix in ("access.log", "error.log", "error.log.1", "server.log.3.gz"):
        api.upload(f"/var/log/{DOMAIN}.{suffix}")
    logs = webapp.get_log_info()
    assert {kind: sorted(each) for kind, each in logs.items()} == {
        "access": [0],
        "error": [0, 1],
        "server": [3],
    }
    for kind, index in (("access", 0), ("error", 1), ("server", 3)):
        webapp.delete_log(kind, index)
    assert webapp.get_log_info() == {"access": [], "error": [0], "server": []}


def test_a_website_from_creation_to_deletion(api: Client, core: Core) -> None:
    api.upload(SERVER, SOURCE.encode())
    website, v1 = core("website").Website(), Version1(api)
    created = website.create(CUSTOM, COMMAND)
    assert created["webapp"]["command"] == COMMAND
    assert until(lambda: v1.visit(domain=CUSTOM).status_code == 200), v1.log("error", CUSTOM)
    with pytest.raises(core("exceptions").DomainAlreadyExistsException):
        website.create(CUSTOM, COMMAND)
    assert website.get(CUSTOM) == created
    assert website.list() == [created]
    assert website.auto_ssl(CUSTOM) == {"status": "OK"}
    assert website.reload(CUSTOM) == {"status": "OK"}
    assert website.get_ssl_info(CUSTOM)["cert_type"] == "letsencrypt-auto-renew"
    assert website.delete(CUSTOM) == {}
    with pytest.raises(core("exceptions").PythonAnywhereApiException, match="404"):
        website.get(CUSTOM)


def test_the_cpu_seconds(core: Core) -> None:
    usage = core("resources").CPU().get_cpu_usage()
    assert usage["daily_cpu_limit_seconds"] == 2000
    assert datetime.fromisoformat(usage["next_reset_time"]) > datetime.now(UTC).replace(tzinfo=None)


def test_students_are_not_there(core: Core) -> None:
    students = core("students").StudentsAPI()
    with pytest.raises(Exception, match="GET to list students failed"):
        students.get()
    with pytest.raises(Exception, match="DELETE to remove student 'bob' failed"):
        students.delete("bob")


def test_what_all_of_them_build_on(api: Client, core: Core, monkeypatch: pytest.MonkeyPatch) -> None:
    base = core("base")
    assert base.get_username() == "alice"
    assert base.get_api_endpoint("alice", "cpu") == f"{api.sandbox.https_url}/api/v0/user/alice/cpu/"
    assert base.call_api(base.get_api_endpoint("alice", "cpu"), "get").ok
    monkeypatch.setitem(os.environ, "API_TOKEN", "wrong")
    with pytest.raises(core("exceptions").AuthenticationError, match="Invalid token"):
        base.call_api(base.get_api_endpoint("alice", "cpu"), "get")
    monkeypatch.delitem(os.environ, "API_TOKEN")
    with pytest.raises(core("exceptions").NoTokenError) as refused:
        base.call_api(base.get_api_endpoint("alice", "cpu"), "get")
    assert str(refused.value) == base.helpful_token_error_message()


def test_a_site_is_there_after_an_upload_of_its_wsgi_file(api: Client, core: Core) -> None:
    """A whole deployment with nothing but the vendor's own library."""
    api.sandbox.switch(missing_webapp=404, wsgi_upload="nothing")
    webapp = core("webapp").Webapp(DOMAIN)
    webapp.create(PYTHON, None, Path(f"{HOME}/site"), nuke=True)
    source = (
        b'def application(environ, start_response):\n    start_response("200 OK", [])\n    return [b"live"]\n'
    )
    core("files").Files().path_post(WSGI, source)
    webapp.reload()
    assert visit(api).text == "live"
