"""Asks the site whether it answers as it should."""

import signal
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from threading import Event, Thread
from time import monotonic
from typing import NamedTuple
from urllib.parse import urljoin, urlsplit

from deployer.model.site import HealthCheck
from deployer.secret import Secret

EXCERPT = 600
"""Characters of an answer that are kept as evidence."""
ONE_ANSWER_S = 30.0
"""The longest wait for one answer: the platform's first request after a reload may take its 20 s."""
LONGEST_PAGE = 64 * 1024
"""Bytes of a page that are read."""
STREAM_S = 2.0
"""A page that is still coming after so long is a stream, or as good as one: taken as it is, when nothing is
missing in it."""
LOOK_UP_S = 0.1
"""How long a wait for an answer goes without looking up."""
SHORT_PAUSE_S = 0.01
"""Gives somebody who wants to stop the chance to say so."""
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


class Login(NamedTuple):
    """What a protected site asks its visitors for."""

    username: str
    password: Secret


def wait_until_well(
    url: str,
    host_header: str | None,
    check: HealthCheck,
    pause: Callable[[float], None],
    *,
    login: Login | None = None,
    new_for_s: float = 0.0,
) -> Answer:
    """Ask until so many answers in a row are well, or the check's time-out has passed; at least once.

    `url` is the site's root. Redirects are answers, they are not followed; but one that leads to where
    it came from is what the platform says while the site reloads (help page "ReloadWebApp").

    `pause` is called several times a second, also while an answer is awaited; what it raises ends the check.
    A site that never stops talking is judged by what it said in time.

    `login` goes with every question. For the first `new_for_s` seconds a 404 is taken for the platform's,
    which does not know the site yet, unless 404 is what is wanted.
    """
    began = monotonic()
    deadline = began + check.timeout_s
    wait, tries, in_a_row = FIRST_PAUSE_S, 0, 0
    while True:
        tries += 1
        left = deadline - monotonic()
        timeout_s = min(ONE_ANSWER_S, max(left, 1.0))
        answer = _ask(url, host_header, check, pause, login=login, timeout_s=timeout_s, tries=tries)
        if answer.well and answer.status == 404 != check.status and monotonic() - began < new_for_s:
            answer = replace(answer, well=False, problem="status 404, as a site that is new has for a while")
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


@dataclass(slots=True)
class _Page:
    """What has come of one answer so far: one thread fills it, the other one reads."""

    status: int | None = None
    """Set when the whole head is there."""
    location: str | None = None
    encoding: str | None = None
    body: bytes = b""
    broken: str = ""
    """Why nothing more will come although the page is not complete."""
    ended: Event = field(default_factory=Event)
    unwanted: Event = field(default_factory=Event)

    @property
    def text(self) -> str:
        try:
            return self.body.decode(self.encoding or "utf-8", "replace")
        except LookupError:  # the site names an encoding that nobody knows
            return self.body.decode("utf-8", "replace")


def _ask(
    url: str,
    host_header: str | None,
    check: HealthCheck,
    pause: Callable[[float], None],
    *,
    login: Login | None,
    timeout_s: float,
    tries: int,
) -> Answer:
    began, asked = monotonic(), url.rstrip("/") + check.path
    page = _Page()
    _await(page, asked, host_header, check, pause, login=login, until=began + timeout_s)
    problem = _problem(page, check, timeout_s)
    if not problem and login is not None and page.status == 401 != check.status:
        problem = f"status 401: the site does not take the password for {login.username}"
    if not problem and _leads_back(page.location, asked, host_header):
        problem = f"status {page.status} back to the same address, as while it reloads"
    return Answer(
        well=not problem,
        status=page.status,
        problem=problem,
        excerpt=page.text[:EXCERPT],
        seconds=round(monotonic() - began, 3),
        tries=tries,
    )


def _await(
    page: _Page,
    asked: str,
    host_header: str | None,
    check: HealthCheck,
    pause: Callable[[float], None],
    *,
    login: Login | None,
    until: float,
) -> None:
    """Have the page fetched until it is complete, long enough, or the time is up.

    In a thread of its own, because a time-out of a socket bounds one silence, not a site that sends a byte
    now and then. Given up, the thread ends by itself at the next byte or at the end of its time-out.
    """
    timeout_s = until - monotonic()
    question = (page, asked, host_header, login, timeout_s)
    fetching = Thread(target=_fetch, args=question, name="health", daemon=True)
    fetching.start()
    headed: float | None = None
    try:
        while not page.ended.wait(LOOK_UP_S):
            pause(SHORT_PAUSE_S)
            now = monotonic()
            if headed is None and page.status is not None:
                headed = now
            streams = headed is not None and now - headed > STREAM_S
            if now > until or (streams and not _misses(check, page.text)):
                return
        fetching.join()
    finally:
        page.unwanted.set()


def _fetch(page: _Page, asked: str, host_header: str | None, login: Login | None, timeout_s: float) -> None:
    import requests
    from urllib3.exceptions import HTTPError

    from deployer.session import Session

    headers = {"User-Agent": "deployer health check"} | ({"Host": host_header} if host_header else {})
    auth = (login.username, login.password.reveal()) if login else None
    timeouts = (min(10.0, timeout_s), timeout_s + 1.0)  # silence, too, is judged by who waits for us
    # A signal that lands in this thread would not wake the main one, which has to act on it.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        with (
            Session(asked) as session,
            session.get(asked, headers=headers, auth=auth, timeout=timeouts, stream=True) as response,
        ):
            page.location = response.headers.get("Location")
            page.encoding = response.encoding
            page.status = response.status_code
            while len(page.body) < LONGEST_PAGE and not page.unwanted.is_set():
                piece = response.raw.read1(LONGEST_PAGE - len(page.body), decode_content=True)
                if not piece:
                    break
                page.body += piece
    except (requests.RequestException, HTTPError, OSError) as error:
        page.broken = _plain(error)
    finally:
        page.ended.set()


def _problem(page: _Page, check: HealthCheck, waited_s: float) -> str:
    if page.broken:
        return f"no answer: {page.broken}"
    if page.status is None:
        return f"no answer within {waited_s:.0f} s"
    if check.status is not None and page.status != check.status:
        return f"status {page.status}, {check.status} is wanted"
    if check.status is None and page.status >= 500:
        return f"status {page.status}"
    if _misses(check, page.text):
        return f"status {page.status}, but the page does not contain {check.contains!r}"
    return ""


def _misses(check: HealthCheck, text: str) -> bool:
    return check.contains is not None and check.contains not in text


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
