"""One git repository, as a deployment needs it."""

import os
from difflib import get_close_matches
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

from deployer.errors import UsageError
from deployer.git.archived import Archived
from deployer.git.attributes import ATTRIBUTES_FILE, Attributes
from deployer.git.contents import Contents
from deployer.git.links import Links, Unfollowable
from deployer.git.objects import Objects
from deployer.git.process import Git
from deployer.git.shipment import Shipment
from deployer.git.tree import LINK, SUBMODULE, FolderEntry, folders, parse_folder, parse_tree
from deployer.model.files import Change, Commit, Snapshot
from deployer.model.site import FileRules

if TYPE_CHECKING:
    from git import Repo


class Repository:
    """A work tree, a folder in one, a linked work tree or a bare repository. Never written to.

    Keeps git processes and temporary files until it is closed, and what it learned about a commit: one
    for each run, and for each thread.
    """

    def __init__(self, path: Path) -> None:
        """Raises UsageError when there is no repository at `path` or above it."""
        repo = _open(path)
        self._git = Git(repo)
        self.root = Path(self._git.root)
        """The top of the work tree; of a bare repository the repository itself."""
        self._bare = repo.working_tree_dir is None
        self._objects = Objects(self._git)
        self._attributes = Attributes(self._git, self._objects, Path(repo.common_dir))
        self._archived: dict[str, Archived] = {}
        self._shipments: dict[tuple[str, str, tuple[str, ...], str], Shipment] = {}
        repo.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the kept processes and give up the temporary files."""
        self._objects.close()
        for archived in self._archived.values():
            archived.close()
        self._archived.clear()
        self._shipments.clear()

    def resolve(self, rev: str) -> Commit:
        """The commit that a branch, a tag, an id or an expression like HEAD~1 stands for.

        Raises UsageError naming it when it stands for none.
        """
        info = self._objects.info(f"{rev}^{{commit}}") if rev and "\n" not in rev else None
        if info is None:
            raise self._unresolved(rev)
        printed = self._git.run(
            "log", "-1", "--no-show-signature", "--encoding=UTF-8", "--format=%an%x00%s%x00%cI", info.id
        )
        author, subject, committed_at = printed.decode("utf-8", "replace").removesuffix("\n").split("\0")
        return Commit(id=info.id, author=author, subject=subject, committed_at=committed_at)

    def snapshot(self, commit: Commit, rules: FileRules) -> Snapshot:
        """What `git archive` would extract below `rules.source`, less `rules.exclude`, links followed.

        Raises Refused naming every file that cannot be shipped, UsageError when there is no such source.
        """
        return self._shipment(commit, rules).snapshot()

    def changes(self, base: str, commit: Commit, rules: FileRules) -> tuple[Change, ...] | None:
        """What `commit` ships differently from `base`, the id of a commit.

        Only right when the snapshot of `base` under the same rules was plain. Costs what differs, not
        what exists. None: only comparing the snapshots tells. Raises as `snapshot`, for what is new.
        """
        return self._shipment(commit, rules).changes(base)

    def contents(self, commit: Commit, rules: FileRules) -> Contents:
        """The bytes of what `snapshot` and `changes` name; usable until the repository is closed."""
        return Contents(self._shipment(commit, rules), self._objects, self._archive(commit))

    def read(self, commit: Commit, path: str) -> bytes | None:
        """A file by its path in the repository, with the bytes that `git archive` would give it.

        Links are followed; a folder, a submodule and what is not there are None. What `git archive`
        leaves out is read as well, as it is in the commit.
        """
        found = self._find(commit, path)
        if found is None:
            return None
        full, id_ = found
        names = [folder + ATTRIBUTES_FILE for folder in ("", *folders(full))]
        infos = self._objects.infos([f"{commit.id}:{name}" for name in names])
        attribute_files = {name: info.id for name, info in zip(names, infos, strict=True) if info is not None}
        treatment = self._attributes.treatment(attribute_files, (full,))
        if full not in treatment.converted or treatment.ignores(full):
            return self._objects.read(id_)
        archived = self._archive(commit)
        archived.load((full,))
        return archived.read(full)

    def uncommitted(self) -> int:
        """How many files of the work tree differ from the checked-out commit or are new; 0 when bare."""
        if self._bare:
            return 0
        return len(self._git.run("status", "--porcelain", "--untracked-files=normal").splitlines())

    def tracked_and_new(self) -> tuple[str, ...]:
        """Files of the work tree that are tracked, or could be: not ignored. Sorted, relative to `root`."""
        if self._bare:
            raise UsageError(f"{self.root} is a bare repository: it has no files to look at")
        printed = self._git.run("ls_files", "-z", "--cached", "--others", "--exclude-standard")
        paths = {os.fsdecode(path) for path in printed.split(b"\0") if path}
        return tuple(sorted(path for path in paths if (self.root / path).is_file()))

    def _find(self, commit: Commit, path: str) -> tuple[str, str] | None:
        """The path and blob id of a regular file, after following links."""
        if not path:
            return None
        direct = self._in_folder(commit, path)
        if direct is not None and direct.mode not in (LINK, SUBMODULE):
            return (path, direct.id) if direct.mode.startswith("100") else None
        entries = parse_tree(self._git.run("ls_tree", "-r", "-z", "-l", "--full-tree", commit.id))
        texts = {
            name: self._objects.read(entry.id).decode("utf-8", "surrogateescape")
            for name, entry in entries.items()
            if entry.mode == LINK
        }
        files = [name for name, entry in entries.items() if entry.mode not in (LINK, SUBMODULE)]
        try:
            found = Links(files, texts).resolve(path)
        except Unfollowable:
            return None
        return (found, entries[found].id) if found in entries else None

    def _in_folder(self, commit: Commit, path: str) -> FolderEntry | None:
        """Reads only the folder, through a process that runs already."""
        if not {"", ".", ".."}.isdisjoint(path.split("/")):
            return None  # git would take them as relative to where it runs
        folder, _, name = path.rpartition("/")
        tree = self._objects.info(f"{commit.id}:{folder}")
        if tree is None or tree.type != "tree":
            return None
        return parse_folder(self._objects.read(tree.id), digits=len(tree.id)).get(name)

    def _shipment(self, commit: Commit, rules: FileRules) -> Shipment:
        key = (commit.id, rules.source, rules.exclude, rules.links)
        if key not in self._shipments:
            self._shipments[key] = Shipment(
                self._git,
                self._objects,
                self._attributes,
                self._archive(commit),
                commit=commit.id,
                rules=rules,
            )
        return self._shipments[key]

    def _archive(self, commit: Commit) -> Archived:
        return self._archived.setdefault(commit.id, Archived(self._git, commit.id))

    def _unresolved(self, rev: str) -> UsageError:
        printed = self._git.run(
            "for_each_ref", "--format=%(refname:short)", "refs/heads", "refs/remotes", "refs/tags"
        )
        names = printed.decode("utf-8", "replace").splitlines()
        if not names:
            return UsageError(
                f"there is no commit yet in {self.root}", hint="`git commit` makes the first one."
            )
        near = get_close_matches(rev, names, cutoff=0.5) or sorted(names)[:3]
        hint = f"There is {', '.join(near)}."
        if rev == "HEAD":
            return UsageError(f"the branch that is checked out in {self.root} has no commit yet", hint=hint)
        return UsageError(f"{rev!r} is no commit, branch or tag of {self.root}", hint=hint)


def _open(path: Path) -> "Repo":
    try:
        from git import Repo
        from git.exc import InvalidGitRepositoryError, NoSuchPathError
    except ImportError as error:
        raise UsageError("git is missing on this machine", hint="On Debian: apt-get install git") from error
    try:
        return Repo(path, search_parent_directories=True, expand_vars=False)
    except NoSuchPathError:
        raise UsageError(f"{path} does not exist", hint="--repo names a git repository.") from None
    except InvalidGitRepositoryError:
        raise UsageError(
            f"there is no git repository at {path} or above it",
            hint="Run it in a repository, name one with --repo, or make one with `git init`.",
        ) from None
