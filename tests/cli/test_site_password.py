"""The password of a protected site, from the machine that deploys to its visitors, with the real command."""

from pathlib import Path

import requests

from tests.cli.project import CONFIG, WSGI, project

PASSWORD = "open-sesame-4711"
PROTECTED = CONFIG.replace("[app]\n", '[app]\npassword_protection = "staff"\n')


def test_it_comes_from_the_environment_or_the_machines_file_and_is_printed_nowhere(tmp_path: Path) -> None:
    with project(tmp_path) as site:
        site.commit({"pythonanywhere.toml": PROTECTED, "wsgi.py": WSGI})
        (tmp_path / "secret").write_text(PASSWORD)
        (tmp_path / "secret").chmod(0o600)
        machine = tmp_path / "deployer.toml"
        machine.write_text(
            f'[account.a]\nusername = "alice"\nhost = "{site.sandbox.url}"\n'
            f'[site.s]\naccount = "a"\nrepo = "{site.repo.path}"\npassword = {{ file = "secret" }}\n'
        )

        missing = site.run("plan")
        by_hand = site.run("sync", "--json", DEPLOYER_SITE_PASSWORD=PASSWORD)
        shown = site.run("config", "--config", str(machine))
        by_file = site.run("sync", "--config", str(machine))

        ends = {}
        for password in (PASSWORD, "wrong"):
            asked = requests.get(
                site.sandbox.url,
                headers={"Host": "alice.pythonanywhere.com"},
                auth=("staff", password),
                timeout=10,
            )
            ends[password] = asked.status_code

    assert missing.status == 2
    assert "set DEPLOYER_SITE_PASSWORD" in missing.err
    assert (by_hand.status, by_file.status) == (0, 0), by_hand.err + by_file.err
    assert "is in sync with" in by_file.out
    assert "site.password" in shown.out
    assert ends == {PASSWORD: 200, "wrong": 401}
    for ended in (by_hand, shown, by_file):
        assert PASSWORD not in ended.out + ended.err
