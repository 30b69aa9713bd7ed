"""Nothing of the vendor's is forgotten: each command and function has a test, and a new one fails here."""

import ast
import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path

import pytest

from tests.vendor.clients import Pa
from tests.vendor.conftest import Core

HERE = Path(__file__).parent

COMMANDS = {
    "django autoconfigure": "test_projects.py::test_autoconfigure_a_django_project_of_a_repository",
    "django start": "test_projects.py::test_start_a_django_project",
    "path delete": "test_paths.py::test_delete_a_file_and_a_directory",
    "path get": "test_paths.py::test_get_prints_a_file_and_lists_a_directory",
    "path share": "test_paths.py::test_share_and_unshare_a_file",
    "path tree": "test_paths.py::test_tree_is_drawn",
    "path unshare": "test_paths.py::test_share_and_unshare_a_file",
    "path upload": "test_paths.py::test_upload_from_a_file_from_stdin_and_again",
    "schedule delete all": "test_schedules.py::test_delete_all_tasks",
    "schedule delete id": "test_schedules.py::test_delete_tasks_by_id",
    "schedule get": "test_schedules.py::test_get_shows_the_specs",
    "schedule list": "test_schedules.py::test_list_is_a_table",
    "schedule set": "test_schedules.py::test_set_a_daily_task_that_runs",
    "schedule update": "test_schedules.py::test_update_changes_what_it_is_told",
    "students delete": "test_students.py::test_delete_is_refused",
    "students get": "test_students.py::test_get_and_holidays_find_none",
    "students holidays": "test_students.py::test_get_and_holidays_find_none",
    "webapp create": "test_projects.py::test_create_a_web_app_with_its_virtualenv",
    "webapp delete": "test_web_apps.py::test_delete_takes_the_site_offline",
    "webapp delete-logs": "test_web_apps.py::test_delete_all_logs_of_the_site_and_no_others",
    "webapp get": "test_web_apps.py::test_get_shows_the_web_app",
    "webapp install-ssl": "test_web_apps.py::test_install_a_certificate",
    "webapp list": "test_web_apps.py::test_list_names_the_domains",
    "webapp reload": "test_web_apps.py::test_reload_starts_the_new_code",
    "website create": "test_web_sites.py::test_create_and_create_again",
    "website create-autorenew-cert": "test_web_sites.py::test_a_renewing_certificate_is_served",
    "website delete": "test_web_sites.py::test_delete_takes_it_offline",
    "website get": "test_web_sites.py::test_get_lists_and_shows",
    "website reload": "test_web_sites.py::test_reload_starts_the_new_code",
}
"""What `pa --help` and the help of its groups name, each with a test that runs it."""

SCRIPTS = {
    "pa_autoconfigure_django.py": "test_projects.py::test_autoconfigure_a_django_project_of_a_repository",
    "pa_create_scheduled_task.py": "test_schedules.py::test_pa_create_scheduled_task",
    "pa_create_webapp_with_virtualenv.py": "test_projects.py::test_create_a_web_app_with_its_virtualenv",
    "pa_delete_scheduled_task.py": "test_schedules.py::test_pa_delete_scheduled_task",
    "pa_delete_webapp_logs.py": "test_web_apps.py::test_pa_delete_webapp_logs",
    "pa_get_scheduled_task_specs.py": "test_schedules.py::test_get_shows_the_specs",
    "pa_get_scheduled_tasks_list.py": "test_schedules.py::test_pa_get_scheduled_tasks_list",
    "pa_install_webapp_letsencrypt_ssl.py": "test_web_apps.py::test_pa_install_webapp_letsencrypt_ssl",
    "pa_install_webapp_ssl.py": "test_web_apps.py::test_pa_install_webapp_ssl",
    "pa_reload_webapp.py": "test_web_apps.py::test_reload_starts_the_new_code",
    "pa_start_django_webapp_with_virtualenv.py": "test_projects.py::test_start_a_django_project",
    "pa_update_scheduled_task.py": "test_schedules.py::test_update_changes_what_it_is_told",
}
"""The older commands that the same distribution installs beside `pa`."""

