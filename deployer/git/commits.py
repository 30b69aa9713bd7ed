"""A commit object's text as a value."""

import re
from datetime import UTC, datetime, timedelta, timezone

from deployer.model.files import Commit

_PERSON = re.compile(r"(?P<who>.*) (?P<seconds>-?\d+) (?P<sign>[+-])(?P<hours>\d\d)(?P<minutes>\d\d)")


def parse_commit(id_: str, text: bytes) -> Commit:
    """Git's own format: header lines, an empty line, the message."""
    head, _, message = text.partition(b"\n\n")
    encoding, author, committed = "utf-8", "", ""
    for line in head.decode("utf-8", "replace").split("\n"):
        key, _, value = line.partition(" ")
        if key == "author" and (person := _PERSON.fullmatch(value)):
            author = person["who"]
        elif key == "committer" and (person := _PERSON.fullmatch(value)):
            committed = _moment(person)
        elif key == "encoding":
            encoding = value
    try:
        words = message.decode(encoding, "replace")
    except LookupError:
        words = message.decode("utf-8", "replace")
    subject = words.strip().partition("\n")[0]
    return Commit(id=id_, author=author, subject=subject, committed_at=committed)


def _moment(person: re.Match[str]) -> str:
    offset = timedelta(hours=int(person["hours"]), minutes=int(person["minutes"]))
    zone = timezone(-offset if person["sign"] == "-" else offset)
    return datetime.fromtimestamp(int(person["seconds"]), UTC).astimezone(zone).isoformat()
