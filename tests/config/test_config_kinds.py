"""Two kinds of site: what each needs, and what is said of what does not belong to it."""

import pytest

from deployer.config import AppOverrides, load_site
from deployer.config.site_file import AppTable
from deployer.errors import ConfigError
from deployer.model.site import AlwaysOnTask, Site, StaticHeader, WebAppSettings

PLATFORM = "https://www.pythonanywhere.com"
COMMAND = "uvicorn --uds ${DOMAIN_SOCKET} main:app"
ASGI = f'[app]\nkind = "asgi"\ncommand = "{COMMAND}"\n'


def load(text: str, *, overrides: AppOverrides | None = None) -> Site:
    return load_site(
        text.encode(), "pythonanywhere.toml", username="Alice", host=PLATFORM, overrides=overrides
    )


def problems(text: str, *, overrides: AppOverrides | None = None) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load(text, overrides=overrides)
    return caught.value.problems


def test_a_site_that_a_command_serves_has_nothing_of_a_web_app() -> None:
    site = load(f"{ASGI}enabled = false\n")

    assert (site.kind, site.command, site.enabled) == ("asgi", COMMAND, False)
    assert site.webapp == WebAppSettings()
    assert site.target == "/home/Alice/alice.pythonanywhere.com"


@pytest.mark.parametrize(
    ("line", "key", "advice"),
    [
        ('python = "3.12"', "python", "the command says itself what runs it"),
        ('wsgi = "wsgi.py"', "wsgi", "and no WSGI file"),
        ('virtualenv = "~/v"', "virtualenv", "name its programs in the command"),
        ('working_directory = "~/x"', "working_directory", "--app-dir ~/mysite"),
        ("force_https = true", "force_https", "let the application redirect"),
        ('password_protection = "staff"', "password_protection", "let the application ask"),
        ('[[static]]\nurl = "/s/"\npath = "s"', "static[0]", "let the application serve them"),
        (
            '[[static_header]]\nurl = "/s/"\nname = "A"\nvalue = "b"',
            "static_header[0]",
            "let the application send them",
        ),
    ],
)
def test_what_a_command_cannot_have_is_an_error_that_says_what_to_write(
    line: str, key: str, advice: str
) -> None:
    (problem,) = problems(ASGI + line)

    assert key in problem
    assert '(line 4): does not belong to a site of kind "asgi": ' in problem
    assert advice in problem


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("uvicorn main:app", "must listen on ${DOMAIN_SOCKET}: that is the Unix socket"),
        ("uvicorn --uds $DOMAIN_SOCKET main:app", "must listen on ${DOMAIN_SOCKET}, with its braces: "),
    ],
)
def test_a_command_that_listens_elsewhere_is_an_error(command: str, words: str) -> None:
    (problem,) = problems(f'[app]\nkind = "asgi"\ncommand = "{command}"')

    assert problem.startswith(f"app.command (line 3): {words}")


def test_kind_and_command_need_each_other() -> None:
    (missing,) = problems('[app]\nkind = "asgi"')
    (alone,) = problems(f'[app]\ncommand = "{COMMAND}"')

    assert missing.startswith('app.command (line 1): is missing: a site of kind "asgi" needs it, as in ')
    assert alone.startswith('app.command (line 2): belongs to a site of kind "asgi"')


def test_overrides_can_make_another_site_of_it_and_are_blamed_by_their_own_place() -> None:
    given = AppTable(kind="asgi", command=COMMAND)
    virtualenv = AppTable(kind="asgi", command=COMMAND, virtualenv="~/v")

    assert load("", overrides=AppOverrides(given)).command == COMMAND
    (own,) = problems("", overrides=AppOverrides(virtualenv, "/etc/deployer.toml", {"virtualenv": 7}))
    (files,) = problems('[app]\npython = "3.12"', overrides=AppOverrides(given))
    assert own.startswith("app.virtualenv (/etc/deployer.toml line 7): does not belong")
    assert files.startswith("app.python (line 2): does not belong")


def test_protection_is_a_name_or_false_and_else_not_ours() -> None:
    staff, open_, silent = (
        load(f"[app]\n{line}").webapp
        for line in ('password_protection = "staff"', "password_protection = false", "")
    )

    assert (staff.password_protection_enabled, staff.password_protection_username) == (True, "staff")
    assert (open_.password_protection_enabled, open_.password_protection_username) == (False, None)
    assert (silent.password_protection_enabled, silent.password_protection_username) == (None, None)


@pytest.mark.parametrize(
    ("written", "words"),
    [
        ("true", 'must be the name that visitors give, as in password_protection = "staff", or false'),
        ("1", 'must be a name in quotes, as in password_protection = "staff", or false'),
        ('"a:b"', 'must be one word of ASCII without a colon, which ends the name, not "a:b"'),
        ('""', 'must be one word of ASCII without a colon, which ends the name, not ""'),
    ],
)
def test_a_name_that_no_browser_could_send_is_an_error(written: str, words: str) -> None:
    assert problems(f"[app]\npassword_protection = {written}") == (
        f"app.password_protection (line 2): {words}",
    )


def test_headers_and_always_on_tasks_are_read() -> None:
    site = load(
        '[[static_header]]\nurl = "/s/"\nname = "Cache-Control"\nvalue = "no-store"\n'
        '[[always_on]]\nname = "worker"\ncommand = "run"\nrestart = "never"\n'
    )

    assert site.headers == (StaticHeader(url="/s/", name="Cache-Control", value="no-store"),)
    (worker,) = site.always_on
    assert worker == AlwaysOnTask(name="worker", command="run")
    assert worker.restart == "never"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            (
                '[[static_header]]\nurl = "/s"\nname = "A"\nvalue = "b"\n'
                '[[static_header]]\nurl = "/s/"\nname = "a"\nvalue = "b"'
            ),
            'static_header[1].name (line 7): "a" is already the name of static_header[0]',
        ),
        (
            '[[static_header]]\nurl = "/s"\nname = "A b"\nvalue = "b"',
            'static_header[0].name (line 3): must be the name of a header, like "Cache-Control", not "A b"',
        ),
        (
            '[[static_header]]\nurl = "/s"\nname = "A"\nvalue = " b"',
            "static_header[0].value (line 4): must be printable ASCII, without spaces at its ends",
        ),
        (
            '[[always_on]]\nname = "w"\ncommand = "a"\n[[always_on]]\nname = "w"\ncommand = "b"',
            'always_on[1].name (line 5): "w" is already the name of always_on[0]',
        ),
        (
            '[[always_on]]\nname = "w"\ncommand = "a"\nrestart = "always"',
            'always_on[0].restart (line 4): must be "deployment" or "never", not "always"',
        ),
    ],
)
def test_a_mistake_in_a_list_has_its_sentence(text: str, problem: str) -> None:
    assert problems(text) == (problem,)


def test_one_header_of_two_prefixes_is_no_mistake() -> None:
    text = '[[static_header]]\nurl = "/a/"\nname = "A"\nvalue = "b"\n'
    assert len(load(text + text.replace("/a/", "/b/")).headers) == 2
