"""What git's attributes make `git archive` do to each file.

Git itself answers: `check-attr --cached` on an index of our own that holds nothing but the
`.gitattributes` files of the commit, so the work tree and the user's index are neither read nor
touched, and asking about a few paths of a large commit costs little.
"""

import os
import re
import shutil
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from itertools import groupby
from operator import itemgetter
from pathlib import Path

from deployer.git.objects import Objects
from deployer.git.process import Git
from deployer.git.temporary import temporary_folder
from deployer.git.tree import folders

ATTRIBUTES_FILE = ".gitattributes"

_MATTERS = re.compile(rb"export-(?:ignore|subst)|eol|crlf|ident|filter|working-tree-encoding")
"""`text` is not among them: without `eol` only the configuration makes it change anything on output."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Treatment:
    """What `git archive` does to the paths that were asked about, beyond copying them."""

    ignored: frozenset[str] = frozenset()
    """Left out by themselves; a folder ends in a slash and takes what is below it along."""
    converted: frozenset[str] = frozenset()
    """May be written with other bytes than the commit has."""

    def ignores(self, path: str) -> bool:
        if not self.ignored:
            return False
        return path in self.ignored or any(folder in self.ignored for folder in folders(path))


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalSettings:
    """What the machine and the repository add to the attributes that are in the commit."""

    attributes: bool
    """There is an attributes file outside of the commit."""
    crlf_for_text: bool
    """Files with the attribute `text` get CRLF on output."""
    crlf_for_all: bool
    """So does every file that looks like text."""

    @property
    def matter(self) -> bool:
        return self.attributes or self.crlf_for_text


class Attributes:
    """Asks git about the attributes of paths, all relative to the repository."""

    def __init__(self, git: Git, objects: Objects, common_directory: Path) -> None:
        self._git = git
        self._objects = objects
        self._common_directory = common_directory

    @cached_property
    def local(self) -> LocalSettings:
        """Read once: who changes the configuration meanwhile gets the change with the next run."""
        settings = _parse_settings(self._git.run("config", "--null", "--list"))
        autocrlf = settings.get("core.autocrlf", "false").lower()
        for_all = autocrlf in ("true", "yes", "on", "1")
        for_text = for_all or (autocrlf != "input" and settings.get("core.eol", "").lower() == "crlf")
        files = _attribute_files(settings.get("core.attributesfile"))
        return LocalSettings(
            attributes=any(
                _has_content(Path(self._git.root) / path)
                for path in (self._common_directory / "info" / "attributes", *files)
            ),
            crlf_for_text=for_text,
            crlf_for_all=for_all,
        )

    def treatment(self, attribute_files: Mapping[str, str], paths: Collection[str]) -> Treatment:
        """`attribute_files`: path -> blob id of each `.gitattributes` that may speak of one of `paths`.

        A submodule among the paths has to end in a slash.
        """
        if not self.local.attributes and not any(self._can_matter(id_) for id_ in attribute_files.values()):
            return Treatment(converted=frozenset(paths if self.local.crlf_for_all else ()))
        above = {folder for path in paths for folder in folders(path)}
        answers = self._check(attribute_files, [*above, *paths])
        nothing: Mapping[str, str] = {}
        return Treatment(
            ignored=frozenset(p for p, found in answers.items() if found.get("export-ignore") == "set"),
            converted=frozenset(path for path in paths if self._converts(answers.get(path, nothing))),
        )

    def _can_matter(self, id_: str) -> bool:
        return self.local.matter or _MATTERS.search(self._objects.read(id_)) is not None

    def _check(
        self, attribute_files: Mapping[str, str], paths: Collection[str]
    ) -> Mapping[str, Mapping[str, str]]:
        """The attributes of each path that has any."""
        with temporary_folder("index") as folder:
            environment = {"GIT_INDEX_FILE": str(folder / "index")}
            lines = b"".join(f"100644 {id_}\t".encode() + _raw(path) for path, id_ in attribute_files.items())
            self._git.run("update_index", "-z", "--index-info", stdin=lines, environment=environment)
            printed = self._git.run(
                "check_attr",
                "--cached",
                "--all",
                "-z",
                "--stdin",
                stdin=b"".join(map(_raw, paths)),
                environment=environment,
            )
        return {
            path: {name: value for _, name, value in found}
            for path, found in groupby(_triples(printed), key=itemgetter(0))
        }

    def _converts(self, found: Mapping[str, str]) -> bool:
        """As git's `convert_attrs` and `git archive` decide, before they look into the file."""
        if "set" in (found.get("export-subst"), found.get("ident")):
            return True
        if any(
            found.get(name, "set") not in ("set", "unset") for name in ("filter", "working-tree-encoding")
        ):
            return True
        text = found.get("text", "")
        if text not in ("set", "unset", "auto", "input"):
            text = found.get("crlf", "")  # the old name of the same thing
        eol = found.get("eol")
        if text == "unset" or eol == "lf":
            return False
        if eol == "crlf":
            return True
        if text in ("set", "auto"):
            return self.local.crlf_for_text
        return text != "input" and self.local.crlf_for_all


def _parse_settings(printed: bytes) -> dict[str, str]:
    """From `config --null --list`; a key without a value means true, the last one of a key counts."""
    settings = {}
    for record in printed.decode("utf-8", "surrogateescape").split("\0")[:-1]:
        key, equals, value = record.partition("\n")
        settings[key] = value if equals else "true"
    return settings


def _attribute_files(configured: str | None) -> Iterator[Path]:
    """The user's and the machine's, where gitattributes(5) looks for them."""
    if configured is not None:
        yield Path(configured).expanduser()
    else:
        home = os.environ.get("XDG_CONFIG_HOME") or "~/.config"
        yield Path(home).expanduser() / "git" / "attributes"
    if not os.environ.get("GIT_ATTR_NOSYSTEM"):
        yield Path("/etc/gitattributes")
        if (executable := shutil.which("git")) is not None:
            yield Path(executable).parent.parent / "etc" / "gitattributes"


def _has_content(path: Path) -> bool:
    try:
        return path.stat().st_size > 0
    except OSError:
        return False


def _raw(path: str) -> bytes:
    return path.encode("utf-8", "surrogateescape") + b"\0"


def _triples(printed: bytes) -> Iterator[tuple[str, str, str]]:
    values = iter(printed.decode("utf-8", "surrogateescape").split("\0")[:-1])
    return zip(values, values, values, strict=True)
