"""Files with keys: readable for their owner only, from the first byte, and whole or not there."""

import os
import tempfile
from pathlib import Path


def write_private(file: Path, data: bytes) -> None:
    """Put the file there, or replace it, in one step; its mode is 0600."""
    descriptor, name = tempfile.mkstemp(dir=file.parent, prefix=".new-")  # which makes it 0600
    try:
        with os.fdopen(descriptor, "wb") as new:
            new.write(data)
        Path(name).replace(file)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
