"""`pa website ...`: sites that a command serves."""

from tests.builders.waiting import until
from tests.sandbox.authority import served
from tests.sandbox.client import DOMAIN, Client
from tests.sandbox.version_1 import COMMAND, SERVER, SOURCE, Version1
from tests.vendor.clients import Pa

CUSTOM = "www.example.org"


def test_create_and_create_again(api: Client, pa: Pa) -> None:
    api.upload(SERVER, SOURCE.encode())
    said = pa("website create", "--domain", DOMAIN, "--command", COMMAND)
    assert f"All done! Your site is now live at {DOMAIN}." in said
    v1 = Version1(api)
    assert until(lambda: v1.visit().status_code == 200), v1.log("error")
    again = pa("website create", "-d", DOMAIN, "-c", COMMAND, status=1)
    assert f"You already have a website for {DOMAIN}." in again


def test_create_beyond_the_limit_says_why(api: Client, pa: Pa) -> None:
    for domain in (DOMAIN, CUSTOM):
        assert Version1(api).create(domain, "true", enabled=False).status_code == 201
        Version1(api)("PATCH", f"websites/{domain}/", json={"enabled": True})
    said = pa("website create", "-d", "www.example.net", "-c", "true", status=1)
    assert "POST to create website failed with status code 400" in said
    assert "your account only allows 2" in said


def test_get_lists_and_shows(api: Client, pa: Pa) -> None:
    for domain in (DOMAIN, CUSTOM):
        Version1(api).create(domain, "sleep 60", enabled=domain == DOMAIN)
    listed = pa("website get")
    for line in ("domain name enabled", f"{DOMAIN} True", f"{CUSTOM} False"):
        assert line in listed
    one = pa("website get", "--domain", CUSTOM)
    for line in (
        f"domain name {CUSTOM}",
        "cname webapp-2.pythonanywhere.com",
        "enabled False",
        "command sleep 60",
        f"access log /var/log/{CUSTOM}.access.log",
        f"error log /var/log/{CUSTOM}.error.log",
        f"server log /var/log/{CUSTOM}.server.log",
    ):
        assert line in one
    assert "cname" not in pa("website get", "--domain", DOMAIN)


def test_reload_starts_the_new_code(api: Client, pa: Pa) -> None:
    v1 = Version1(api)
    v1.serve()
    api.upload(SERVER, SOURCE.replace('TEXT = "one"', 'TEXT = "two"').encode())
    assert f"Website {DOMAIN} has been reloaded!" in pa("website reload", "--domain", DOMAIN)
    assert v1.visit().json()["text"] == "two"


def test_delete_takes_it_offline(api: Client, pa: Pa) -> None:
    v1 = Version1(api)
    v1.create()
    assert f"Website {DOMAIN} has been deleted!" in pa("website delete", "-d", DOMAIN)
    assert v1("GET", "websites/").json() == []
    assert v1.visit().status_code == 404


def test_a_renewing_certificate_is_served(api: Client, pa: Pa) -> None:
    Version1(api).create(CUSTOM)
    said = pa("website create-autorenew-cert", "-d", CUSTOM)
    assert f"Applied auto-renewing SSL certificate for {CUSTOM}!" in said
    assert Version1(api)("GET", f"domains/{CUSTOM}/ssl/").json()["cert_type"] == "letsencrypt-auto-renew"
    pa("website reload", "--domain", CUSTOM)  # brings it into force, as one's own certificate
    assert "Let" in served(api.sandbox, CUSTOM).issuer.rfc4514_string()
