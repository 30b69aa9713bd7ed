"""Events as entries of a journal, over a real datagram socket."""

import io
import json
import os
import socket
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TextIO, cast

import pytest
import structlog

from deployer import events
from deployer.daemon.journal import Journal, journal_stream


def fields(datagram: bytes) -> dict[str, str]:
    """Each field of an entry, as journald reads them."""
    found = {}
    while datagram:
        name, _, rest = datagram.partition(b"\n")
        size = int.from_bytes(rest[:8], "little")
        found[name.decode()] = rest[8 : 8 + size].decode()
        datagram = rest[8 + size + 1 :]
    return found


@pytest.fixture
def receiving(tmp_path: Path) -> Iterator[socket.socket]:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as made:
        made.bind(str(tmp_path / "journal"))
        made.settimeout(5)
        yield made


@pytest.fixture
def journal(tmp_path: Path, receiving: socket.socket) -> Iterator[Journal]:
    with closing(Journal(tmp_path / "journal", otherwise=io.StringIO())) as made:
        yield made


def test_an_event_can_be_found_by_its_deployment(receiving: socket.socket, journal: Journal) -> None:
    events.configure(stream=cast("TextIO", journal))
    try:
        with events.deployment_events("20260101-1", "alice.pythonanywhere.com", lambda *_: None):
            events.log.warning("check_failed", why="two\nlines")
    finally:
        structlog.reset_defaults()
    entry = fields(receiving.recv(65536))

    assert entry["DEPLOYMENT"] == "20260101-1"
    assert entry["DOMAIN"] == "alice.pythonanywhere.com"
    assert entry["EVENT"] == "check_failed"
    assert entry["PRIORITY"] == "4"
    assert entry["SYSLOG_IDENTIFIER"] == "deployer"
    assert json.loads(entry["MESSAGE"])["why"] == "two\nlines"


def test_an_order_is_found_by_the_deployment_that_it_becomes(
    receiving: socket.socket, journal: Journal
) -> None:
    journal.write('{"event": "ordered", "order": "20260101-2", "site": "blog", "level": "info"}\n')
    entry = fields(receiving.recv(65536))

    assert (entry["DEPLOYMENT"], entry["SITE"], entry["PRIORITY"]) == ("20260101-2", "blog", "6")


def test_a_line_may_come_in_pieces_and_need_not_be_json(receiving: socket.socket, journal: Journal) -> None:
    for piece in ("half a ", "line\nand", " another\n"):
        journal.write(piece)

    assert fields(receiving.recv(65536))["MESSAGE"] == "half a line"
    assert fields(receiving.recv(65536))["MESSAGE"] == "and another"


def test_a_line_that_the_journal_does_not_take_is_not_lost(tmp_path: Path) -> None:
    otherwise = io.StringIO()
    with closing(Journal(tmp_path / "nobody", otherwise=otherwise)) as journal:
        journal.write("something happened\n")

    assert otherwise.getvalue() == "something happened\n"


def test_without_a_journal_there_is_no_such_stream() -> None:
    environ = {"JOURNAL_STREAM": "1:2"}

    assert journal_stream(environ) is None
    assert journal_stream(dict(os.environ)) is None
    assert environ == {}
