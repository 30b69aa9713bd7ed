"""The rules of the WSGI file: the syntax of Python 3.6, its standard library, no way out of its process."""

import ast

import pytest

from deployer.model.release import SWITCH_BEGINS
from deployer.release import switch_source

OLDEST = (3, 6)
ALLOWED = {
    "contextlib",
    "errno",
    "fcntl",
    "hashlib",
    "importlib.machinery",
    "json",
    "os",
    "shutil",
    "stat",
    "sys",
    "time",
    "traceback",
    "zipfile",
    "zlib",
}
"""All of them older than Python 3.6. Neither `subprocess` nor `socket` nor anything built on them."""
STARTS_PROCESSES = {"system", "popen", "fork", "forkpty", "posix_spawn", "posix_spawnp", "startfile"}

SOURCE = switch_source(
    target="/home/alice/my site", record="/home/alice/.deployer/alice.example.org"
).decode()


@pytest.fixture(scope="module")
def tree() -> ast.Module:
    return ast.parse(SOURCE, feature_version=OLDEST)


def test_it_can_be_read_by_the_oldest_python_that_the_platform_has(tree: ast.Module) -> None:
    assert tree.body
    assert SOURCE.isascii()
    with pytest.raises(SyntaxError):  # or the check would prove nothing
        ast.parse("if (n := 1): pass", feature_version=OLDEST)


def test_it_imports_a_few_old_modules_of_the_standard_library_and_all_at_its_top(tree: ast.Module) -> None:
    imports = [each for each in ast.walk(tree) if isinstance(each, ast.Import | ast.ImportFrom)]

    assert {name.name for each in imports for name in each.names} <= ALLOWED
    assert all(isinstance(each, ast.Import) and each in tree.body for each in imports)


def test_it_starts_no_other_process(tree: ast.Module) -> None:
    used = {
        each.attr
        for each in ast.walk(tree)
        if isinstance(each, ast.Attribute) and isinstance(each.value, ast.Name) and each.value.id == "os"
    }
    assert not {name for name in used if name in STARTS_PROCESSES or name.startswith(("exec", "spawn"))}


def test_its_first_words_are_those_by_which_it_is_told_from_any_other() -> None:
    assert SOURCE.encode().startswith(SWITCH_BEGINS)


def test_it_has_its_two_places_and_no_placeholder_is_left() -> None:
    assert 'TARGET = "/home/alice/my site"\n' in SOURCE
    assert 'RECORD = "/home/alice/.deployer/alice.example.org"\n' in SOURCE
    assert "@TARGET@" not in SOURCE
    assert "@RECORD@" not in SOURCE


def test_a_target_that_would_end_its_string_is_quoted() -> None:
    source = switch_source(target='/home/alice/"; import os #', record="/home/alice/\\").decode()
    names = {
        each.targets[0].id: ast.literal_eval(each.value)
        for each in ast.parse(source).body
        if isinstance(each, ast.Assign)
        and isinstance(each.targets[0], ast.Name)
        and each.targets[0].id in {"TARGET", "RECORD"}
    }
    assert names == {"TARGET": '/home/alice/"; import os #', "RECORD": "/home/alice/\\"}
