"""`deployer service` below another root: which files it writes, keeps and refuses to touch."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.cli.project import Ended

CONFIG = """
[daemon]
socket = "/run/deployer/deployer.sock"

[account.alice]
username = "alice"
token = { credential = "alice-token" }

[site.blog]
account = "alice"
repo = "/srv/git/blog.git"
"""
UNITS = ["deployer-control.socket", "deployer.service", "deployer.socket"]


@dataclass(frozen=True, slots=True)
class Image:
    """A root of another system, and an account whose home is beside it."""

    folder: Path

    @property
    def units(self) -> Path:
        return self.folder / "image/etc/systemd/system"

    @property
    def config(self) -> Path:
        return self.folder / "deployer.toml"

    def service(self, *arguments: str) -> Ended:
        ended = subprocess.run(
            [sys.executable, "-m", "deployer", "service", *arguments, "--root", str(self.folder / "image")],
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder)},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        return Ended(ended.returncode, ended.stdout, ended.stderr)

    def install(self, *arguments: str) -> Ended:
        return self.service("install", "--config", str(self.config), *arguments)

    def written(self) -> list[str]:
        return sorted(path.name for path in self.units.glob("*"))


@pytest.fixture
def image(tmp_path: Path) -> Image:
    made = Image(tmp_path)
    made.config.write_text(CONFIG)
    return made


def test_writes_the_units_of_this_installation(image: Image) -> None:
    ended = image.install()

    assert ended.status == 0, ended.err
    assert image.written() == UNITS
    text = (image.units / "deployer.service").read_text()
    assert f"deployer run --config {image.config}\n" in text
    assert f"LoadCredential=alice-token:{image.folder}/credentials/alice-token\n" in text
    for unit in UNITS:
        assert f"wrote {image.units / unit}" in ended.out
    assert f"systemctl --root={image.folder / 'image'} enable" in ended.out


def test_says_what_would_keep_it_from_working(image: Image) -> None:
    told = image.install().out

    assert "note: the credential alice-token is not there: install -D -m 600" in told
    assert f"note: {image.config} is below a temporary folder" in told


def test_a_dry_run_writes_nothing(image: Image) -> None:
    ended = image.install("--dry-run")

    assert ended.status == 0
    assert "ExecStart=" in ended.out
    assert image.written() == []


def test_installing_again_changes_what_has_changed(image: Image) -> None:
    image.install()
    image.config.write_text(CONFIG.replace("[daemon]", '[daemon]\nlisten = "127.0.0.1:9000"'))
    ended = image.install()

    assert f"as it was: {image.units / 'deployer.service'}" in ended.out
    assert f"wrote {image.units / 'deployer.socket'}" in ended.out
    assert "ListenStream=127.0.0.1:9000\n" in (image.units / "deployer.socket").read_text()


def test_a_unit_of_somebody_else_is_replaced_only_by_force(image: Image) -> None:
    image.units.mkdir(parents=True)
    (image.units / "deployer.socket").write_text("[Socket]\nListenStream=1\n")
    refused = image.install()

    assert refused.status == 2
    assert "deployer.socket: not written by deployer" in refused.err
    assert image.written() == ["deployer.socket"]
    assert image.install("--force").status == 0
    assert image.written() == UNITS


def test_removes_what_it_wrote_and_nothing_else(image: Image) -> None:
    image.install()
    image.install("--name", "second")
    (image.units / "deployer.socket").write_text("[Socket]\nListenStream=1\n")
    (image.units / "deployer.service.d").mkdir()
    ended = image.service("uninstall")

    assert ended.status == 0, ended.err
    assert image.written() == [
        "deployer-second-control.socket",
        "deployer-second.service",
        "deployer-second.socket",
        "deployer.service.d",
        "deployer.socket",
    ]
    assert f"kept {image.units / 'deployer.socket'}: not written by deployer" in ended.out
    assert f"kept {image.units / 'deployer.service.d'}: your changes" in ended.out
    assert "kept /var/lib/deployer: its state" in ended.out


def test_there_has_to_be_something_to_remove(image: Image) -> None:
    ended = image.service("uninstall")

    assert ended.status == 2
    assert "Nothing was removed." in ended.err


def test_a_service_of_ones_own_needs_no_root(image: Image) -> None:
    ended = image.install("--user")

    assert ended.status == 0, ended.err
    folder = image.folder / "image" / image.folder.relative_to("/") / ".config/systemd/user"
    text = (folder / "deployer.service").read_text()
    assert "WantedBy=default.target" in text
    assert "DynamicUser" not in text
    assert f"DEPLOYER_STATE={image.folder}/.local/state/deployer" in text


@pytest.mark.parametrize("name", ["control", "a-control", "../x", "a b", "ä", ""])
def test_a_name_that_no_unit_could_have_is_refused(image: Image, name: str) -> None:
    ended = image.install("--name", name)

    assert ended.status == 2
    assert "letters, digits" in ended.err
    assert image.written() == []


def test_a_configuration_with_problems_is_not_installed(image: Image) -> None:
    image.config.write_text("[site.blog]\n")
    ended = image.install()

    assert ended.status == 2
    assert "site.blog" in ended.err
    assert image.written() == []
