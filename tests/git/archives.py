"""What `git archive` extracts: the judge of every snapshot."""

import io
import subprocess
import tarfile
from collections.abc import Mapping
from os import walk
from pathlib import Path

from deployer.git import Repository
from deployer.model.digest import blob_digest
from deployer.model.files import Commit, FileEntry, Snapshot
from deployer.model.site import FileRules
from tests.builders.git import GitRepo

Files = Mapping[str, tuple[bytes, str]]
"""Path -> bytes and mode."""


def archived(repo: GitRepo, commit: str, source: str = "") -> Files:
    """Regular files below `source`, straight from the tar."""
    paths = [f":(literal){source}"] if source else []
    tar_bytes = repo.archive(commit, *paths)
    if not subprocess.run(["tar", "-t"], input=tar_bytes, stdout=subprocess.PIPE, check=True).stdout:
        return {}  # tarfile takes an archive of nothing but its header for a broken one
    with tarfile.open(fileobj=io.BytesIO(tar_bytes), encoding="utf-8") as tar:
        return {
            member.name.removeprefix(f"{source}/"): (content.read(), _mode(member.mode))
            for member in tar.getmembers()
            if (content := tar.extractfile(member)) is not None
        }


def extracted(repo: GitRepo, commit: str, folder: Path) -> Files:
    """All files that a visitor of the extracted archive finds, through links too."""
    folder.mkdir()
    subprocess.run(["tar", "-x", "-C", str(folder)], input=repo.archive(commit), check=True)
    found = {}
    for place, _, names in walk(folder, followlinks=True):
        for name in names:
            path = Path(place, name)
            found[str(path.relative_to(folder))] = (path.read_bytes(), _mode(path.stat().st_mode))
    return found


def shipped(repository: Repository, commit: Commit, rules: FileRules) -> Files:
    """What the snapshot names and the contents hold."""
    contents = repository.contents(commit, rules)
    found = {}
    for path, entry in repository.snapshot(commit, rules).files.items():
        with contents.open(path) as file:
            content = file.read()
        assert contents.head(path, 5) == content[:5]
        assert entry == FileEntry(blob_digest(content, like=commit.id), len(content), entry.mode)
        found[path] = (content, entry.mode)
    return found


def is_sorted(snapshot: Snapshot) -> bool:
    return list(snapshot.files) == sorted(snapshot.files)


def _mode(bits: int) -> str:
    return "100755" if bits & 0o100 else "100644"
