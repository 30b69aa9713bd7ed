"""What the commands say of the certificate that deployer.toml names."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.project import CONFIG, WSGI, Project, project
from tests.sandbox.authority import TestAuthority, key_pem, pem

SITE = "www.example.org"
CA = TestAuthority()


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Project]:
    with project(tmp_path) as opened:
        opened.commit({"pythonanywhere.toml": CONFIG, "wsgi.py": WSGI})
        yield opened


def machine_file(place: Project, domain: str = SITE, *, days: tuple[float, float] = (-1, 60)) -> list[str]:
    """The options that name one, with files for its certificate beside it."""
    certificate, key = CA.site(SITE, days=days)
    chain, private_key = place.folder / "fullchain.pem", place.folder / "privkey.pem"
    chain.write_text(pem(certificate))
    private_key.write_text(key_pem(key))
    private_key.chmod(0o640)
    file = place.folder / "deployer.toml"
    file.write_text(
        f"""
[account.alice]
username = "alice"
token = {{ env = "API_TOKEN" }}

[site.blog]
account = "alice"
repo = "{place.repo.path}"
app = {{ domain = "{domain}" }}
tls = {{ certificate = "{chain.name}", private_key = "{private_key.name}" }}
"""
    )
    return ["--config", str(file)]


def test_doctor_checks_the_files_and_who_can_read_the_key(place: Project) -> None:
    good = place.run("doctor", *machine_file(place))
    bad = place.run("doctor", *machine_file(place, days=(-9, -2)))
    others = place.run("doctor", *machine_file(place, "alice.pythonanywhere.com"))

    folder = place.folder
    assert f"ok     certificate: {folder}/fullchain.pem is for {SITE}, until 20" in good.out
    assert f"note   configuration: {folder}/privkey.pem can be read by other users" in good.out
    assert "note   certificate: " in good.out
    assert f"wrong  certificate: {folder}/fullchain.pem has expired on 20" in bad.out
    assert bad.status == 2
    assert "note   certificate: alice.pythonanywhere.com has the platform's own" in others.out


def test_a_plan_shows_it_with_the_reason_and_without_the_key(place: Project) -> None:
    options = machine_file(place)

    shown = place.run("plan", *options)
    as_json = place.run("plan", "--json", *options)

    assert f"install-certificate  {SITE}  ({place.folder}/fullchain.pem, expires 20" in shown.out
    (action,) = (
        each for each in json.loads(as_json.out)["actions"] if each["action"] == "install-certificate"
    )
    assert action["endpoint"] == "webapps/{domain}/ssl"
    key = (place.folder / "privkey.pem").read_text().splitlines()[1]
    assert key[10:40] not in f"{shown} {as_json}"


def test_a_bad_file_is_a_refusal_of_the_plan(place: Project) -> None:
    ended = place.run("sync", *machine_file(place, days=(-9, -2)))

    assert ended.status == 3
    assert f"certificate: {place.folder}/fullchain.pem has expired on 20" in ended.err
    assert place.written() == []
