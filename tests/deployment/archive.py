"""What git itself says that a commit ships: the judge of what a deployment put on the server."""

import os
import subprocess
from collections.abc import Collection, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.builders.git import ENVIRONMENT, GitRepo


def archived(repo: GitRepo, commit: str, source: str, exclude: tuple[str, ...]) -> dict[str, bytes] | None:
    """`git archive` of a commit below `source`, extracted, less `exclude`, links replaced by copies.

    None when a link stands for nothing that is shipped, or for itself.
    """
    with TemporaryDirectory() as folder:
        subprocess.run(["tar", "-x", "-C", folder], input=repo.archive(commit), check=True)
        top = Path(folder).resolve() / source
        if not top.exists():
            return {}
        _remove_excluded(repo, top, exclude)
        try:
            files = dict(_followed(top, "", (top,)))
        except (OSError, RuntimeError, ValueError):
            return None
        return {path: files[path] for path in files.keys() - named(repo, exclude, files)}


def named(repo: GitRepo, patterns: tuple[str, ...], paths: Collection[str]) -> set[str]:
    """Those of the paths that git would ignore by these patterns."""
    if not patterns or not paths:
        return set()
    with TemporaryDirectory() as folder:
        (Path(folder) / "patterns").write_text("".join(f"{pattern}\n" for pattern in patterns))
        (Path(folder) / "empty").mkdir()
        asked = subprocess.run(
            [
                "git",
                f"--git-dir={repo.path / '.git'}",
                f"--work-tree={folder}/empty",
                "-c",
                f"core.excludesFile={folder}/patterns",
                *("check-ignore", "--no-index", "-z", "--stdin"),
            ],
            cwd=Path(folder) / "empty",
            env={**os.environ, **ENVIRONMENT},
            input="\0".join(paths).encode(),
            stdout=subprocess.PIPE,
            check=False,
        )
    assert asked.returncode in (0, 1)
    return set(asked.stdout.decode().split("\0")) - {""}


def _remove_excluded(repo: GitRepo, top: Path, exclude: tuple[str, ...]) -> None:
    """Folders that are left empty go too: nothing is shipped from them."""
    files = [
        path.relative_to(top).as_posix() for path in top.rglob("*") if path.is_symlink() or path.is_file()
    ]
    for path in named(repo, exclude, files):
        (top / path).unlink()
    for folder in sorted(top.rglob("*"), reverse=True):
        if folder.is_dir() and not folder.is_symlink() and not any(folder.iterdir()):
            folder.rmdir()


def _followed(folder: Path, place: str, within: tuple[Path, ...]) -> Iterator[tuple[str, bytes]]:
    """Every file below, links followed by the machine; `within` are the folders that we are in."""
    for entry in folder.iterdir():
        path = f"{place}/{entry.name}".lstrip("/")
        real = entry.resolve(strict=True)
        if not real.is_relative_to(within[0]):
            raise ValueError(f"{path} leads out of what is shipped")
        if real.is_file():
            yield path, real.read_bytes()
        elif real in within:
            raise ValueError(f"{path} leads back into itself")
        else:
            yield from _followed(real, path, (*within, real))