FUNCTIONS = {
    "base.call_api": "test_what_all_of_them_build_on",
    "base.get_api_endpoint": "test_what_all_of_them_build_on",
    "base.get_username": "test_what_all_of_them_build_on",
    "base.helpful_token_error_message": "test_what_all_of_them_build_on",
    "files.Files.path_delete": "test_files_come_and_go",
    "files.Files.path_get": "test_files_come_and_go",
    "files.Files.path_post": "test_files_come_and_go",
    "files.Files.sharing_delete": "test_a_file_is_shared",
    "files.Files.sharing_get": "test_a_file_is_shared",
    "files.Files.sharing_post": "test_a_file_is_shared",
    "files.Files.tree_get": "test_files_come_and_go",
    "files.Files.tree_post": "test_a_tree_is_uploaded_until_the_limit",
    "resources.CPU.get_cpu_usage": "test_the_cpu_seconds",
    "schedule.Schedule.create": "test_tasks",
    "schedule.Schedule.delete": "test_tasks",
    "schedule.Schedule.get_list": "test_tasks",
    "schedule.Schedule.get_specs": "test_tasks",
    "schedule.Schedule.update": "test_tasks",
    "students.StudentsAPI.delete": "test_students_are_not_there",
    "students.StudentsAPI.get": "test_students_are_not_there",
    "webapp.Webapp.add_default_static_files_mappings": "test_static_files_are_served_after_the_reload",
    "webapp.Webapp.create": "test_a_web_app_from_creation_to_deletion",
    "webapp.Webapp.create_static_file_mapping": "test_static_files_are_served_after_the_reload",
    "webapp.Webapp.delete": "test_a_web_app_from_creation_to_deletion",
    "webapp.Webapp.delete_log": "test_logs",
    "webapp.Webapp.get": "test_a_web_app_from_creation_to_deletion",
    "webapp.Webapp.get_log_info": "test_logs",
    "webapp.Webapp.get_ssl_info": "test_a_certificate",
    "webapp.Webapp.list_webapps": "test_a_web_app_from_creation_to_deletion",
    "webapp.Webapp.patch": "test_a_web_app_from_creation_to_deletion",
    "webapp.Webapp.reload": "test_static_files_are_served_after_the_reload",
    "webapp.Webapp.sanity_checks": "test_a_web_app_from_creation_to_deletion",
    "webapp.Webapp.set_ssl": "test_a_certificate",
    "website.Website.auto_ssl": "test_a_website_from_creation_to_deletion",
    "website.Website.create": "test_a_website_from_creation_to_deletion",
    "website.Website.delete": "test_a_website_from_creation_to_deletion",
    "website.Website.get": "test_a_website_from_creation_to_deletion",
    "website.Website.get_ssl_info": "test_a_website_from_creation_to_deletion",
    "website.Website.list": "test_a_website_from_creation_to_deletion",
    "website.Website.reload": "test_a_website_from_creation_to_deletion",
}
"""The public functions of pythonanywhere-core, each with the test in test_core_library.py that calls it."""


def commands(pa: Pa, group: str = "") -> Iterator[str]:
    """All that the help of `pa` and, where a command is a group, of that names."""
    shown = pa(f"{group} --help".strip()).output.partition("─ Commands ─")[2]
    for name in re.findall(r"^│ ([a-z-]+) ", shown, re.MULTILINE):
        command = f"{group} {name}".strip()
        below = list(commands(pa, command)) if _is_group(command) else []
        yield from below or [command]


def _is_group(command: str) -> bool:
    return any(each.startswith(f"{command} ") for each in COMMANDS) or " " not in command


def test_every_command_that_pa_names_has_a_test(pa: Pa) -> None:
    assert sorted(commands(pa)) == sorted(COMMANDS)


def test_every_script_that_is_installed_has_a_test() -> None:
    installed = {each.name for each in metadata.files("pythonanywhere") or () if "bin" in each.parts}
    scripts = {each for each in installed if each.startswith("pa_") and each.endswith(".py")}
    assert scripts == set(SCRIPTS)


def test_every_function_of_the_library_has_a_test(core: Core) -> None:
    package = importlib.import_module("pythonanywhere_core")
    modules = {each.name: core(each.name) for each in pkgutil.iter_modules(package.__path__)}
    assert {name for module in modules.items() for name in _public(*module)} == set(FUNCTIONS)


def _public(name: str, module: object) -> Iterator[str]:
    for thing, value in vars(module).items():
        if thing.startswith("_") or getattr(value, "__module__", "") != f"pythonanywhere_core.{name}":
            continue
        if inspect.isfunction(value):
            yield f"{name}.{thing}"
        elif inspect.isclass(value) and not issubclass(value, Exception):
            methods = (each for each in vars(value) if callable(getattr(value, each)))
            yield from (f"{name}.{thing}.{each}" for each in methods if not each.startswith("_"))


@pytest.mark.parametrize(("command", "test"), [*COMMANDS.items(), *SCRIPTS.items()])
def test_the_test_of_a_command_runs_it(command: str, test: str) -> None:
    file, _, function = test.partition("::")
    texts = [each.value for each in ast.walk(_function(file, function)) if isinstance(each, ast.Constant)]
    assert any(isinstance(text, str) and f"{text} ".startswith(f"{command} ") for text in texts)


@pytest.mark.parametrize(("name", "test"), FUNCTIONS.items())
def test_the_test_of_a_function_calls_it(name: str, test: str) -> None:
    nodes = ast.walk(_function("test_core_library.py", test))
    called = {each.attr for each in nodes if isinstance(each, ast.Attribute)}
    assert name.rpartition(".")[2] in called


def _function(file: str, name: str) -> ast.AST:
    """The test with its decorators: what it is parametrised with counts as its own."""
    tree = ast.parse((HERE / file).read_text(encoding="utf-8"))
    return next(each for each in tree.body if isinstance(each, ast.FunctionDef) and each.name == name)
