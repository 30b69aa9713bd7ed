"""From PEM to what Python's `ssl` serves with."""

import ssl
import tempfile
from pathlib import Path


def bare_context() -> ssl.SSLContext:
    """Without a certificate. Every handshake is a whole one: a resumed session would show none."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.options |= ssl.OP_NO_TICKET
    context.num_tickets = 0
    return context


def serving(pem: bytes, folder: Path) -> ssl.SSLContext:
    """For key and chain in one PEM text. `ssl` reads files only: one is in `folder` for that moment.

    Raises ssl.SSLError for what OpenSSL does not serve with, such as keys that are too short.
    """
    context = bare_context()
    with tempfile.NamedTemporaryFile(dir=folder, prefix=".serving-") as file:
        file.write(pem)
        file.flush()
        context.load_cert_chain(file.name)
    return context
