"""Git as on a machine where nobody configured anything."""

from collections.abc import Iterator

import pytest

from tests.builders.git import ENVIRONMENT


@pytest.fixture(autouse=True, scope="session")
def _git_without_anybody_s_configuration() -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        yield
