"""pythonanywhere.toml: what it becomes, and what is said of a bad one."""

from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.config import AppOverrides, load_site
from deployer.config.notation import as_toml
from deployer.config.site_file import (
    AlwaysOnTable,
    AppTable,
    FilesTable,
    SiteFile,
    StaticHeaderTable,
    TaskTable,
)
from deployer.errors import ConfigError, Refused
from deployer.model.site import (
    FileRules,
    HealthCheck,
    Hook,
    MaxDelete,
    ScheduledTask,
    Site,
    StaticMapping,
)

PLATFORM = "https://www.pythonanywhere.com"
EXAMPLE = Path(__file__).parents[2] / "config" / "pythonanywhere.toml"


def load(text: str, *, overrides: AppOverrides | None = None) -> Site:
    return load_site(
        text.encode(), "pythonanywhere.toml", username="Alice", host=PLATFORM, overrides=overrides
    )


def test_an_empty_file_is_a_site_with_every_default() -> None:
    site = load("")
    assert site.domain == "alice.pythonanywhere.com"
    assert site.target == "/home/Alice/alice.pythonanywhere.com"
    assert site.files == FileRules()
    assert site.health == HealthCheck()
    assert site.webapp.source_directory == site.target
    assert site.webapp.working_directory is None
    assert site.webapp.python_version is None
    assert (site.wsgi, site.static, site.tasks) == (None, (), ())


def test_on_the_eu_host_the_default_domain_is_in_the_eu() -> None:
    site = load_site(b"", "x", username="Alice", host="https://eu.pythonanywhere.com")
    assert site.domain == "alice.eu.pythonanywhere.com"


def test_the_annotated_example_says_what_its_comments_say() -> None:
    site = load(EXAMPLE.read_text(encoding="utf-8"))
    assert site.target == "/home/Alice/mysite"
    assert site.webapp.virtualenv_path == "/home/Alice/.virtualenvs/mysite"
    assert site.webapp.force_https is True
    assert site.static == (StaticMapping(url="/static/", path="/home/Alice/mysite/static/"),)
    assert site.health == HealthCheck(path="/healthz", status=200, contains="ok", timeout_s=30.0, in_a_row=3)
    nightly, feeds = site.tasks
    assert (nightly.hour, nightly.minute, nightly.enabled) == (4, 10, True)
    assert isinstance(feeds, ScheduledTask)
    assert (feeds.interval, feeds.hour, feeds.minute) == ("hourly", None, 10)


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("static", "/home/Alice/mysite/static"),
        ("static/", "/home/Alice/mysite/static/"),
        ("../media/", "/home/Alice/media/"),
        ("~/media", "/home/Alice/media"),
        ("/usr/share/x/", "/usr/share/x/"),
    ],
)
def test_a_static_path_is_relative_to_the_target_or_the_home_or_absolute(path: str, expected: str) -> None:
    site = load(f'[app]\ntarget = "~/mysite"\n[[static]]\nurl = "/s/"\npath = "{path}"\n')
    assert site.static[0].path == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        ('"50%"', MaxDelete(share=0.5)),
        ('"0%"', MaxDelete(share=0.0)),
        ("12", MaxDelete(share=None, count=12)),
        ("0", MaxDelete(share=None, count=0)),
    ],
)
def test_max_delete_is_a_share_or_a_number(written: str, expected: MaxDelete) -> None:
    assert load(f"[files]\nmax_delete = {written}").files.max_delete == expected


@pytest.mark.parametrize(
    ("written", "expected"), [(".", ""), ("site", "site"), ("site/", "site"), ("a/../site", "site")]
)
def test_source_is_normalised(written: str, expected: str) -> None:
    assert load(f'[app]\nsource = "{written}"').files.source == expected


def test_overrides_replace_only_what_they_name() -> None:
    overrides = AppOverrides(AppTable(domain="staging.example.org", target="~/staging"))
    site = load('[app]\ndomain = "a.example.org"\npython = "3.12"\ntarget = "~/live"', overrides=overrides)
    assert (site.domain, site.target) == ("staging.example.org", "/home/Alice/staging")
    assert site.webapp.python_version == "3.12"


