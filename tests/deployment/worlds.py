"""The platform as it could be too: each open question that a deployment meets, answered the other way."""

from typing import Any

from hypothesis import strategies as st

OTHER_ANSWERS: tuple[dict[str, Any], ...] = (
    {"throttle_header": "none"},
    {"bad_token": "throttled-by-address"},
    {"missing_slash": "accept"},
    {"user_case": "insensitive"},
    {"path_decoding": "twice"},
    {"tree_depth": "two-levels"},
    {"tree_entries": "all"},
    {"tree_order": "shuffled"},
    {"directory_links": "symlink"},
    {"foreign_read": "forbidden"},
    {"foreign_write": "message"},
    {"misplaced_upload": 500},
    {"oversized_upload": "cut"},
    {"quota_leaves": "truncated-file"},
    {"upload_write": "torn"},
    {"missing_webapp": 404},
    {"webapp_create_status": 200},
    {"webapp_refusal": "field-errors"},
    {"new_webapp_source": "home"},
    {"webapp_shows_enabled": True},
    {"domain_case": "lowered"},
    {"webapp_put_requires": "everything"},
    {"wsgi_upload": "nothing"},
    {"static_while_reloading": "served"},
    {"slow_reload": "502"},
    {"cname": "missing"},
    {"static_duplicates": "refused"},
    {"static_urls": "slash-added"},
    {"static_order": "last-changed"},
    {"task_refusal": 400},
    {"daily_without_hour": "midnight"},
    {"task_expiry": "always"},
    {"task_can_enable": True},
    {"deleted_webapp_mappings": "kept"},
    {"static_header_value": "object"},
    {"static_headers_reach": "everything"},
    {"missing_website": 403},
    {"website_webapp_id": "string"},
    {"always_on_refusal": 400},
    {"always_on_change": "waits"},
)
"""One switch of the sandbox each, set to what is not the contract's first guess."""

OTHER_PLATFORMS: tuple[dict[str, Any], ...] = tuple(
    {name: answer for each in OTHER_ANSWERS[first::8] for name, answer in each.items()} for first in range(8)
)
"""Eight platforms that differ from the first guess in some answers each; together, in all of them."""

WORLDS = st.lists(st.sampled_from(OTHER_ANSWERS), max_size=8).map(
    lambda answers: {name: answer for each in answers for name, answer in each.items()}
)
"""Any few of them at once."""


def named(answers: dict[str, Any]) -> str:
    """As a test's id."""
    return ",".join(f"{name}={answer}" for name, answer in answers.items())
