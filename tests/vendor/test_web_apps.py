"""`pa webapp ...` and the older scripts for web apps. `webapp create` is in test_projects.py."""

from pathlib import Path

import pytest

from tests.sandbox.authority import TestAuthority, key_pem, pem, served
from tests.sandbox.client import DOMAIN, Client
from tests.sandbox.sites import WSGI, visit
from tests.vendor.clients import Pa
from tests.vendor.conftest import PYTHON

CUSTOM = "www.example.org"
LOGS = [f"/var/log/{DOMAIN}.{kind}.log" for kind in ("access", "error", "server")]


def create(api: Client, domain: str = DOMAIN) -> None:
    assert api.create_webapp(domain, f"python{PYTHON.replace('.', '')}").status_code == 201


def test_list_names_the_domains(api: Client, pa: Pa) -> None:
    assert "No webapps found." in pa("webapp list")
    create(api)
    create(api, CUSTOM)
    assert pa("webapp list").output == f"{DOMAIN}\n{CUSTOM}\n"


@pytest.mark.parametrize(("shows", "enabled"), [(False, "unknown"), (True, "True")])
def test_get_shows_the_web_app(api: Client, pa: Pa, shows: bool, enabled: str) -> None:
    create(api)
    api.sandbox.switch(webapp_shows_enabled=shows)
    api.patch(f"webapps/{DOMAIN}/", data={"source_directory": "/home/alice/site"})
    said = pa("webapp get")
    for line in (
        f"Domain {DOMAIN}",
        f"Python version {PYTHON}",
        "Source directory /home/alice/site",
        "Virtualenv path",
        f"Enabled {enabled}",
    ):
        assert line in said


@pytest.mark.parametrize("command", ["webapp reload --domain", "pa_reload_webapp.py"])
def test_reload_starts_the_new_code(api: Client, pa: Pa, command: str) -> None:
    create(api)
    api.sandbox.switch(wsgi_upload="nothing")
    source = (
        b'def application(environ, start_response):\n    start_response("200 OK", [])\n    return [b"new"]\n'
    )
    api.upload(WSGI, source)
    assert f"{DOMAIN} has been reloaded" in pa(command, DOMAIN)
    assert visit(api).text == "new"


@pytest.mark.parametrize("command", ["webapp reload -d", "pa_reload_webapp.py"])
def test_reload_without_a_cname_is_a_warning(api: Client, pa: Pa, command: str) -> None:
    create(api, CUSTOM)
    api.sandbox.switch(cname="missing")
    said = pa(command, CUSTOM)
    assert "Could not find a CNAME for your website." in said
    assert f"{CUSTOM} has been reloaded" in said


@pytest.mark.parametrize("answer", ["compact", "iso"])
def test_install_a_certificate(api: Client, pa: Pa, tmp_path: Path, answer: str) -> None:
    api.sandbox.switch(not_after=answer)
    _check_installed(api, pa, tmp_path, "webapp install-ssl", "on {end:%Y-%m-%d},")


def test_pa_install_webapp_ssl(api: Client, pa: Pa, tmp_path: Path) -> None:
    _check_installed(api, pa, tmp_path, "pa_install_webapp_ssl.py", "expire on {end:%d %B %Y},")


def _check_installed(api: Client, pa: Pa, folder: Path, command: str, message: str) -> None:
    create(api, CUSTOM)
    authority = TestAuthority()
    certificate, key = authority.site(CUSTOM)
    (folder / "cert").write_text(pem(certificate))
    (folder / "key").write_text(key_pem(key))
    said = pa(command, CUSTOM, str(folder / "cert"), str(folder / "key"))
    assert message.format(end=certificate.not_valid_after_utc) in said
    assert served(api.sandbox, CUSTOM, pem(authority.certificate)) == certificate


