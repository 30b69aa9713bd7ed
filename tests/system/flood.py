"""Ten thousand requests to the webhooks of one daemon, from many connections at once."""

import asyncio
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic

from tests.daemon.running import Running
from tests.triggers.senders import GOOD, PROOF, Delivery, plain, plain_push

CONNECTIONS = 64
KINDS = {
    "good": 100,
    "replayed": 1_700,
    "renamed": 300,
    "forged": 3_000,
    "unsigned": 1_000,
    "old": 500,
    "malformed": 1_500,
    "not http": 400,
    "lost": 400,
    "truncated": 700,
    "oversized": 300,
    "streamed": 36,
    "slow head": 32,
    "slow body": 32,
}
"""How many of each; see the methods of the same name."""


@dataclass
class Wire:
    """One connection, made again when the server has ended it."""

    port: int
    reader: asyncio.StreamReader | None = None
    writer: asyncio.StreamWriter | None = None

    async def ask(self, *pieces: bytes, pause_s: float = 0.0) -> int:
        """Send one request and read the answer's status; 0 when the connection ended without any."""
        reader, writer = await self._open()
        answer = asyncio.create_task(self._status(reader))
        with suppress(ConnectionError):  # it may have answered all the same
            for piece in pieces:
                writer.write(piece)
                await writer.drain()
                if pause_s:
                    await asyncio.wait({answer}, timeout=pause_s)
                if answer.done():
                    break
        return await answer

    async def leave(self, piece: bytes) -> None:
        """Send a beginning, and hang up."""
        _, writer = await self._open()
        writer.write(piece)
        await writer.drain()
        await self.close()

    async def close(self) -> None:
        writer, self.reader, self.writer = self.writer, None, None
        if writer is not None:
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    async def _open(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        if self.reader is None or self.writer is None or self.reader.at_eof() or self.writer.is_closing():
            await self.close()
            self.reader, self.writer = await asyncio.open_connection("127.0.0.1", self.port)
        return self.reader, self.writer

    async def _status(self, reader: asyncio.StreamReader) -> int:
        try:
            head = await reader.readuntil(b"\r\n\r\n")
        except (asyncio.IncompleteReadError, ConnectionError):
            await self.close()
            return 0
        fields = dict(line.lower().split(b": ", 1) for line in head.split(b"\r\n")[1:] if line)
        await reader.readexactly(int(fields.get(b"content-length", b"0")))
        if fields.get(b"connection") == b"close":
            await self.close()
        return int(head.split()[1])


def head(delivery: Delivery, site: str, *, length: int | None, method: str = "POST") -> bytes:
    size = "Transfer-Encoding: chunked" if length is None else f"Content-Length: {length}"
    lines = [f"{method} /hooks/{site} HTTP/1.1", "Host: 127.0.0.1", size]
    lines += [f"{name}: {value}" for name, value in delivery.headers.items()]
    return "\r\n".join([*lines, "", ""]).encode()


def request(delivery: Delivery, site: str) -> bytes:
    return head(delivery, site, length=len(delivery.body)) + delivery.body


@dataclass
class Flood:
    """What was sent and what came back."""

    daemon: Running
    chance: random.Random = field(default_factory=lambda: random.Random(20_250_101))
    answers: Counter[tuple[str, int]] = field(default_factory=Counter)
    good_s: list[float] = field(default_factory=list)
    accepted: list[tuple[str, Delivery]] = field(default_factory=list)
    sent: int = 0
    early_mb: float = 0.0

    @property
    def port(self) -> int:
        return int(self.daemon.place.listen.rpartition(":")[2])

    async def run(self) -> None:
        plan = [kind for kind, count in KINDS.items() for _ in range(count)]
        self.chance.shuffle(plan)
        first = plan.index("good")
        plan[0], plan[first] = plan[first], plan[0]
        waiting = iter(plan)
        wire = Wire(self.port)
        await self._one(wire, next(waiting))  # there is something to replay then
        await wire.close()
        async with asyncio.TaskGroup() as group:
            for _ in range(CONNECTIONS):
                group.create_task(self._worker(waiting))

    async def _worker(self, waiting: Iterator[str]) -> None:
        wire = Wire(self.port)
        for kind in waiting:
            await self._one(wire, kind)
        await wire.close()

    async def _one(self, wire: Wire, kind: str) -> None:
        site = self.chance.choice(list(GOOD))
        delivery = GOOD[site]()
        send: Callable[[Wire, str, Delivery], Awaitable[int | None]] = getattr(self, kind.replace(" ", "_"))
        status = await send(wire, site, delivery)
        if status is not None:
            self.answers[kind, status] += 1
        self.sent += 1
        if self.sent == 1_000:
            self.early_mb = resident_mb(self.daemon)

    async def good(self, wire: Wire, site: str, delivery: Delivery) -> int:
        began = monotonic()
        status = await wire.ask(request(delivery, site))
        self.good_s.append(monotonic() - began)
        self.accepted.append((site, delivery))
        return status

    async def replayed(self, wire: Wire, _: str, __: Delivery) -> int:
        site, delivery = self.chance.choice(self.accepted)
        return await wire.ask(request(delivery, site))

    async def renamed(self, wire: Wire, _: str, __: Delivery) -> int:
        """Replayed under another id, which not every service signs."""
        site, delivery = self.chance.choice(
            [one for one in self.accepted if one[0] not in {"gitlab", "gitlab-signed"}]
        )
        for name in ("X-GitHub-Delivery", "X-Gitea-Delivery", "X-Forgejo-Delivery", "X-Request-UUID"):
            if name in delivery.headers:
                delivery = delivery.having({name: f"{self.chance.getrandbits(64):x}"})
        return await wire.ask(request(delivery, site))

    async def forged(self, wire: Wire, site: str, delivery: Delivery) -> int:
        wrong = GOOD[site]().headers[PROOF[site]]
        if site == "gitlab":
            wrong = wrong[:-1] + "x"
        return await wire.ask(request(delivery.having({PROOF[site]: wrong}), site))

    async def unsigned(self, wire: Wire, site: str, delivery: Delivery) -> int:
        bare = delivery.lacking(PROOF[site])
        if site == "forgejo":
            bare = bare.lacking("X-Gitea-Signature")
        return await wire.ask(request(bare, site))

    async def old(self, wire: Wire, _: str, __: Delivery) -> int:
        return await wire.ask(request(plain(plain_push(), at=1_700_000_000), "hmac"))

    async def malformed(self, wire: Wire, _: str, __: Delivery) -> int:
        """Signed with the right secret, and no push all the same."""
        body = self.chance.choice(
            [b"", b"{", b"[]", b"null", b'{"ref": 7}', b"\xff\xfe", b"[" * 9_000, b'{"ref": "main"'] * 3
            + [plain_push()]
        )
        delivery = plain(body)
        if not isinstance(body, bytes):
            delivery = delivery.having({"Content-Type": "text/html"})
        return await wire.ask(request(delivery, "hmac"))

    async def not_http(self, wire: Wire, _: str, __: Delivery) -> int:
        noise = b"\x16\x03\x01" + self.chance.randbytes(40).replace(b"\n", b"")
        return await wire.ask(noise + b"\r\n\r\n")

    async def lost(self, wire: Wire, site: str, delivery: Delivery) -> int:
        """The wrong address, or the wrong method."""
        if self.chance.random() < 0.5:
            return await wire.ask(request(delivery, "nowhere"))
        return await wire.ask(head(delivery, site, length=0, method="PUT"))

    async def truncated(self, wire: Wire, site: str, delivery: Delivery) -> None:
        whole = request(delivery, site)
        await wire.leave(whole[: self.chance.randrange(1, len(whole))])

    async def oversized(self, wire: Wire, site: str, delivery: Delivery) -> int:
        """It says so at once, and sends some of it."""
        status = await wire.ask(head(delivery, site, length=2**21), bytes(2**15))
        await wire.close()
        return status

    async def streamed(self, wire: Wire, site: str, delivery: Delivery) -> int:
        """It does not say how long it will be."""
        chunk = b"8000\r\n" + bytes(2**15) + b"\r\n"
        status = await wire.ask(head(delivery, site, length=None), *[chunk] * 36)
        await wire.close()
        return status

    async def slow_head(self, wire: Wire, site: str, delivery: Delivery) -> int:
        await wire.close()
        whole = head(delivery, site, length=len(delivery.body))
        return await wire.ask(*[whole[i : i + 8] for i in range(0, len(whole), 8)][:40], pause_s=0.3)

    async def slow_body(self, wire: Wire, site: str, delivery: Delivery) -> int:
        await wire.close()
        pieces = [delivery.body[i : i + 1] for i in range(60)]
        return await wire.ask(head(delivery, site, length=len(delivery.body)), *pieces, pause_s=0.3)


def resident_mb(daemon: Running) -> float:
    status = Path(f"/proc/{daemon.process.pid}/status").read_text(encoding="ascii")
    (line,) = [line for line in status.splitlines() if line.startswith("VmRSS:")]
    return int(line.split()[1]) / 1024