PROBLEMS = [
    ('[app]\npythn = "3.12"', "app.pythn (line 2): unknown key; did you mean app.python?"),
    ('exclude = ["a"]', "exclude (line 1): unknown key here; did you mean files.exclude?"),
    (
        'username = "alice"',
        (
            "username (line 1): is not said in the repository, but in deployer.toml or the environment"
            " of the machine that deploys"
        ),
    ),
    (
        "[qqq]",
        (
            "qqq (line 1): unknown key; known here are always_on, app, files, health, hook, static, "
            "static_header, task"
        ),
    ),
    (
        "[app]\npython = 3.12",
        'app.python (line 2): must be in quotes, as in python = "3.12": without them 3.10 would be 3.1',
    ),
    ('[app]\npython = "2.7"', 'app.python (line 2): must be a version like "3.12", not "2.7"'),
    ('[app]\nsource = "../.."', 'app.source (line 2): leads out of the repository: "../.."'),
    ('[app]\nsource = "/srv"', 'app.source (line 2): must be a path inside the repository, not "/srv"'),
    ('[app]\nwsgi = "."', 'app.wsgi (line 2): must name a file of the repository, not "."'),
    (
        '[app]\ndomain = "https://a.org/"',
        'app.domain (line 2): must be the bare name, without https:// and without /, not "https://a.org/"',
    ),
    (
        '[app]\ndomain = "alice"',
        'app.domain (line 2): must be a domain name like "alice.pythonanywhere.com", not "alice"',
    ),
    (
        '[app]\ntarget = "mysite"',
        'app.target (line 2): must start with ~/ (the account\'s home) or /, as in "~/mysite"',
    ),
    (
        '[app]\nforce_https = "yes"',
        "app.force_https (line 2): must be true or false, without quotes, not text",
    ),
    (
        '[files]\nexclude = "tests/"',
        'files.exclude (line 2): must be a list, not text, as in exclude = ["tests/", "*.md"]',
    ),
    (
        '[files]\nprune = "mirror"',
        'files.prune (line 2): must be "managed", "all" or "never", not "mirror"',
    ),
    (
        "[files]\nmax_delete = true",
        'files.max_delete (line 2): must be a share from "0%" to "100%" or a number of files, not true',
    ),
    (
        '[files]\nallow = [\n  "a.env",\n  "*.pem",\n]',
        'files.allow[1] (line 4): names files one by one, patterns are not understood here: "*.pem"',
    ),
    (
        '[static]\nurl = "/s/"',
        "static (line 1): must be a list of tables, not a table: write [[static]], with two brackets",
    ),
    (
        '[[static]]\nurl = "/s/"\npath = "a"\n[[static]]\nurl = "/s"\npath = "b"',
        'static[1].url (line 5): "/s" is already the url of static[0]',
    ),
    (
        '[[task]]\nname = "a"\ncommand = "x"\nat = "25:00"',
        'task[0].at (line 4): has an hour beyond 23: "25:00"',
    ),
    (
        '[[task]]\nname = "a"\ncommand = "x"\nat = "4pm"',
        'task[0].at (line 4): must be a time like "04:10", not "4pm"',
    ),
    (
        '[[task]]\nname = "a"\ncommand = "x"',
        'task[0].at (line 1): is missing: a daily task needs it, as in at = "04:10" (UTC)',
    ),
    (
        '[[task]]\nname = "a"\ncommand = "x"\ninterval = "hourly"\nminute = 60',
        "task[0].minute (line 5): must be at most 59, not 60",
    ),
    (
        '[[task]]\nname = "a"\ncommand = "x"\ninterval = "hourly"\nminute = 1\nat = "04:10"',
        "task[0].at (line 6): does not belong to an hourly task, which runs at its `minute`",
    ),
    (
        '[[task]]\nname = "a"\ncommand = "x"\nat = "04:10"\n[[task]]\nname = "a"\ncommand = "y"\nat = "5:10"',
        'task[1].name (line 6): "a" is already the name of task[0]',
    ),
    (
        '[[task]]\nname = "a"\nat = "04:10"',
        'task[0].command (line 1): is missing, as in command = "python manage.py clearsessions"',
    ),
    (
        "[health]\ntimeout = 30",
        'health.timeout (line 2): must be a duration in quotes, with its unit, as in "30s"',
    ),
    ('[health]\npath = "ok"', 'health.path (line 2): must start with /, as in "/ok"'),
    (
        "[app\n",
        "line 1, column 5: is not TOML: expected ']' at the end of a table declaration",
    ),
    (
        "[app]\ntarget = ~/mysite",
        (
            "line 2, column 10: is not TOML: a value is expected here"
            " (text is written in quotes; true and false without)"
        ),
    ),
    ("[app]\n[app]", "line 2, column 5: is not TOML: this table is already opened above"),
]