def test_install_without_a_reload_waits_for_one(api: Client, pa: Pa, tmp_path: Path) -> None:
    create(api, CUSTOM)
    authority = TestAuthority()
    certificate, key = authority.site(CUSTOM)
    (tmp_path / "cert").write_text(pem(certificate))
    (tmp_path / "key").write_text(key_pem(key))
    files = [str(tmp_path / "cert"), str(tmp_path / "key")]
    assert "That's all set up now :-)" in pa("webapp install-ssl", CUSTOM, *files, "--suppress-reload")
    with pytest.raises(OSError, match="certificate verify failed"):
        served(api.sandbox, CUSTOM, pem(authority.certificate))


def test_install_another_domains_certificate_is_refused(api: Client, pa: Pa, tmp_path: Path) -> None:
    create(api, CUSTOM)
    certificate, key = TestAuthority().site("www.example.com")
    (tmp_path / "cert").write_text(pem(certificate))
    (tmp_path / "key").write_text(key_pem(key))
    said = pa("webapp install-ssl", CUSTOM, str(tmp_path / "cert"), str(tmp_path / "key"), status=1)
    assert "POST to set SSL details via API failed, got <Response [400]>" in said


def test_pa_install_webapp_letsencrypt_ssl(api: Client, pa: Pa) -> None:
    """It takes what dehydrated has left in the home of whoever runs it."""
    create(api, CUSTOM)
    authority = TestAuthority()
    certificate, key = authority.site(CUSTOM)
    folder = pa.home / "letsencrypt" / CUSTOM
    folder.mkdir(parents=True)
    (folder / "fullchain.pem").write_text(pem(certificate))
    (folder / "privkey.pem").write_text(key_pem(key))
    said = pa("pa_install_webapp_letsencrypt_ssl.py", CUSTOM)
    assert f"Your new certificate will expire on {certificate.not_valid_after_utc:%d %B %Y}" in said
    assert served(api.sandbox, CUSTOM, pem(authority.certificate)) == certificate


def logs(api: Client) -> list[str]:
    return sorted(f"/var/log/{each.name}" for each in api.sandbox.disk.real("/var/log").iterdir())


def test_delete_all_logs_of_the_site_and_no_others(api: Client, pa: Pa) -> None:
    rotated = [f"{LOGS[0]}.1", f"{LOGS[0]}.2.gz", f"{LOGS[1]}.9.gz"]
    other = "/var/log/www.example.org.access.log"
    for path in (*LOGS, *rotated, other):
        api.upload(path)
    said = pa("webapp delete-logs")
    assert f"Deleting current error log file for {DOMAIN} via API" in said
    assert f"Deleting old (archive number 2) access log file for {DOMAIN} via API" in said
    assert "All done!" in said
    assert logs(api) == [other]


def test_delete_the_logs_of_one_rotation(api: Client, pa: Pa) -> None:
    """Of all kinds: for one alone `pa` asks for `<domain>.LogType.error.log`, since Python 3.11."""
    for path in (*LOGS, *(f"{each}.1" for each in LOGS)):
        api.upload(path)
    said = pa("webapp delete-logs", "--domain", DOMAIN, "--log-index", "1")
    assert f"Deleting old (archive number 1) error log file for {DOMAIN} via API" in said
    assert logs(api) == LOGS


def test_pa_delete_webapp_logs(api: Client, pa: Pa) -> None:
    for path in (*LOGS, f"{LOGS[1]}.1"):
        api.upload(path)
    pa("pa_delete_webapp_logs.py", f"--domain={DOMAIN}", "--log_type=error", "--log_index=1")
    assert logs(api) == LOGS
    assert "All Done!" in pa("pa_delete_webapp_logs.py", f"--domain={DOMAIN}")
    assert logs(api) == []


def test_delete_takes_the_site_offline(api: Client, pa: Pa) -> None:
    create(api)
    assert f"{DOMAIN} has been deleted" in pa("webapp delete", "--domain", DOMAIN)
    assert api.get("webapps/").json() == []
    assert visit(api).status_code == 404
