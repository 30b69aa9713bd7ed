"""deployer.toml, the environment and the command line: what is in force, from where, and what is said."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from deployer.config import (
    CommandLine,
    Context,
    control_socket,
    describe,
    effective,
    every_site,
    load_machine,
    load_site,
    platform_host,
    state_directory,
)
from deployer.errors import ConfigError, UsageError

EXAMPLE = Path(__file__).parents[2] / "config" / "deployer.toml"
TOKEN = "0123456789abcdef"

TWO_SITES = """
[account.alice]
username = "alice"
token = { env = "ALICE_TOKEN" }
[account.bob]
username = "bob"
[site.blog]
account = "alice"
repo = "blog"
[site.shop]
account = "bob"
repo = "https://example.org/shop.git"
branch = "live"
app = { target = "~" }
"""
ONE_SITE = TWO_SITES[: TWO_SITES.index("[site.shop]")]


@pytest.fixture
def machine_file(tmp_path: Path) -> Path:
    return tmp_path / "deployer.toml"


def context(
    path: Path,
    text: str,
    environ: dict[str, str] | None = None,
    *,
    site: str | None = None,
    repo: str | None = None,
) -> Context:
    path.write_text(text, encoding="utf-8")
    return effective(CommandLine(config=path, site=site, repo=repo), environ or {}, path.parent)


def test_the_annotated_example_loads() -> None:
    machine = load_machine(EXAMPLE)
    assert set(machine.accounts) == {"alice", "bob"}
    assert set(machine.sites) == {"blog", "staging"}
    assert machine.overrides("blog") is None
    overrides = machine.overrides("staging")
    assert overrides is not None
    assert overrides.app.target == "~/staging"


PROBLEMS = [
    (
        f'token = "{TOKEN}"',
        (
            "account.alice.token (line 3): is never written in this file; say where it is kept instead: "
            '{ file = "~/.config/deployer/alice-token" }, { env = "ALICE_TOKEN" } or, under systemd, '
            '{ credential = "alice-token" }'
        ),
    ),
    ("token = {}", "account.alice.token (line 3): needs exactly one of credential, env and file"),
    (
        'token = { env = "A", file = "b" }',
        "account.alice.token (line 3): needs exactly one of credential, env and file",
    ),
    (
        'token = { credential = "../x" }',
        (
            "account.alice.token.credential (line 3): must be a name of letters, digits,"
            " dots, dashes and underscores"
        ),
    ),
    (
        'host = "http://www.pythonanywhere.com"',
        (
            "account.alice.host (line 3): would send the token unencrypted to www.pythonanywhere.com;"
            ' write "https://www.pythonanywhere.com"'
        ),
    ),
    ("requests_per_minute = -1", "account.alice.requests_per_minute (line 3): must be at least 0, not -1"),
    ('tokn = "x"', "account.alice.tokn (line 3): unknown key; did you mean account.alice.token?"),
    (
        '[site.x]\naccount = "alicee"\nrepo = "r"',
        'site.x.account (line 4): there is no [account.alicee] here; did you mean "alice"?',
    ),
    (
        '[site.x]\naccount = "alice"\nrepo = "https://secret@example.org/r"',
        (
            "site.x.repo (line 5): must not hold a user name or password; use git's credential helper,"
            " or an SSH"
            ' address as in "git@example.org:blog.git"'
        ),
    ),
    (
        '[site.x]\naccount = "alice"\nrepo = "https://example.org/r"\nwatch = true',
        "site.x.watch (line 6): cannot watch a URL; `poll` and `webhook` see its pushes",
    ),
    (
        '[site.x]\naccount = "alice"\nrepo = "r"\ntls = "yes"',
        'site.x.tls (line 6): must be "letsencrypt", or { certificate = "…", private_key = "…" }',
    ),
    (
        '[site.x]\naccount = "alice"\nrepo = "r"\ntls = { certificate = "c" }',
        (
            "site.x.tls.private_key (line 6): is missing, as in private_key = "
            '"/etc/letsencrypt/live/example.org/privkey.pem"'
        ),
    ),
    (
        '[site.x]\naccount = "alice"\nrepo = "r"\napp = { targt = "~/x" }',
        "site.x.app.targt (line 6): unknown key; did you mean site.x.app.target?",
    ),
    (
        '[daemon]\nstate = "~nobody-at-all/x"',
        'daemon.state (line 4): names a home that is not on this machine: "~nobody-at-all/x"',
    ),
    (
        '[site.x]\naccount = "alice"\nrepo = "~nobody-at-all/x"',
        'site.x.repo (line 5): names a home that is not on this machine: "~nobody-at-all/x"',
    ),
    (
        '[daemon]\nlisten = "8042"',
        'daemon.listen (line 4): must be an address and a port, as in "127.0.0.1:8042", not "8042"',
    ),
]


@pytest.mark.parametrize(("text", "message"), PROBLEMS)
def test_each_mistake_has_its_sentence(machine_file: Path, text: str, message: str) -> None:
    machine_file.write_text(f'[account.alice]\nusername = "alice"\n{text}\n', encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_machine(machine_file)
    assert caught.value.problems == (message,)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize("text", [f"token = {TOKEN}", f'token = "{TOKEN}', f"token {TOKEN}"])
def test_a_token_in_broken_toml_is_not_shown(machine_file: Path, text: str) -> None:
    machine_file.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_machine(machine_file)
    assert TOKEN not in str(caught.value)


def test_the_environment_alone_is_enough(tmp_path: Path) -> None:
    environ = {
        "PYTHONANYWHERE_USERNAME": "Alice",
        "API_TOKEN": f"{TOKEN}\n",
        "PYTHONANYWHERE_SITE": "eu.pythonanywhere.com",
        "DEPLOYER_CONFIG": "/dev/null",
    }
    found = effective(CommandLine(), environ, tmp_path)
    assert found.account.username.value == "Alice"
    assert found.account.host.value == "https://eu.pythonanywhere.com"
    assert found.account.required_token().reveal() == TOKEN
    assert found.account.token.origin == "environment (API_TOKEN)"
    assert (found.site, found.branch.value, found.repo.value) == (None, None, str(tmp_path))


def test_the_only_site_needs_no_name(machine_file: Path) -> None:
    found = context(machine_file, ONE_SITE, {"ALICE_TOKEN": TOKEN})
    assert found.site == "blog"
    assert found.repo.value == str(machine_file.parent / "blog")
    assert found.branch.value == "main"
    assert found.branch.origin == "default"
    assert found.account.required_token().reveal() == TOKEN
    assert found.account.token.origin == f"{machine_file} line 4"


def test_of_several_sites_one_must_be_named(machine_file: Path) -> None:
    with pytest.raises(UsageError, match=r"which site\? There are blog, shop"):
        context(machine_file, TWO_SITES)
    assert context(machine_file, TWO_SITES, site="shop").branch.value == "live"


def test_a_site_that_is_not_there_is_told_with_those_that_are(machine_file: Path) -> None:
    with pytest.raises(UsageError, match="no site blok, only blog, shop"):
        context(machine_file, TWO_SITES, site="blok")


def test_the_command_line_beats_the_environment_beats_the_file(machine_file: Path) -> None:
    environ = {"PYTHONANYWHERE_USERNAME": "carol", "API_TOKEN": TOKEN, "DEPLOYER_CONFIG": "/nowhere"}
    found = context(machine_file, ONE_SITE, environ, repo="/srv/other")
    assert (found.repo.value, found.repo.origin) == ("/srv/other", "command line (--repo)")
    assert found.account.username.value == "carol"
    assert found.account.username.origin == "environment (PYTHONANYWHERE_USERNAME)"
    assert found.account.host.origin == "default"


def test_an_override_that_endangers_the_home_is_told_with_its_line(machine_file: Path) -> None:
    found = context(machine_file, TWO_SITES, site="shop")
    with pytest.raises(Exception, match=rf"app\.target \({machine_file} line 14\): /home/bob is the whole"):
        load_site(b"", "x", username="bob", host=found.account.host.value, overrides=found.overrides)


def test_without_an_account_every_way_to_name_one_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="Set PYTHONANYWHERE_USERNAME and API_TOKEN, or name a file"):
        effective(CommandLine(), {"DEPLOYER_CONFIG": "/dev/null"}, tmp_path)


def test_without_a_token_the_rest_is_known_and_every_way_to_give_one_is_told(machine_file: Path) -> None:
    found = context(machine_file, ONE_SITE)
    with pytest.raises(UsageError) as caught:
        found.account.required_token()
    text = str(caught.value)
    assert "no API token for alice: the environment variable ALICE_TOKEN is not set" in text
    assert all(way in text for way in ("API_TOKEN", "file = ", "env = ", "credential = "))


def test_a_credential_is_read_as_systemd_gives_it(machine_file: Path) -> None:
    (machine_file.parent / "alice-token").write_text(f"{TOKEN}\n", encoding="utf-8")
    text = ONE_SITE.replace('env = "ALICE_TOKEN"', 'credential = "alice-token"')
    found = context(machine_file, text, {"CREDENTIALS_DIRECTORY": str(machine_file.parent)})
    assert found.account.required_token().reveal() == TOKEN
    assert found.warnings == ()
    with pytest.raises(UsageError, match="only there for a process that systemd started"):
        context(machine_file, text).account.required_token()


@pytest.mark.parametrize(("mode", "warned"), [(0o600, False), (0o640, True), (0o604, True)])
def test_a_token_file_that_others_can_read_is_warned_of(machine_file: Path, mode: int, warned: bool) -> None:
    file = machine_file.parent / "token"
    file.write_text(TOKEN, encoding="utf-8")
    file.chmod(mode)
    found = context(machine_file, ONE_SITE.replace('env = "ALICE_TOKEN"', 'file = "token"'))
    assert found.account.required_token().reveal() == TOKEN
    assert [str(file) in warning for warning in found.warnings] == [True] * warned


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ("www.pythonanywhere.com", "https://www.pythonanywhere.com"),
        ("https://eu.pythonanywhere.com/", "https://eu.pythonanywhere.com"),
        ("localhost:8000", "https://localhost:8000"),
        ("127.0.0.1:8000", "https://127.0.0.1:8000"),
        ("http://127.0.0.1:8000/", "http://127.0.0.1:8000"),
        ("http://localhost:8000", "http://localhost:8000"),
    ],
)
def test_the_host_is_taken_as_the_platforms_own_clients_take_it(written: str, expected: str) -> None:
    assert platform_host(written) == expected


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("alice.pythonanywhere.com", "is the address of a site"),
        ("pythonanywhere.com", 'must be "https://www.pythonanywhere.com"'),
        ("https://www.pythonanywhere.com/api/v0/", "must be the bare address"),
        ("https://me:pw@www.pythonanywhere.com", "must not hold a user name or password"),
        ("http://10.0.0.1", "would send the token unencrypted"),
        ("ftp://x", "must be an address like"),
        ("http://[::1", "is not an address"),
    ],
)
def test_a_host_that_cannot_be_meant_is_refused(tmp_path: Path, written: str, words: str) -> None:
    environ = {
        "PYTHONANYWHERE_USERNAME": "alice",
        "PYTHONANYWHERE_SITE": written,
        "DEPLOYER_CONFIG": "/dev/null",
    }
    with pytest.raises(ConfigError, match=f"PYTHONANYWHERE_SITE: .*{words}"):
        effective(CommandLine(), environ, tmp_path)


def test_the_state_folder_is_named_by_the_first_that_says_it(
    machine_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = machine_file.parent
    machine_file.write_text(f'[daemon]\nstate = "{folder}/file"\n', encoding="utf-8")
    machine = load_machine(machine_file)
    monkeypatch.setenv("HOME", str(folder))
    environ = {"STATE_DIRECTORY": f"{folder}/systemd:/other", "XDG_STATE_HOME": f"{folder}/xdg"}
    assert state_directory(machine, {"DEPLOYER_STATE": f"{folder}/env"}).value == folder / "env"
    assert state_directory(machine, environ).value == folder / "file"
    assert control_socket(machine, environ).value == folder / "file" / "deployer.sock"
    assert state_directory(None, environ).value == folder / "systemd"
    del environ["STATE_DIRECTORY"]
    assert state_directory(None, environ).value == folder / "xdg" / "deployer"
    assert state_directory(None, {}).value == folder / ".local" / "state" / "deployer"


def test_the_current_folder_is_never_trusted_with_a_deployer_toml(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A repository is other people's text, and this file decides where a token goes."""
    (tmp_path / "deployer.toml").write_text(ONE_SITE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("deployer.config.machine.SERVICE_FILE", tmp_path / "none" / "deployer.toml")
    environ = {"PYTHONANYWHERE_USERNAME": "alice", "XDG_CONFIG_HOME": str(tmp_path / "none")}
    assert effective(CommandLine(), environ, tmp_path).site is None


def test_the_users_own_file_is_found(tmp_path: Path) -> None:
    file = tmp_path / "deployer" / "deployer.toml"
    file.parent.mkdir()
    file.write_text(ONE_SITE, encoding="utf-8")
    assert effective(CommandLine(), {"XDG_CONFIG_HOME": str(tmp_path)}, tmp_path).site == "blog"


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"gone\.toml cannot be read: No such file"):
        effective(CommandLine(config=tmp_path / "gone.toml"), {}, tmp_path)


