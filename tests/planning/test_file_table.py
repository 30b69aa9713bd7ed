"""The record's table of files: the same whether it is read as a whole or one path at a time."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from deployer.model.manifest import FileTable, ManifestUnreadable
from tests.planning.sites import entry

PATHS = st.text(st.characters(codec="utf-8"))


@given(paths=st.sets(PATHS, max_size=9), other=PATHS)
def test_a_table_of_files_reads_the_same_whether_it_was_parsed_or_not(paths: set[str], other: str) -> None:
    files = {path: entry(path) for path in paths}

    def unparsed() -> FileTable:
        return FileTable.unparsed(FileTable(files).dump(), len(files))

    assert unparsed() == files
    assert {path: unparsed().get(path) for path in (*files, other)} == {other: files.get(other)} | files


def test_one_path_of_a_table_of_files_is_found_without_reading_the_rest() -> None:
    lines = FileTable({path: entry(path) for path in "abcdefg"}).dump().splitlines(keepends=True)
    damaged = FileTable.unparsed(b"".join([b"damage\n", *lines[1:]]), 7)

    assert damaged["g"] == entry("g")
    with pytest.raises(ManifestUnreadable, match="damaged"):
        damaged.get("a")
    with pytest.raises(ManifestUnreadable, match="damaged"):
        len(damaged.items()) and list(damaged)
