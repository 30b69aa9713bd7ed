"""What git's attributes do to the files of a commit when it is archived: left out, or changed.

`git archive` takes attributes from the commit itself, `$GIT_DIR/info/attributes`, and the user's and
the system's files (gitattributes(5)), and converts line ends as the configuration says. `check-attr`
knows all of that once it looks at an index that holds the commit; that index is a temporary one.
"""

import tempfile
from collections.abc import Iterable, Iterator, Mapping
from os import environ
from pathlib import Path
from posixpath import dirname

from git import Repo

from deployer.git.objects import Objects, git_path

_ASKED = ("export-ignore", "export-subst", "text", "crlf", "eol", "ident", "filter", "working-tree-encoding")
_OFF = {"unspecified", "unset"}


class Attributes:
    """Answers for one commit."""

    def __init__(self, repo: Repo, objects: Objects, commit: str) -> None:
        self._repo = repo
        self._objects = objects
        self._commit = commit
        self._line_ends = _converts_line_ends(repo)

    def may_matter(self, paths: Iterable[str]) -> bool:
        """Whether any attribute can apply to any of these paths of the repository."""
        if self._line_ends or any(path.is_file() for path in _files_outside(self._repo)):
            return True
        folders = {""}
        for path in paths:
            while (path := dirname(path)) not in folders:
                folders.add(path)
        names = (f"{self._commit}:{folder}/.gitattributes".replace(":/", ":") for folder in folders)
        return bool(self._objects.look_up(names))

    def of(self, paths: Iterable[str]) -> Mapping[str, Mapping[str, str]]:
        """Path -> attribute -> value; folders are asked with a final slash, as git archive does."""
        question = "\0".join(paths).encode("utf-8", "surrogateescape")
        with tempfile.TemporaryDirectory(prefix="deployer-index-") as folder:
            index = {"GIT_INDEX_FILE": str(Path(folder) / "index")}
            self._repo.git.read_tree(self._commit, env=index)
            with tempfile.TemporaryFile() as stdin:
                stdin.write(question)
                stdin.seek(0)
                answer: bytes = self._repo.git.check_attr(
                    "--cached",
                    "-z",
                    "--stdin",
                    *_ASKED,
                    env=index,
                    istream=stdin,
                    stdout_as_string=False,
                    strip_newline_in_stdout=False,
                )
        found: dict[str, dict[str, str]] = {}
        for path, name, value in _triples(answer):
            if value not in _OFF or name == "text":
                found.setdefault(path, {})[name] = value
        return found

    def converts(self, attributes: Mapping[str, str]) -> bool:
        """Whether archiving may change the bytes. Erring towards yes costs time, never truth."""
        if attributes.keys() & {"export-subst", "ident", "filter", "working-tree-encoding", "crlf"}:
            return True
        if attributes.get("text") == "unset":
            return False
        return attributes.get("eol") == "crlf" or self._line_ends


def _triples(answer: bytes) -> Iterator[tuple[str, str, str]]:
    fields = answer.decode("utf-8", "surrogateescape").split("\0")
    yield from zip(fields[0::3], fields[1::3], fields[2::3], strict=False)


def _converts_line_ends(repo: Repo) -> bool:
    """core.autocrlf = true and core.eol = crlf make git archive write CRLF."""
    answer: str = repo.git.config("--get-regexp", r"^core\.(autocrlf|eol)$", with_exceptions=False)
    settings = dict(line.lower().partition(" ")[::2] for line in answer.splitlines())
    return (
        settings.get("core.autocrlf") in {"true", "yes", "on", "1", ""} or settings.get("core.eol") == "crlf"
    )


def _files_outside(repo: Repo) -> Iterator[Path]:
    """Attribute files that are not part of the commit."""
    yield git_path(repo, "info/attributes")
    configured: str = repo.git.config("--path", "--get", "core.attributesFile", with_exceptions=False)
    home = Path(environ.get("XDG_CONFIG_HOME") or Path.home() / ".config")
    yield Path(configured) if configured else home / "git" / "attributes"
    yield Path("/etc/gitattributes")
