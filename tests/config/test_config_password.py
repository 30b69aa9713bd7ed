"""The password of a protected site: where it is found, and that it is shown nowhere."""

from pathlib import Path

import pytest

from deployer.config import CommandLine, Context, describe, effective, every_site, load_machine
from deployer.errors import ConfigError, UsageError

PASSWORD = "open-sesame"
ONE_SITE = """
[account.alice]
username = "alice"
[site.blog]
account = "alice"
repo = "blog"
password = { file = "password" }
"""
TWO_SITES = f'{ONE_SITE}[site.shop]\naccount = "alice"\nrepo = "shop"\n'


def context(folder: Path, text: str = ONE_SITE, environ: dict[str, str] | None = None) -> Context:
    path = folder / "deployer.toml"
    path.write_text(text)
    return effective(CommandLine(config=path, site="blog"), environ or {}, folder)


def kept(folder: Path, content: str = f"{PASSWORD}\n") -> None:
    (folder / "password").write_text(content)
    (folder / "password").chmod(0o600)


def test_it_is_read_from_where_the_site_says_and_never_shown(tmp_path: Path) -> None:
    kept(tmp_path)

    found = context(tmp_path)

    assert found.password.value is not None
    assert found.password.value.reveal() == PASSWORD
    (shown,) = (line for line in describe(found) if line.key == "site.password")
    assert (shown.value, shown.origin) == ('"***"', f"{tmp_path / 'deployer.toml'} line 7")
    assert PASSWORD not in repr(found)


def test_the_environment_comes_first_for_a_run_by_hand(tmp_path: Path) -> None:
    kept(tmp_path)

    found = context(tmp_path, environ={"DEPLOYER_SITE_PASSWORD": "other"})

    assert found.password.value is not None
    assert found.password.value.reveal() == "other"


def test_one_that_cannot_be_read_is_no_error_until_a_commit_wants_it(tmp_path: Path) -> None:
    found = context(tmp_path)

    assert found.password.value is None
    assert found.password_problem == f"{tmp_path / 'password'} cannot be read: No such file or directory"


def test_a_file_that_others_can_read_is_warned_of(tmp_path: Path) -> None:
    kept(tmp_path)
    (tmp_path / "password").chmod(0o644)

    assert any("chmod 600" in warning for warning in context(tmp_path).warnings)


def test_it_is_not_written_into_the_file_itself(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        context(tmp_path, ONE_SITE.replace('{ file = "password" }', f'"{PASSWORD}"'))

    assert "is never written in this file" in str(caught.value)
    assert PASSWORD not in str(caught.value)


def test_a_daemon_does_not_take_one_password_for_all_its_sites(tmp_path: Path) -> None:
    path = tmp_path / "deployer.toml"
    path.write_text(TWO_SITES)

    with pytest.raises(UsageError, match="DEPLOYER_SITE_PASSWORD would be used for every site"):
        every_site(load_machine(path), {"DEPLOYER_SITE_PASSWORD": PASSWORD})
