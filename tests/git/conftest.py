"""Git as on a machine where nobody configured anything."""

from collections.abc import Iterator

import pytest

from tests.builders.git import ENVIRONMENT


@pytest.fixture(autouse=True, scope="session")
def _nobodys_configuration(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():
            patch.setenv(name, value)
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("xdg")))
        yield
