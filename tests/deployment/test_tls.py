"""Certificates: this machine's files, or Let's Encrypt's, are put there, renewed, compared, never guessed."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from deployer.config import CertificateFiles
from deployer.deployment.adopt import adopt
from deployer.deployment.attempt import Outcome
from deployer.deployment.deploy import Preview, deploy, preview, rollback
from deployer.deployment.overview import overview
from deployer.deployment.site_work import SiteWork
from deployer.deployment.tls import where_to_ask
from deployer.deployment.verify import heal, verify
from deployer.errors import ApiError, ExitStatus, Refused, RolledBack, Temporary
from deployer.model.deployment import Status
from deployer.model.manifest import Manifest
from deployer.model.overrides import Overrides
from deployer.model.site import WebAppSettings
from deployer.model.tls import AppliedTls, LetsEncrypt
from deployer.planning import tls as planning_tls
from deployer.sandbox import Effect, Fault
from deployer.secret import Secret
from tests.builders.waiting import until
from tests.deployment.stage import WSGI, Stage, stage
from tests.sandbox.authority import TestAuthority, key_pem, new_key, pem, served
from tests.sandbox.version_1 import SOURCE

SITE = "www.example.org"
CA = TestAuthority()
TRUSTED = pem(CA.certificate)
UNCHANGED = {"GET files/path{path}": 1, "GET files/tree/": 1}
ASKING = "POST webapps/{domain}/ssl/"
NOTHING_SAID = Overrides()
BROKEN = "raise RuntimeError('broken')\n"


@dataclass
class Certified:
    """A stage with a domain of its own, and what deployer.toml says of its certificate."""

    stage: Stage
    folder: Path
    tls: CertificateFiles | LetsEncrypt | None

    @contextmanager
    def work(self) -> Iterator[SiteWork]:
        with self.stage.work() as work:
            yield replace(work, tls=self.tls)

    def sync(self, overrides: Overrides = NOTHING_SAID) -> Outcome:
        with self.work() as work:
            return deploy(work, work.repository.resolve("main"), overrides)

    def plan(self, overrides: Overrides = NOTHING_SAID) -> Preview:
        with self.work() as work:
            return preview(work, work.repository.resolve("main"), overrides)

    def issue(self, *names: str, days: tuple[float, float] = (-1, 60)) -> x509.Certificate:
        """A new certificate in the two files."""
        certificate, key = CA.site(*names or (SITE,), days=days)
        self.write(pem(certificate), key_pem(key))
        return certificate

    def write(self, chain: str, key: str) -> None:
        (self.folder / "fullchain.pem").write_text(chain)
        (self.folder / "privkey.pem").write_text(key)

    def serial(self, authority: str | None = TRUSTED) -> int:
        """Of the certificate that a visitor is shown now."""
        return served(self.stage.sandbox, SITE, authority).serial_number

    @property
    def recorded(self) -> AppliedTls:
        tls = self.stage.manifest().settings.tls
        assert tls is not None
        return tls


@pytest.fixture
def place(tmp_path: Path) -> Iterator[Certified]:
    """Nothing is deployed yet."""
    files = CertificateFiles(tmp_path / "fullchain.pem", tmp_path / "privkey.pem")
    with stage(tmp_path, plan="paid", domain=SITE, wsgi="wsgi.py") as opened:
        opened.repo.commit({"wsgi.py": WSGI})
        yield Certified(opened, tmp_path, files)


def reasons(outcome: Outcome | Preview) -> dict[str, str]:
    return {action.kind: action.reason for action in outcome.plan.actions}


def test_the_first_deployment_sends_it_and_the_next_asks_nothing(place: Certified) -> None:
    certificate = place.issue()

    outcome = place.sync()

    assert place.serial() == certificate.serial_number
    until_when = f"{certificate.not_valid_after_utc:%Y-%m-%d}"
    assert reasons(outcome)["install-certificate"] == f"{place.folder}/fullchain.pem, expires {until_when}"
    with place.stage.counted() as asked:
        assert place.sync().deployment.status is Status.UNCHANGED
    assert asked == UNCHANGED


def test_a_renewed_one_is_all_that_is_sent_and_is_served_after_the_reload(place: Certified) -> None:
    first = place.issue()
    place.sync()
    second = place.issue(days=(-1, 90))

    with place.stage.counted() as asked:
        outcome = place.sync()

    assert place.serial() == second.serial_number
    assert list(reasons(outcome)) == ["install-certificate", "reload"]
    assert reasons(outcome)["install-certificate"] == (
        f"renewed: expires {second.not_valid_after_utc:%Y-%m-%d}, "
        f"the one there expires {first.not_valid_after_utc:%Y-%m-%d}"
    )
    assert not [request for request in asked if "ssl" in request and request != ASKING]
    assert asked[ASKING] == 1


@pytest.mark.parametrize("bad", ["expired", "name", "key", "chain", "gone"])
def test_a_bad_one_is_refused_by_file_and_reason_and_the_old_one_stays(place: Certified, bad: str) -> None:
    good = place.issue()
    place.sync()
    match bad:
        case "expired":
            place.issue(days=(-9, -2))
        case "name":
            place.issue("www.example.com")
        case "key":
            place.write(pem(CA.site(SITE)[0]), key_pem(new_key()))
        case "chain":
            certificate, key = CA.site(SITE)
            place.write(pem(certificate, TestAuthority("Other").certificate), key_pem(key))
        case _:
            (place.folder / "fullchain.pem").unlink()
    place.stage.repo.commit({"more": "x"})

    with place.stage.counted() as asked, pytest.raises(Refused) as refused:
        place.sync()

    assert str(place.folder / "fullchain.pem") in str(refused.value)
    assert {name.split()[0] for name in asked} == {"GET"}
    assert place.serial() == good.serial_number


def test_one_that_expires_while_it_is_there_stops_no_deployment(
    place: Certified, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.issue(days=(-1, 1 / 86_400))
    place.sync()
    place.stage.repo.commit({"more": "x"})

    assert until(lambda: bool(place.plan().plan.notes))
    outcome = place.sync()

    (note,) = outcome.plan.notes
    assert "has expired on" in note.reason
    assert note.reason.endswith("it is the one that is there, and stays")
    assert outcome.deployment.status is Status.LIVE


def test_the_key_is_nowhere_but_in_the_request(place: Certified, capfd: pytest.CaptureFixture[str]) -> None:
    place.issue()
    key = "".join((place.folder / "privkey.pem").read_text().splitlines()[1:-1])

    made = place.plan().plan
    place.sync()

    written = [json.dumps(made.as_json(per_minute=0)), repr(made), "".join(capfd.readouterr())]
    home = place.stage.sandbox.disk.real("/home/alice")
    for folder in (place.folder / "state", place.folder / "runtime", home):
        written += [path.read_bytes().decode("latin-1") for path in folder.rglob("*") if path.is_file()]
    assert len(written) > 5
    for start in range(0, len(key) - 20, 20):
        assert not [text for text in written if key[start : start + 20] in text]


@pytest.mark.parametrize("quoted", ["as it is", "as JSON", "the body of the request"])
def test_a_refusal_that_quotes_the_key_is_told_without_its_words(place: Certified, quoted: str) -> None:
    place.issue()
    place.sync()
    place.issue(days=(-1, 90))
    key = (place.folder / "privkey.pem").read_text()
    words = {"as it is": key, "as JSON": json.dumps(key), "the body of the request": repr({"key": key})}[
        quoted
    ]
    effect = Effect(kind="status", status=400, json={"detail": words})
    place.stage.sandbox.faults.add(Fault(effect=effect, method="POST", path="/ssl/$"))

    with pytest.raises(ApiError, match="quote the private key") as refused:
        place.sync()

    assert key.splitlines()[1][:20] not in f"{refused.value!r} {refused.value} {refused.value.args}"


def test_a_refusal_by_the_platform_leaves_everything_as_it_was(place: Certified) -> None:
    good = place.issue()
    place.sync()
    place.issue(days=(-1, 90))
    place.stage.repo.commit({"more": "x"})
    effect = Effect(kind="status", status=400, json={"detail": "No."})
    place.stage.sandbox.faults.add(Fault(effect=effect, method="POST", path="/ssl/$", times=1))

    with pytest.raises(ApiError, match=r"400 No\.") as refused:
        place.sync()

    assert refused.value.left == "Nothing of the plan was carried out."
    assert "more" not in place.stage.on_disk()
    assert place.serial() == good.serial_number
    place.sync()
    assert place.serial() != good.serial_number


@pytest.mark.parametrize("times", [1, None])
def test_a_lost_answer_is_asked_for_again_and_by_the_next_run_settled(
    place: Certified, times: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.issue()
    place.sync()
    second = place.issue(days=(-1, 90))
    fault = Fault(effect=Effect(kind="cut", when="after"), method="POST", path="/ssl/$", times=times)
    place.stage.sandbox.faults.add(fault)
    monkeypatch.setattr("deployer.pythonanywhere.retry.FIRST_DELAY_S", 0.01)

    if times is None:
        with pytest.raises(Temporary):
            place.sync()
        place.stage.sandbox.faults.clear()
    place.sync()

    assert place.serial() == second.serial_number
    assert place.sync().deployment.status is Status.UNCHANGED


def test_one_that_is_there_already_is_taken_over_without_sending_it(place: Certified) -> None:
    wanted, place.tls = place.tls, None
    certificate = place.issue()
    place.sync()
    with place.work() as work:
        chain, key = ((place.folder / name).read_text() for name in ("fullchain.pem", "privkey.pem"))
        work.api.ssl.upload(SITE, certificate=chain, private_key=Secret(key))
        work.api.webapps.reload(SITE)
    place.tls = wanted

    with place.stage.counted() as asked:
        place.sync()

    assert asked[ASKING] == 0
    assert place.recorded.not_after == certificate.not_valid_after_utc


def test_without_tls_the_certificate_is_left_alone_and_so_is_its_record(place: Certified) -> None:
    certificate = place.issue()
    place.sync()
    place.tls = None

    with place.stage.counted() as asked:
        place.sync()

    assert not [request for request in asked if "ssl" in request]
    assert place.stage.manifest().settings.tls is None
    assert place.serial() == certificate.serial_number


def test_a_name_of_the_platforms_own_keeps_the_platforms_certificate(tmp_path: Path) -> None:
    files = CertificateFiles(tmp_path / "fullchain.pem", tmp_path / "privkey.pem")
    with stage(tmp_path, wsgi="wsgi.py") as opened:
        opened.repo.commit({"wsgi.py": WSGI})
        for tls in (files, "letsencrypt"):
            with opened.counted() as asked, opened.work() as work:
                made = preview(replace(work, tls=tls), work.repository.resolve("main"), NOTHING_SAID).plan
            assert [note.reason for note in made.notes] == [
                "has the platform's own certificate, which it renews: `tls` of deployer.toml is not used"
            ]
            assert not [request for request in asked if "ssl" in request]


def test_a_certificate_that_somebody_replaced_is_a_difference_and_healed(place: Certified) -> None:
    ours = place.issue()
    place.sync()
    with place.work() as work:
        assert verify(work).differences == ()
        theirs = CA.material(SITE, "example.org")
        work.api.ssl.upload(SITE, certificate=theirs["cert"], private_key=Secret(theirs["private_key"]))
        work.api.webapps.reload(SITE)
        found = verify(work)
        heal(work, found)
        assert verify(work).differences == ()

    assert [str(each) for each in found.differences] == [f"certificate of {SITE}: changed"]
    assert place.serial() == ours.serial_number
    with place.work() as work:
        work.api.ssl.delete(SITE)
        assert [str(each) for each in verify(work).differences] == [f"certificate of {SITE}: missing"]


@pytest.mark.parametrize("spelt", [{"missing_certificate": "empty"}, {"not_after": "iso"}])
def test_the_platforms_ways_of_saying_it_make_no_difference(place: Certified, spelt: dict[str, str]) -> None:
    place.stage.sandbox.switch(**spelt)
    place.issue()
    place.sync()

    with place.work() as work:
        assert verify(work).differences == ()
    place.sync(Overrides(force=True))
    with place.stage.counted() as asked:
        place.sync()
    assert asked == UNCHANGED


def test_the_way_back_from_a_bad_commit_is_stopped_by_no_certificate(place: Certified) -> None:
    place.issue()
    place.sync()
    place.stage.repo.commit({"wsgi.py": BROKEN})
    place.stage.change_site(health=replace(place.stage.site.health, timeout_s=0.3))
    with place.work() as work:
        commit = work.repository.resolve("main")
        renewed = place.issue(days=(-1, 90))

        def spoil(_: float) -> None:
            place.issue(days=(-9, -2))

        with pytest.raises(RolledBack):
            deploy(replace(work, pause=spoil), commit, NOTHING_SAID)

    assert place.serial() == renewed.serial_number
    place.issue("www.example.com")
    place.stage.repo.commit({"wsgi.py": WSGI, "more": "x"})
    with pytest.raises(Refused, match="is not for"):
        place.sync()


def test_a_rollback_asks_for_no_certificate(place: Certified) -> None:
    place.issue()
    place.sync()
    place.stage.repo.commit({"more": "x"})
    place.sync()
    place.issue(days=(-1, 90))

    with place.stage.counted() as asked, place.work() as work:
        rollback(work, None)

    assert not [request for request in asked if "ssl" in request]


def test_a_websites_certificate_belongs_to_its_domain(place: Certified) -> None:
    command = "python3 /home/alice/mysite/server.py ${DOMAIN_SOCKET}"
    place.stage.change_site(command=command, wsgi=None, webapp=WebAppSettings())
    place.stage.repo.commit({"server.py": SOURCE})
    first = place.issue()

    outcome = place.sync()

    assert list(outcome.plan.counts())[-3:] == ["create-website", "install-certificate", "reload"]
    assert place.serial() == first.serial_number
    second = place.issue(days=(-1, 90))
    with place.stage.counted() as asked:
        place.sync()
    assert asked["POST domains/{domain}/ssl/"] == 1
    assert place.serial() == second.serial_number
    with place.work() as work:
        assert verify(work).differences == ()


def test_letsencrypt_is_asked_for_once_and_served_after_the_reload(place: Certified) -> None:
    place.tls = "letsencrypt"

    with place.stage.counted() as asked:
        place.sync()

    assert asked[ASKING] == 1
    shown = served(place.stage.sandbox, SITE)
    assert "instead of Let's Encrypt" in shown.issuer.rfc4514_string()
    assert place.recorded.not_after == shown.not_valid_after_utc
    with place.stage.counted() as asked:
        place.sync()
    assert asked == UNCHANGED
    place.sync(Overrides(force=True))
    with place.work() as work:
        assert verify(work).differences == ()
    assert served(place.stage.sandbox, SITE) == shown


def test_letsencrypt_that_is_there_already_is_not_asked_for(place: Certified) -> None:
    place.tls = None
    place.sync()
    with place.work() as work:
        work.api.ssl.letsencrypt(SITE)
    place.tls = "letsencrypt"

    with place.stage.counted() as asked:
        place.sync()

    assert asked[ASKING] == 0
    assert place.recorded.not_after is not None


def test_a_pending_certificate_fails_nothing_and_is_taken_up_when_it_comes(place: Certified) -> None:
    place.tls = "letsencrypt"
    place.stage.sandbox.switch(letsencrypt="pending")

    outcome = place.sync()

    assert outcome.deployment.status is Status.LIVE
    (note,) = outcome.notes
    assert "was asked for at" in note.reason
    assert "is not there yet" in note.reason
    with place.stage.counted() as asked:
        assert place.sync().deployment.status is Status.UNCHANGED
    assert asked == {**UNCHANGED, "GET webapps/{domain}/ssl/": 1}
    with place.work() as work:
        certificate = overview(work).certificate
    assert certificate is not None
    assert certificate.is_awaited
    place.stage.sandbox.clock.advance(timedelta(minutes=2).total_seconds())
    came = place.sync()
    assert list(reasons(came)) == ["reload"]
    assert "Let's Encrypt's certificate is there now" in reasons(came)["reload"]
    assert "instead of Let's Encrypt" in served(place.stage.sandbox, SITE).issuer.rfc4514_string()
    assert place.sync().deployment.status is Status.UNCHANGED


def test_a_refused_one_stops_the_deployment_first_and_is_not_asked_for_again_at_once(
    place: Certified, monkeypatch: pytest.MonkeyPatch
) -> None:
    place.tls = None
    place.sync()
    place.tls = "letsencrypt"
    place.stage.sandbox.switch(letsencrypt="failing")
    place.stage.repo.commit({"more": "x"})

    with pytest.raises(
        ApiError, match=f"{SITE} gets no certificate of Let's Encrypt: .*Does its DNS"
    ) as refused:
        place.sync()

    assert refused.value.exit_status is ExitStatus.NEEDS_PERSON
    assert refused.value.left == "Nothing of the plan was carried out."
    assert "has to point at the platform" in refused.value.hint
    with place.stage.counted() as asked:
        outcome = place.sync()
    assert asked[ASKING] == 0
    assert place.stage.on_disk()["more"] == b"x"
    (note,) = outcome.plan.notes
    assert "was refused at" in note.reason
    place.stage.sandbox.switch(letsencrypt="issued")
    monkeypatch.setattr(planning_tls, "ASK_AGAIN", timedelta(0))
    place.sync()
    assert place.recorded.not_after is not None


def test_force_asks_at_once(place: Certified) -> None:
    place.tls = "letsencrypt"
    place.stage.sandbox.switch(letsencrypt="failing")
    with pytest.raises(ApiError):
        place.sync()
    place.stage.sandbox.switch(letsencrypt="issued")

    place.sync(Overrides(force=True))

    assert place.recorded.not_after is not None


@pytest.mark.parametrize("took_effect", [True, False])
def test_a_lost_answer_of_letsencrypt_is_settled_by_a_look_and_never_repeated(
    place: Certified, took_effect: bool
) -> None:
    place.tls = "letsencrypt"
    effect = Effect(kind="cut", when="after" if took_effect else "before")
    place.stage.sandbox.faults.add(Fault(effect=effect, method="POST", path="/ssl/$"))

    with place.stage.counted() as asked:
        outcome = place.sync()
        place.sync()

    assert asked[ASKING] == 1
    assert outcome.deployment.status is Status.LIVE
    assert (place.recorded.not_after is not None) is took_effect
    assert bool(outcome.notes) is not took_effect


def test_files_and_letsencrypt_take_each_others_place(place: Certified) -> None:
    place.issue()
    place.sync()
    files, place.tls = place.tls, "letsencrypt"

    asked = place.plan().plan.actions[0].reason
    place.sync()

    assert asked.startswith("the platform gets it and renews it; the one there of Test CA expires ")
    assert "instead of Let's Encrypt" in served(place.stage.sandbox, SITE).issuer.rfc4514_string()
    place.tls = files
    certificate = place.issue()
    place.sync()
    assert place.serial() == certificate.serial_number


def test_one_of_somebody_else_in_place_of_letsencrypts_is_a_difference(place: Certified) -> None:
    place.tls = "letsencrypt"
    place.sync()
    with place.work() as work:
        theirs = CA.material(SITE)
        work.api.ssl.upload(SITE, certificate=theirs["cert"], private_key=Secret(theirs["private_key"]))
        found = verify(work)
        heal(work, found)

    assert [str(each) for each in found.differences] == [f"certificate of {SITE}: changed"]
    assert "instead of Let's Encrypt" in served(place.stage.sandbox, SITE).issuer.rfc4514_string()


def test_a_site_without_a_certificate_so_far_is_asked_without_one(place: Certified) -> None:
    awaited = AppliedTls(kind="letsencrypt")
    with place.work() as work:
        real = replace(work, site_url=f"https://{SITE}", host_header=None)
        forced = replace(real, site=replace(work.site, webapp=WebAppSettings(force_https=True)))
        assert where_to_ask(real, None, awaited) == f"http://{SITE}"
        assert where_to_ask(forced, None, awaited) is None
        assert where_to_ask(real, None, None) == f"https://{SITE}"
        assert where_to_ask(work, None, awaited) == work.site_url


def test_what_is_there_is_adopted(place: Certified) -> None:
    place.issue()
    place.sync()
    place.stage.sandbox.disk.remove(place.stage.sandbox.disk.real(place.stage.site.manifest_path))

    with place.work() as work:
        adopted = adopt(work, work.repository.resolve("main"))

    assert "certificate: same" in adopted.settings
    with place.stage.counted() as asked:
        assert place.sync().deployment.status is Status.UNCHANGED
    assert asked == UNCHANGED


def test_a_record_of_before_and_one_of_now_are_read(place: Certified) -> None:
    place.tls = "letsencrypt"
    place.sync()

    data = place.stage.manifest().dump()
    older = data.replace(b',"tls":{', b',"unknown":{', 1)

    assert Manifest.load(data).settings.tls == place.recorded
    assert Manifest.load(older).settings.tls is None
