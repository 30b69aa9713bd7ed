"""Which domains an account may have: one rule for web apps, websites and further domains."""

import re
from typing import Literal

from deployer.sandbox.endpoint import Call
from deployer.sandbox.replies import refusal

NO_CUSTOM_DOMAINS = "You do not have permission to create webapps on custom domains. Please upgrade"
# The platform's own limit is not public. A file's name has at most 255 bytes, and the longest one that a
# domain is part of ends in `_wsgi.py.bak`.
LONGEST_DOMAIN = 255 - len("_wsgi.py.bak")


def is_custom(call: Call, domain: str) -> bool:
    return not domain.lower().endswith("." + call.account.options.platform_domain)


def problem(call: Call, domain: str) -> tuple[Literal["name", "plan"], str] | None:
    """Why the account cannot have a domain of this name at all; the text is the API's own."""
    options = call.account.options
    lowered, own = domain.lower(), f"{options.user}.{options.platform_domain}"
    may_have_more = options.limits.custom_domains
    if len(domain) > LONGEST_DOMAIN or not re.fullmatch(r"[a-z0-9-]+(\.[a-z0-9-]+)+", lowered):
        return "name", f"{domain} is not a domain name"
    if is_custom(call, domain):
        return None if may_have_more else ("plan", NO_CUSTOM_DOMAINS)
    if lowered != own.lower() and not (may_have_more and lowered.endswith(f"-{own.lower()}")):
        return "plan", f"The only .pythonanywhere.com address you can register is {own}"
    return None


def is_others(call: Call, domain: str) -> bool:
    """Whether another user has it."""
    return domain.lower() in map(str.lower, call.switches.taken_domains)


def spelling(call: Call, domain: str) -> str:
    return domain.lower() if call.switches.domain_case == "lowered" else domain


def check_new(call: Call, domain: str) -> str:
    """A new domain for version 1 of the API, as it is kept. Raises RefusalError, 400.

    Only the text for a domain that is taken is known (pythonanywhere-core); the others are version 0's.
    """
    if found := problem(call, domain):
        raise refusal(400, {"domain_name": [found[1]]})
    if call.account.domains.find(domain) or is_others(call, domain):
        raise refusal(400, {"domain_name": ["domain with this domain name already exists."]})
    return spelling(call, domain)
