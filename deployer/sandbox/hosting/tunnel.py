"""A visitor's connection and a server's, joined once the server has switched to another protocol."""

import asyncio
import contextlib

CHUNK_BYTES = 64 * 1024


async def join(
    visitor: asyncio.Transport,
    first: bytes,
    server: asyncio.StreamReader,
    to_server: asyncio.StreamWriter,
) -> int:
    """Pass bytes both ways, `first` before all others to the visitor, until one of the two ends it.

    Returns how many bytes the visitor got. What served the visitor's HTTP so far is told at the end, and not
    before, that its connection is lost.
    """
    served = visitor.get_protocol()
    loop = asyncio.get_running_loop()
    reader = asyncio.StreamReader(loop=loop)
    protocol = asyncio.StreamReaderProtocol(reader, loop=loop)
    visitor.set_protocol(protocol)
    protocol.connection_made(visitor)
    to_visitor = asyncio.StreamWriter(visitor, protocol, reader, loop)
    visitor.resume_reading()
    to_visitor.write(first)
    up = asyncio.create_task(_pass(reader, to_server))
    down = asyncio.create_task(_pass(server, to_visitor))
    try:
        await asyncio.wait({up, down}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        up.cancel()
        down.cancel()
        counts = await asyncio.gather(up, down, return_exceptions=True)
        visitor.close()
        served.connection_lost(None)
    return len(first) + (counts[1] if isinstance(counts[1], int) else 0)


async def _pass(source: asyncio.StreamReader, target: asyncio.StreamWriter) -> int:
    size = 0
    with contextlib.suppress(OSError, asyncio.CancelledError):
        while data := await source.read(CHUNK_BYTES):
            target.write(data)
            await target.drain()
            size += len(data)
    return size
