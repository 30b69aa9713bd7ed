"""The daemon notices renewed certificate files, sends them, and leaves what is there where they are bad."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from cryptography import x509

from deployer.daemon import expiry
from deployer.model.order import Work
from tests.builders.waiting import until
from tests.cli.project import WSGI
from tests.daemon.inside import Inside, inside
from tests.daemon.place import Place, place
from tests.daemon.running import running
from tests.sandbox.authority import TestAuthority, key_pem, new_key, pem, served

SITE = "www.example.org"
CA = TestAuthority()
TRUSTED = pem(CA.certificate)


@dataclass
class Certified:
    """A daemon's world with a domain of its own, and the files of its certificate."""

    place: Place

    def issue(self, *, days: tuple[float, float] = (-1, 60)) -> x509.Certificate:
        certificate, key = CA.site(SITE, days=days)
        self.write(pem(certificate), key_pem(key))
        return certificate

    def write(self, chain: str, key: str) -> None:
        (self.place.folder / "fullchain.pem").write_text(chain)
        (self.place.folder / "privkey.pem").write_text(key)

    def wants(self, tls: str) -> None:
        self.place.more["blog"] = f'tls = {tls}\napp = {{ domain = "{SITE}" }}'

    def serial(self) -> int:
        return served(self.place.sandbox, SITE, TRUSTED).serial_number

    def asked(self) -> int:
        """How many requests the platform has had."""
        self.place.sandbox.requests.wait_idle()
        return len(self.place.sandbox.requests.list())


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Certified]:
    monkeypatch.setenv("DEPLOYER_RUNTIME_DIR", str(tmp_path / "runtime"))
    monkeypatch.setattr("deployer.deployment.record.SETTLE_S", 0.01)  # nobody else deploys here
    with place(tmp_path) as opened:
        certified = Certified(opened)
        certified.wants('{ certificate = "fullchain.pem", private_key = "privkey.pem" }')
        yield certified


def look(daemon: Inside) -> None:
    """As the clock would have it, and until what came of it is done."""
    daemon.jobs["certificate blog"].func()
    daemon.settle()
    assert until(lambda: not daemon.daemon.orders.waiting("blog"))
    assert until(lambda: daemon.worker.progress is None)


def test_renewed_files_are_noticed_and_nothing_else_is_sent(world: Certified) -> None:
    first = world.issue()
    with inside(world.place) as daemon:
        look(daemon)
        assert world.serial() == first.serial_number
        look(daemon)
        before = world.asked()
        look(daemon)
        assert world.asked() == before
        second = world.issue(days=(-1, 90))

        look(daemon)

        assert world.serial() == second.serial_number
        (newest, *_) = daemon.daemon.site("blog").history
        steps = [step.action for step in daemon.daemon.steps(newest.id)]
        assert steps == ["install-certificate", "reload"]
        ordered = daemon.events("ordered")[-1]
        assert ordered["work"] == Work.RENEW
        assert ordered["source"].startswith("certificate renewed: expires ")
        look(daemon)
        assert len(daemon.events("ordered")) == 2


def test_a_bad_renewal_is_told_once_and_the_old_one_stays_until_a_good_one_comes(world: Certified) -> None:
    first = world.issue()
    with inside(world.place) as daemon:
        look(daemon)
        world.write(pem(CA.site(SITE)[0]), key_pem(new_key()))
        for _ in range(3):
            look(daemon)

        (refused,) = daemon.events("certificate_refused")
        assert f"{world.place.folder}/fullchain.pem" in refused["problem"]
        assert world.serial() == first.serial_number
        assert len(daemon.events("ordered")) == 1
        second = world.issue()
        look(daemon)
        assert world.serial() == second.serial_number


def test_after_a_rollback_what_is_live_gets_the_renewed_certificate(world: Certified) -> None:
    world.issue()
    repo = world.place.repos["blog"]
    first = repo.work.git("rev-parse", "main")
    with inside(world.place) as daemon:
        look(daemon)
        repo.push({"wsgi.py": WSGI + "# changed\n"})
        daemon.worker.look("test")
        assert until(lambda: "# changed" in (world.place.served() or ""))
        daemon.settle()
        daemon.daemon.post("blog", source="test", work=Work.ROLLBACK)
        assert until(lambda: "# changed" not in (world.place.served() or ""))
        second = world.issue(days=(-1, 90))

        look(daemon)

        assert world.serial() == second.serial_number
        assert "# changed" not in (world.place.served() or "")
        live = daemon.daemon.site("blog").live
        assert live is not None
        assert live.commit == first


def test_a_pending_certificate_of_letsencrypt_is_looked_at_again(world: Certified) -> None:
    world.wants('"letsencrypt"')
    world.place.sandbox.switch(letsencrypt="pending")
    with inside(world.place) as daemon:
        look(daemon)
        assert len(daemon.events("certificate_awaited")) == 1
        assert len(daemon.events("ordered")) == 1
        world.place.sandbox.clock.advance(timedelta(minutes=2).total_seconds())

        look(daemon)

        shown = served(world.place.sandbox, SITE)
        assert "instead of Let's Encrypt" in shown.issuer.rfc4514_string()
        look(daemon)  # learns what was put there
        before = world.asked()
        look(daemon)
        assert world.asked() == before


def test_a_certificate_that_ends_soon_is_told_with_what_to_do(world: Certified) -> None:
    world.issue(days=(-1, 5))
    with inside(world.place) as daemon:
        daemon.jobs["expiry blog"].func()
        daemon.settle()
        (ending,) = [view for view in daemon.daemon.site("blog").expiry if view.what == "certificate"]
        how = "the daemon sends it within the hour, `deployer sync` at once."
        assert ending.what_to_do == f"Renew {world.place.folder}/fullchain.pem: {how}"
        world.issue(days=(-9, -2))
        daemon.jobs["expiry blog"].func()
        daemon.settle()
        (ending,) = [view for view in daemon.daemon.site("blog").expiry if view.what == "certificate"]

        assert "cannot be used" in ending.what_to_do
        (told,) = expiry.due([ending], ending.on)
        assert "has expired on" in told.text


def test_the_configuration_says_from_a_reload_on_whether_anybody_looks(world: Certified) -> None:
    world.issue()
    with inside(world.place) as daemon:
        assert "certificate blog" in daemon.jobs
        world.place.more["blog"] = f'app = {{ domain = "{SITE}" }}'
        assert world.place.config.exists()
        daemon.daemon.reload()
        assert "certificate blog" not in daemon.jobs


def test_a_daemon_that_starts_finds_what_was_renewed_while_it_was_down(world: Certified) -> None:
    first = world.issue()
    commit = world.place.repos["blog"].work.git("rev-parse", "main")
    with running(world.place) as daemon:
        assert until(lambda: daemon.is_live(commit))
        assert world.serial() == first.serial_number
    second = world.issue(days=(-1, 90))

    with running(world.place) as daemon:
        assert until(lambda: world.serial() == second.serial_number), daemon.log.read_text()

    key = "".join((world.place.folder / "privkey.pem").read_text().splitlines()[1:-1])
    kept = [world.place.folder / "daemon.log", *(world.place.folder / "state").rglob("*")]
    assert not [path for path in kept if path.is_file() and key[40:80].encode() in path.read_bytes()]