@pytest.mark.parametrize(("text", "message"), PROBLEMS)
def test_each_mistake_has_its_sentence(text: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(text)
    assert caught.value.problems == (message,)


def test_bytes_that_are_not_utf8_are_said_with_their_line() -> None:
    with pytest.raises(ConfigError) as caught:
        load_site(b'[app]\ndomain = "\xff"', "p", username="alice", host=PLATFORM)
    assert caught.value.problems == ("line 2: is not UTF-8 text (byte 0xff)",)


def test_the_mark_and_line_ends_of_windows_are_fine() -> None:
    text = b'\xef\xbb\xbf[app]\r\ntarget = "~/x"\r\n'
    site = load_site(text, "p", username="alice", host=PLATFORM)
    assert site.target == "/home/alice/x"


def test_everything_wrong_is_told_at_once_in_the_order_of_the_file() -> None:
    text = '[[task]]\nnme = "a"\n[files]\nprune = "x"\n[app]\npython = "4"\ntarget = "~"\n'
    with pytest.raises(ConfigError) as caught:
        load(text)
    lines = [problem.split(": ")[0] for problem in caught.value.problems]
    assert lines == [
        "task[0].name (line 1)",
        "task[0].command (line 1)",
        "task[0].at (line 1)",
        "task[0].nme (line 2)",
        "files.prune (line 4)",
        "app.python (line 6)",
        "app.target (line 7)",
    ]
    assert str(caught.value).startswith("pythonanywhere.toml: 7 problems\n")


ADVICE = 'write a folder of its own below the home, as in target = "~/mysite"'


@pytest.mark.parametrize(
    ("target", "danger"),
    [
        ("~", "/home/Alice is the whole home of Alice, not a folder for one site"),
        ("~/x/..", "/home/Alice is the whole home of Alice, not a folder for one site"),
        ("/home/Alice/", "/home/Alice is the whole home of Alice, not a folder for one site"),
        ("/home/alice/x", "/home/alice/x belongs to another user, not to Alice"),
        ("~bob/x", "/home/bob/x belongs to another user, not to Alice"),
        ("~/../bob", "/home/bob belongs to another user, not to Alice"),
        ("/home", "/home is outside /home/Alice"),
        ("//var/www", "/var/www is outside /home/Alice"),
        ("~/.deployer", "/home/Alice/.deployer is where the deployer keeps its own record"),
        ("~/.deployer/x", "/home/Alice/.deployer/x is where the deployer keeps its own record"),
    ],
)
def test_a_dangerous_target_is_refused(target: str, danger: str) -> None:
    with pytest.raises(Refused) as caught:
        load(f'[app]\ntarget = "{target}"')
    assert caught.value.refusals == (f"app.target (pythonanywhere.toml line 2): {danger}; {ADVICE}",)
    assert caught.value.exit_status == 3


def test_a_dangerous_override_is_refused_with_its_own_place() -> None:
    overrides = AppOverrides(AppTable(target="/etc"), "/etc/deployer/deployer.toml", {"target": 30})
    with pytest.raises(
        Refused, match=r"app\.target \(/etc/deployer/deployer\.toml line 30\): /etc is outside"
    ):
        load('[app]\ntarget = "~/fine"', overrides=overrides)


def test_a_name_that_only_begins_like_our_record_is_fine() -> None:
    assert load('[app]\ntarget = "~/.deployer-site"').target == "/home/Alice/.deployer-site"


SHAPES = st.recursive(
    st.one_of(st.booleans(), st.integers(), st.text(max_size=8), st.sampled_from(["~", "/", "a/b", "asgi"])),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=4,
)
KEYS = st.sampled_from(
    [
        *AppTable.model_fields,
        *FilesTable.model_fields,
        *TaskTable.model_fields,
        *StaticHeaderTable.model_fields,
        *AlwaysOnTable.model_fields,
        "x",
    ]
)


@given(
    st.dictionaries(
        st.sampled_from([*SiteFile.model_fields, "x"]),
        st.dictionaries(KEYS, SHAPES, max_size=4),
    ),
    st.booleans(),
)
def test_whatever_toml_can_say_is_a_site_or_a_known_error(
    tables: dict[str, dict[str, object]], arrays: bool
) -> None:
    opening, closing = ("[[", "]]") if arrays else ("[", "]")
    text = "".join(
        f"{opening}{name}{closing}\n" + "".join(f"{key} = {as_toml(value)}\n" for key, value in table.items())
        for name, table in tables.items()
    )
    try:
        site = load(text)
    except (ConfigError, Refused):
        return
    assert site.target.startswith("/home/Alice/")


@given(st.binary(max_size=80))
def test_whatever_bytes_there_are_no_other_error_leaves(data: bytes) -> None:
    with suppress(ConfigError, Refused):
        load_site(data, "x", username="alice", host=PLATFORM)


def test_hooks_are_resolved_with_their_defaults() -> None:
    text = """
[[hook]]
at = "before_reload"
command = "python manage.py migrate"
[[hook]]
at = "after_live"
command = "warm"
when = ["changed:requirements.txt", "changed:*/migrations/"]
timeout = "30m"
via = "task"
"""
    first, second = load(text).hooks
    assert first == Hook(at="before_reload", command="python manage.py migrate")
    assert second == Hook(
        at="after_live",
        command="warm",
        changed=("requirements.txt", "*/migrations/"),
        timeout_s=1800.0,
        via="task",
    )


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('when = "requirements.txt"', 'must be "changed:" and a pattern of paths, as in when = '),
        ('when = "changed:"', 'must be "changed:" and a pattern of paths'),
        ("when = []", "must be a condition in quotes, as in when = "),
        ("when = true", "must be a condition in quotes"),
        ('when = "changed:!"', "is not a gitignore pattern"),
        ('at = "now"', """must be "before_reload" or "after_live", not "now\""""),
        ('via = "ssh"', 'must be "auto", "console" or "task", not "ssh"'),
        ('timeout = "13h"', 'must be at most "12h"'),
    ],
)
def test_a_bad_hook_is_told_what_to_write(line: str, words: str) -> None:
    at = "" if line.startswith("at") else 'at = "after_live"\n'
    with pytest.raises(ConfigError) as caught:
        load(f'[[hook]]\ncommand = "x"\n{at}{line}\n')
    (problem,) = caught.value.problems
    assert problem.startswith("hook")
    assert words in problem
