"""One repository: commits, files of commits, snapshots, and differences between them."""

from contextlib import suppress
from difflib import get_close_matches
from os import environ
from pathlib import Path
from typing import Self

from git import Repo
from git.exc import GitError, InvalidGitRepositoryError, NoSuchPathError

from deployer.errors import Refused, UsageError
from deployer.git.archive import archived
from deployer.git.attributes import Attributes
from deployer.git.commits import parse_commit
from deployer.git.contents import Contents
from deployer.git.links import Links
from deployer.git.objects import Objects
from deployer.git.survey import Survey, survey
from deployer.git.tree import FOLDER, LINK, SUBMODULE, TreeEntry, list_tree, parse_tree, problem
from deployer.model.files import Change, Commit, FileEntry, Snapshot
from deployer.model.site import FileRules
from deployer.planning.patterns import PathPatterns

_PLAIN_MODES = {"100644", "100755", "000000"}


class Repository:
    """A work tree, a folder inside one, a linked work tree, or a bare repository."""

    def __init__(self, path: Path) -> None:
        """Raises UsageError when there is no repository."""
        try:
            self._repo = Repo(path, search_parent_directories=True)
        except (InvalidGitRepositoryError, NoSuchPathError):
            raise UsageError(
                f"{path} is not in a git repository",
                hint="Go into one, name one with --repo PATH, or make one with `git init`.",
            ) from None
        self.root = Path(self._repo.working_tree_dir or self._repo.git_dir)
        # A bare repository that another user owns is read all the same: this process only reads.
        self._repo.git.update_environment(**_trusting(self.root))
        self._objects = Objects(self._repo)
        self._surveys: dict[tuple[str, FileRules], Survey] = {}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._objects.close()
        self._repo.close()

    def resolve(self, rev: str) -> Commit:
        """A branch, tag, id or expression like HEAD~1. Raises UsageError with near names."""
        name = f"{rev}^{{commit}}"
        found = {} if not rev or "\n" in rev else self._objects.look_up([name])
        if name not in found:
            raise self._unknown(rev)
        id_ = found[name][0]
        return parse_commit(id_, self._objects.read(id_))

    def read(self, commit: Commit, path: str) -> bytes | None:
        """A file as the archive of the commit has it; None when there is none.

        A link inside the repository is followed. A file that is left out of archives
        (export-ignore) is read as it is committed.
        """
        tree = {leaf.path: leaf for leaf in self._leaves(commit, path)}
        if (leaf := tree.get(path)) is None:
            return None
        if leaf.mode == LINK:
            return self._read_link(commit, path)
        if Attributes(self._repo, self._objects, commit.id).may_matter([path]):
            with suppress(GitError):
                for _, stream in archived(self._repo, commit.id, [path]):
                    return stream.read()
        return self._objects.read(leaf.id)

    def snapshot(self, commit: Commit, rules: FileRules) -> Snapshot:
        """All that the commit ships. Raises Refused naming everything that cannot be shipped."""
        return self._survey(commit.id, rules).snapshot

    def changes(self, base: str, commit: Commit, rules: FileRules) -> tuple[Change, ...] | None:
        """What differs from another commit, at the price of what differs; sorted by path.

        `base` must have had a plain snapshot with the same rules. None when the difference alone
        does not tell: the base is not here, or links, submodules or attributes come into it.
        Raises Refused for what cannot be shipped.
        """
        if base not in self._objects.look_up([base]):
            return None
        differences = self._diff(base, commit.id, rules)
        if any(
            {old, new} - _PLAIN_MODES or path.endswith(".gitattributes")
            for path, old, new, _, _ in differences
        ):
            return None
        inside = f"{rules.source}/" if rules.source else ""
        attributes = Attributes(self._repo, self._objects, commit.id)
        if differences and attributes.may_matter(inside + path for path, *_ in differences):
            return None
        sizes = self._objects.sizes(id_ for _, _, mode, _, id_ in differences if mode != "000000")
        problems = [
            text for path, _, mode, _, id_ in differences if (text := problem(path, mode, sizes.get(id_, 0)))
        ]
        if problems:
            raise Refused(problems)
        return tuple(
            sorted(
                Change(
                    path,
                    None if old_mode == "000000" else old_id,
                    None if mode == "000000" else FileEntry(id_, sizes[id_], mode),
                )
                for path, old_mode, mode, old_id, id_ in differences
            )
        )

    def contents(self, commit: Commit, rules: FileRules) -> Contents:
        """The bytes of what the commit ships; after `snapshot` or `changes` has accepted it."""
        known = self._surveys.get((commit.id, rules))
        return Contents(self._repo, self._objects, commit.id, rules.source, known)

    def tracked_and_new(self) -> list[str]:
        """What a commit of everything would hold: tracked and untracked files that are not ignored."""
        answer: str = self._repo.git.ls_files("-z", "--cached", "--others", "--exclude-standard")
        return sorted({path for path in answer.split("\0") if path and (self.root / path).is_file()})

    def _survey(self, commit: str, rules: FileRules) -> Survey:
        if (commit, rules) not in self._surveys:
            self._surveys[commit, rules] = survey(self._repo, self._objects, commit, rules)
        return self._surveys[commit, rules]

    def _leaves(self, commit: Commit, path: str) -> list[TreeEntry]:
        answer: bytes = self._repo.git.ls_tree(
            "-z",
            "-l",
            "--full-tree",
            commit.id,
            "--",
            path,
            stdout_as_string=False,
            strip_newline_in_stdout=False,
        )
        return [leaf for leaf in parse_tree(answer) if leaf.mode not in {SUBMODULE, FOLDER}]

    def _read_link(self, commit: Commit, path: str) -> bytes | None:
        leaves = list_tree(self._repo, self._objects, commit.id, "")
        regular = {leaf.path for leaf in leaves if leaf.mode not in {LINK, SUBMODULE}}
        targets = {
            leaf.path: self._objects.read(leaf.id).decode("utf-8", "surrogateescape")
            for leaf in leaves
            if leaf.mode == LINK
        }
        target = Links(regular, targets).copies().get(path)
        return None if target is None else self.read(commit, target)

    def _diff(self, base: str, commit: str, rules: FileRules) -> list[tuple[str, str, str, str, str]]:
        """(path, old mode, new mode, old id, new id), less what is excluded; paths below the source."""
        inside = f"{rules.source}/" if rules.source else ""
        answer: bytes = self._repo.git.diff_tree(
            "-r",
            "-z",
            "--raw",
            "--no-renames",
            base,
            commit,
            "--",
            *([f":(literal,top){rules.source}"] if rules.source else []),
            stdout_as_string=False,
            strip_newline_in_stdout=False,
        )
        fields = answer.decode("utf-8", "surrogateescape").split("\0")
        excluded = PathPatterns(rules.exclude)
        found = []
        for meta, full_path in zip(fields[0::2], fields[1::2], strict=False):
            old_mode, mode, old_id, id_, _ = meta.removeprefix(":").split(" ")
            path = full_path.removeprefix(inside)
            if path not in excluded:
                found.append((path, old_mode, mode, old_id, id_))
        return found

    def _unknown(self, rev: str) -> UsageError:
        if rev == "HEAD":
            return UsageError(
                f"{self.root} has no commit yet", hint="Commit something: `git add --all && git commit`."
            )
        names = [reference.name for reference in self._repo.references]
        near = get_close_matches(rev, names, n=3)
        hint = (
            f"Did you mean {' or '.join(near)}?" if near else "`git log --oneline --all` lists what is there."
        )
        return UsageError(f"there is no commit {rev!r} in {self.root}", hint=hint)


def _trusting(root: Path) -> dict[str, str]:
    """Environment that adds one safe.directory to whatever configuration it may hold already."""
    count = int(environ.get("GIT_CONFIG_COUNT") or 0)
    return {
        "GIT_CONFIG_COUNT": str(count + 1),
        f"GIT_CONFIG_KEY_{count}": "safe.directory",
        f"GIT_CONFIG_VALUE_{count}": str(root),
    }
