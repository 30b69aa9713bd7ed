"""Asks the site whether it answers as it should."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from time import monotonic
from urllib.parse import urljoin, urlsplit

from deployer.model.site import HealthCheck

EXCERPT = 600
"""Characters of an answer that are kept as evidence."""
ONE_ANSWER_S = 30.0
"""The longest wait for one answer: the platform's first request after a reload may take its 20 s."""
FIRST_PAUSE_S = 0.25
LONGEST_PAUSE_S = 4.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the site said last, or why it said nothing."""

    well: bool
    status: int | None
    problem: str
    """Empty when it is well."""
    excerpt: str
    seconds: float
    tries: int


def wait_until_well(
    url: str, host_header: str | None, check: HealthCheck, pause: Callable[[float], None]
) -> Answer:
    """Ask until so many answers in a row are well, or the check's time-out has passed; at least once.

    `url` is the site's root. Redirects are answers, they are not followed; but one that leads to where
    it came from is what the platform says while the site reloads (help page "ReloadWebApp").
    """
    deadline = monotonic() + check.timeout_s
    wait, tries, in_a_row = FIRST_PAUSE_S, 0, 0
    while True:
        tries += 1
        left = deadline - monotonic()
        answer = _ask(url, host_header, check, timeout_s=min(ONE_ANSWER_S, max(left, 1.0)), tries=tries)
        in_a_row = in_a_row + 1 if answer.well else 0
        if in_a_row >= check.in_a_row:
            return answer
        wait = FIRST_PAUSE_S if answer.well else wait
        if monotonic() + wait > deadline:
            return answer if not answer.well else _too_few(answer, in_a_row, check)
        pause(wait)
        wait = min(wait * 2, LONGEST_PAUSE_S)


def _too_few(answer: Answer, in_a_row: int, check: HealthCheck) -> Answer:
    problem = f"only {in_a_row} of {check.in_a_row} good answers in a row when the time was up"
    return replace(answer, well=False, problem=problem)


def _ask(url: str, host_header: str | None, check: HealthCheck, *, timeout_s: float, tries: int) -> Answer:
    import requests

    began, asked = monotonic(), url.rstrip("/") + check.path
    headers = {"User-Agent": "deployer health check"} | ({"Host": host_header} if host_header else {})
    status, text, problem = None, "", ""
    try:
        with requests.get(
            asked,
            headers=headers,
            timeout=(min(10.0, timeout_s), timeout_s),
            allow_redirects=False,
        ) as response:
            status, text = response.status_code, response.text
            problem = _problem(check, status, text)
            if _leads_back(response.headers.get("Location"), asked, host_header):
                problem = f"status {status} back to the same address, as while it reloads"
    except requests.RequestException as error:
        problem = f"no answer: {_plain(error)}"
    return Answer(
        well=not problem,
        status=status,
        problem=problem,
        excerpt=text[:EXCERPT],
        seconds=round(monotonic() - began, 3),
        tries=tries,
    )


def _problem(check: HealthCheck, status: int, text: str) -> str:
    if check.status is not None and status != check.status:
        return f"status {status}, {check.status} is wanted"
    if check.status is None and status >= 500:
        return f"status {status}"
    if check.contains is not None and check.contains not in text:
        return f"status {status}, but the page does not contain {check.contains!r}"
    return ""


def _leads_back(location: str | None, asked: str, host_header: str | None) -> bool:
    if location is None:
        return False
    by_name = urlsplit(asked)._replace(netloc=host_header).geturl() if host_header else asked
    return urljoin(asked, location) in {asked, by_name}


def _plain(error: Exception) -> str:
    """The last word of requests' nested exceptions is the one that says something."""
    while error.__context__ is not None and isinstance(error.__context__, Exception):
        error = error.__context__
    return str(error) or type(error).__name__
