"""Where nobody outside the platform knows how it behaves, the sandbox can behave in each likely way.

One field per open question; the default is the reading that public evidence favours. A client that gives the
same result under every setting does not depend on guesses.
"""

import dataclasses
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Self, get_args, get_origin, get_type_hints


def _open(default: Any, question: str) -> Any:
    """A field with the open question that it stands for; its type lists the answers."""
    return field(default=default, metadata={"question": question})


@dataclass(frozen=True, slots=True, kw_only=True)
class Switches:
    """Every open question with the answer in force. Raises ValueError for an answer that does not exist."""

    # The limit of 40 requests a minute "per endpoint" (help page API) and the form of its refusal.
    rate_limit: Literal["pattern", "pattern-method", "global", "off"] = _open(
        "pattern", "What shares one budget: a URL pattern, a pattern and method, or the whole account?"
    )
    rate_limit_window_s: float = _open(
        60.0, "Time scale: seconds in the sliding window that the platform calls a minute."
    )
    throttle_header: Literal["retry-after", "none"] = _open(
        "retry-after", "Does a 429 carry Retry-After, as Django REST framework's does?"
    )
    bad_token: Literal["never-throttled", "throttled-by-address"] = _open(
        "never-throttled", "Are requests without a good token ever answered 429 instead of 401?"
    )

    # URLs.
    missing_slash: Literal["redirect", "accept"] = _open(
        "redirect", "Is an API URL without its final slash redirected (301), or taken as it is?"
    )
    user_case: Literal["sensitive", "insensitive"] = _open(
        "sensitive", "Does the case of the user name in the URL matter?"
    )
    path_decoding: Literal["once", "twice"] = _open(
        "once", "How often is a percent-encoded file path decoded (%252F)?"
    )

    # files/tree/.
    tree_depth: Literal["recursive", "two-levels"] = _open(
        "recursive", "How deep does a tree listing go? The API page and the vendor's `pa` disagree."
    )
    tree_entries: Literal["plain", "all"] = _open(
        "plain", "Are dot-files and symbolic links left out of a tree listing?"
    )
    tree_order: Literal["sorted", "shuffled"] = _open("sorted", "Is a tree listing in order?")
    tree_limit: int = _open(1000, "After how many entries is a tree listing cut, silently?")

    # files/path.
    directory_links: Literal["target", "symlink"] = _open(
        "target", "Does a directory listing give a link the type of its target, or one of its own?"
    )
    directory_limit: int = _open(0, "After how many entries is a directory listing cut? 0: never.")
    foreign_read: Literal["not-found", "forbidden"] = _open(
        "not-found", "Is reading outside the account's directories 404 or 403?"
    )
    foreign_write: Literal["detail", "message"] = _open(
        "detail", "Which key holds the text of the 403 for an upload outside the account's directories?"
    )
    misplaced_upload: Literal[400, 409, 500] = _open(
        400, "The status of an upload onto a directory, or below something that is a file."
    )
    oversized_upload: Literal["413", "cut"] = _open(
        "413", "Is an upload above 100 MiB refused with a page, or is the connection cut?"
    )
    quota_refusal: Literal[400, 403, 500, 507] = _open(
        400, "The status of an upload that does not fit into the quota."
    )
    quota_leaves: Literal["old-file", "truncated-file"] = _open(
        "old-file", "What an upload that does not fit leaves behind."
    )
    upload_write: Literal["atomic", "torn"] = _open(
        "atomic", "Is a file replaced in one step, or can readers see half of it?"
    )

    # Web apps.
    missing_webapp: Literal[403, 404] = _open(
        403,
        "The status for a web app that does not exist: the vendor's tests of 2025 say 403, older ones 404.",
    )
    webapp_create_status: Literal[200, 201] = _open(201, "The status of a successful creation.")
    webapp_refusal: Literal["error-object", "field-errors"] = _open(
        "error-object", "The body of the 400 for a bad version, a taken domain or too many web apps."
    )
    taken_domains: tuple[str, ...] = _open((), "Domains that belong to other users.")
    new_webapp_source: Literal["empty", "home"] = _open("empty", "The source directory of a new web app.")
    webapp_shows_enabled: bool = _open(False, "Is there a key `enabled` in the web app object?")
    domain_case: Literal["as-posted", "lowered"] = _open(
        "as-posted", "Does a web app keep the spelling in which its domain was posted?"
    )
    webapp_paths: Literal["unchecked", "must-exist"] = _open(
        "unchecked", "Must the directories that a web app is given exist?"
    )
    webapp_expiry: Literal["free", "always", "never"] = _open(
        "free", "Which accounts' web apps have an expiry date?"
    )
    webapp_put_requires: Literal["python_version", "everything", "nothing"] = _open(
        "python_version", "Which fields must a PUT of a web app carry?"
    )
    deleted_webapp_wsgi: Literal["moved", "copied"] = _open(
        "moved", "Deleting a web app backs its WSGI file up: is the original gone afterwards?"
    )
    deleted_webapp_mappings: Literal["dropped", "kept"] = _open(
        "dropped", "Do static mappings and headers come back when the domain is created again?"
    )
    deleted_webapp_logs: Literal["kept", "removed"] = _open(
        "kept", "What becomes of the logs of a deleted web app?"
    )
    disabled_site: Literal[404, 403, 503] = _open(
        404, "The status of the page that visitors of a disabled web app get."
    )
    disabled_webapps_count: bool = _open(
        False, "Is a disabled web app one of those that the account may have, when another is created?"
    )
    log_rotation: Literal["empty-file", "nothing"] = _open(
        "empty-file", "What a rotated log leaves in its place: an empty one, or nothing before the next line?"
    )

    # Reload.
    wsgi_upload: Literal["reloads", "nothing"] = _open(
        "reloads",
        "Does uploading the WSGI file reload the site by itself? Touching it does (help page ReloadWebApp).",
    )
    wsgi_upload_delay_s: float = _open(2.0, "Seconds between that upload and the reload it causes.")
    static_while_reloading: Literal["redirected", "served"] = _open(
        "redirected",
        "While a site reloads its visitors get a 302 (help page ReloadWebApp): for static files as well?",
    )
    slow_reload: Literal["500", "502", "504", "hang"] = _open(
        "500", "What a reload answers when the site's first answer takes longer than the limit."
    )
    cname: Literal["found", "missing"] = _open(
        "found", "Does the DNS of custom domains point here? `missing`: a reload ends with 409 cname_error."
    )

    # Static mappings.
    static_duplicates: Literal["allowed", "refused"] = _open(
        "allowed", "Can the same mapping be stored twice?"
    )
    static_urls: Literal["kept", "slash-added"] = _open(
        "kept", "Is the URL of a mapping stored as given, or with a final slash?"
    )
    static_order: Literal["id", "last-changed"] = _open(
        "id", "Which mapping comes first in lists and for the server, and does an update move it?"
    )

    # Static headers.
    static_header_value: Literal["string", "object"] = _open(
        "string", "What a static header's value may be: text only, or a JSON object as well?"
    )
    static_headers_reach: Literal["static-files", "everything"] = _open(
        "static-files",
        "Do static headers come with static files only, or with the application's answers too?",
    )

    # Sharing.
    unshare_unshared: Literal[204, 404] = _open(
        204, "The status of the end of sharing for a path that is not shared."
    )
    share_directories: Literal["accepted", "refused"] = _open(
        "accepted", "Can a directory be shared? A comment in pypawapi says so."
    )

    # Websites and domains of version 1.
    missing_website: Literal[404, 403] = _open(
        404, "The status for a website or domain of version 1 that does not exist."
    )
    website_webapp_id: Literal["integer", "string"] = _open(
        "integer", "Is a website's `webapp.id` a number, as in the help page's example, or a string?"
    )
    new_website_hidden_s: float = _open(
        0.0, "For how many seconds does a new website answer 404 (help page ASGICommandLine)?"
    )

    # Schedule.
    task_refusal: Literal[403, 400] = _open(
        403, "The status where a plan has no tasks or no hourly ones; one task too many is always 403."
    )
    daily_without_hour: Literal["refused", "midnight"] = _open(
        "refused", "Is a daily task without an hour an error?"
    )
    task_expiry: Literal["free", "always", "never"] = _open(
        "free", "Which accounts' tasks have an expiry date?"
    )
    task_can_enable: bool = _open(False, "What `can_enable` says; its meaning is not public.")
    task_overlap: Literal["starts", "skipped"] = _open(
        "starts", "A task's time comes while its last run goes on: is it started a second time?"
    )
    deleted_task: Literal["goes-on", "killed"] = _open(
        "goes-on", "What becomes of the process of a task that is deleted while it runs?"
    )

    # Always-on tasks.
    always_on_refusal: Literal[403, 400] = _open(
        403, "The status where a plan has no always-on tasks, or no more of them."
    )
    always_on_change: Literal["restarts", "waits"] = _open(
        "restarts", "Does another command start by itself, or only when the running one ends?"
    )

    # Consoles.
    console_limit: Literal["403-html", "400-json", "200-empty"] = _open(
        "403-html", "What creating one console too many answers."
    )
    console_executable: Literal["optional", "required"] = _open(
        "optional", "Can a console be created without an `executable`, as bash?"
    )
    console_name: Literal["numbered", "null"] = _open(
        "numbered", "The name of a console that nobody gave one: like `Bash console 7`, or null?"
    )
    unstarted_output: Literal["412", "empty"] = _open(
        "412", "Is the output of a console that was not started refused, or empty?"
    )
    ended_console: Literal["not-started", "last-output"] = _open(
        "not-started", "When its program has ended, is a console as before the start, or is its output kept?"
    )
    deleted_console: Literal[204, 404] = _open(
        204, "The status of deleting a console: one old client expects 404 of a successful deletion."
    )

    # TLS.
    missing_certificate: Literal["not-found", "empty"] = _open(
        "not-found", "The certificate of a custom domain that has none: 404, or an object without keys?"
    )
    not_after: Literal["compact", "iso"] = _open(
        "compact", "How a certificate's end is written: 20180824T171623Z or 2018-08-24T17:16:23+00:00."
    )
    certificate_activation: Literal["reload", "at-once"] = _open(
        "reload", "Is an installed certificate served from the next reload on, or at once?"
    )
    letsencrypt: Literal["issued", "pending", "failing"] = _open(
        "issued", "How asking for a Let's Encrypt certificate goes, and its renewal."
    )

    def __post_init__(self) -> None:
        for name, kind in get_type_hints(type(self)).items():
            _check(name, kind, getattr(self, name))

    def changed(self, changes: Mapping[str, Any]) -> Self:
        """These switches with some set differently. Raises ValueError for unknown names and answers."""
        known = {each.name for each in dataclasses.fields(self)}
        unknown = sorted(set(changes) - known)
        if unknown:
            raise ValueError(f"no such switch: {', '.join(unknown)}; there are {', '.join(sorted(known))}")
        return dataclasses.replace(self, **{name: _plain(value) for name, value in changes.items()})

    @classmethod
    def describe(cls) -> dict[str, dict[str, Any]]:
        """Per switch: the open question, the default, and what it can be set to."""
        kinds = get_type_hints(cls)
        return {
            each.name: {
                "question": each.metadata["question"],
                "default": each.default,
                "answers": list(get_args(kinds[each.name])) if _is_choice(kinds[each.name]) else _name(each),
            }
            for each in dataclasses.fields(cls)
        }


def _is_choice(kind: Any) -> bool:
    return get_origin(kind) is Literal


def _name(switch: dataclasses.Field[Any]) -> str:
    return {bool: "true or false", int: "a number", float: "seconds", tuple: "domains"}[type(switch.default)]


def _plain(value: Any) -> Any:
    """JSON's arrays as the tuples that frozen data holds."""
    return tuple(value) if isinstance(value, list) else value


def _check(name: str, kind: Any, value: Any) -> None:
    if _is_choice(kind):
        answers = get_args(kind)
        good = any(value == answer and type(value) is type(answer) for answer in answers)
        wanted = "one of " + ", ".join(repr(answer) for answer in answers)
    elif kind is bool:
        good, wanted = isinstance(value, bool), "true or false"
    elif kind in (int, float):
        is_number = isinstance(value, int | kind) and not isinstance(value, bool)
        good = is_number and 0 <= value <= sys.maxsize  # neither infinite nor NaN
        wanted = "a finite number of at least 0"
    else:
        good = isinstance(value, tuple) and all(isinstance(each, str) for each in value)
        wanted = "a list of domains"
    if not good:
        raise ValueError(f"{name}: {value!r} should be {wanted}")
