"""Domains of version 1: a site's own, further ones that lead to it, and their certificates."""

from deployer.sandbox.switches import Switches
from tests.sandbox.client import DOMAIN
from tests.sandbox.conftest import Start
from tests.sandbox.version_1 import Version1

FURTHER = "www.example.org"
PLACE = f"domains/{FURTHER}/"
OTHER = "shop.example.org"


def opened(start: Start) -> Version1:
    return Version1(start(plan="paid"))


def test_a_site_brings_its_own_domain(start: Start) -> None:
    v1 = opened(start)
    website = v1.create(command="sleep 600").json()
    v1.api.create_webapp(OTHER)
    webapp = v1.api.get(f"webapps/{OTHER}/").json()
    shown = [
        {"id": each["id"], "user": "alice", "domain_name": name, "enabled": True, "webapp": each["id"]}
        for name, each in ((DOMAIN, website), (OTHER, webapp))
    ]
    assert v1("GET", "domains/").json() == shown
    assert v1("GET", f"domains/{OTHER}/").json() == shown[1]


def test_a_further_domain_leads_to_its_site_while_it_is_enabled(start: Start) -> None:
    v1 = opened(start)
    v1.serve()
    number = v1("GET", f"websites/{DOMAIN}/").json()["id"]
    made = v1("POST", "domains/", json={"domain_name": FURTHER, "webapp": number})
    assert made.status_code == 201
    assert (made.json()["enabled"], made.json()["webapp"]) == (True, number)
    headers = dict(v1.visit(domain=FURTHER).json()["headers"])
    assert headers["host"] == FURTHER
    website = v1("GET", f"websites/{DOMAIN}/").json()
    assert [each["domain_name"] for each in website["webapp"]["domains"]] == [DOMAIN, FURTHER]
    v1("PATCH", PLACE, json={"enabled": False})
    assert v1.visit(domain=FURTHER).status_code == 404
    assert v1("GET", PLACE).json()["enabled"] is False
    assert v1("DELETE", PLACE).status_code == 204
    assert v1("GET", PLACE).status_code == v1("DELETE", PLACE).status_code == 404


def test_a_further_domain_can_lead_to_a_web_app_and_be_moved(start: Start) -> None:
    v1 = opened(start)
    v1.api.create_webapp(OTHER)
    number = v1.api.get(f"webapps/{OTHER}/").json()["id"]
    v1("POST", "domains/", json={"domain_name": FURTHER})
    assert v1.visit(domain=FURTHER).status_code == 404
    moved = v1("PATCH", PLACE, json={"webapp": number})
    assert (moved.status_code, moved.json()["webapp"]) == (200, number)
    assert f"Hello from {OTHER}" in v1.visit(domain=FURTHER).text
    assert v1("PATCH", PLACE, json={"webapp": None}).json()["webapp"] is None
    assert v1("PATCH", PLACE, json={"webapp": 4711}).status_code == 400


def test_a_name_is_held_once(start: Start) -> None:
    v1 = opened(start)
    v1("POST", "domains/", json={"domain_name": FURTHER})
    taken = {"domain_name": ["domain with this domain name already exists."]}
    for refused in (
        v1("POST", "domains/", json={"domain_name": FURTHER.upper()}),
        v1.create(FURTHER, "sleep 600"),
    ):
        assert (refused.status_code, refused.json()) == (400, taken)
    assert v1.api.create_webapp(FURTHER).status_code == 403
    assert v1("POST", "domains/", json={}).json() == {"domain_name": ["This field is required."]}


def test_a_sites_own_domain_stays_with_it(start: Start) -> None:
    v1 = opened(start)
    v1.create(command="sleep 600")
    own = f"domains/{DOMAIN}/"
    assert v1("DELETE", own).status_code == 403
    assert v1("PATCH", own, json={"webapp": None}).status_code == 400
    assert v1("PATCH", own, json={"enabled": False}).json()["enabled"] is False
    assert v1("GET", f"websites/{DOMAIN}/").json()["enabled"] is False
    v1.api.create_webapp(OTHER)
    assert v1("PATCH", f"domains/{OTHER}/", json={"enabled": False}).status_code == 403


def test_a_domain_gets_and_loses_a_certificate(start: Start) -> None:
    v1 = Version1(start(plan="paid", switches=Switches(certificate_activation="reload")))
    v1.create(FURTHER, "sleep 600")
    ssl = f"{PLACE}ssl/"
    assert v1("GET", ssl).status_code == 404
    issued = v1("POST", ssl, json={"cert_type": "letsencrypt-auto-renew"})
    assert (issued.status_code, issued.json()) == (200, {"status": "OK"})
    assert v1("GET", ssl).json()["subject_name"] == FURTHER
    assert v1("POST", ssl, json={"cert": "x", "private_key": "y"}).status_code == 400
    assert v1("DELETE", ssl).json() == {"status": "OK"}
    assert v1("GET", ssl).status_code == 404
    v1.create(command="sleep 600")
    assert v1("GET", f"domains/{DOMAIN}/ssl/").json() == {"cert_type": "pythonanywhere-subdomain"}
