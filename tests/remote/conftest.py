"""A paid account without the platform's limit."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.remote.place import Place, place


@pytest.fixture
def there(tmp_path: Path) -> Iterator[Place]:
    with place(tmp_path) as opened:
        yield opened