def test_a_daemon_has_every_site_and_shares_no_token_among_accounts(machine_file: Path) -> None:
    machine_file.write_text(TWO_SITES, encoding="utf-8")
    machine = load_machine(machine_file)
    assert [found.account.username.value for found in every_site(machine, {})] == ["alice", "bob"]
    with pytest.raises(UsageError, match=r"API_TOKEN would be used for every account of .*: alice, bob"):
        every_site(machine, {"API_TOKEN": TOKEN})


def test_the_description_has_origins_and_no_secret(machine_file: Path) -> None:
    found = context(machine_file, TWO_SITES, {"API_TOKEN": TOKEN}, site="shop")
    lines = {line.key: (line.value, line.origin) for line in describe(found)}
    assert lines["account.username"] == ('"bob"', f"{machine_file} line 6")
    assert lines["account.token"] == ('"***"', "environment (API_TOKEN)")
    assert lines["site.branch"] == ('"live"', f"{machine_file} line 13")
    assert lines["site.poll"] == ('"5m"', "default")
    assert lines["site.app.target"] == ('"~"', f"{machine_file} line 14")
    assert TOKEN not in str(lines)
    assert TOKEN not in repr(found)


def test_every_value_of_the_example_is_described_as_toml() -> None:
    for site, expected in [("blog", "site.drift"), ("staging", "site.tls")]:
        given = CommandLine(config=EXAMPLE, site=site)
        lines = describe(effective(given, {"API_TOKEN": TOKEN}, EXAMPLE.parent))
        values = {line.key: tomllib.loads(f"value = {line.value}") for line in lines if line.value[0] != "#"}
        assert values[expected]["value"] in (
            {"every": "6h", "action": "report"},
            {
                "certificate": "/etc/ssl/staging/fullchain.pem",
                "private_key": "/etc/ssl/staging/privkey.pem",
            },
        )


def test_nothing_heavy_is_imported() -> None:
    heavy = "{'requests', 'git', 'rich', 'typer', 'starlette', 'uvicorn'}"
    code = f"import sys, deployer.config; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
