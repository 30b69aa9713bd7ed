"""Reads the documents, and says how their code blocks are tried: the conventions stand here and nowhere else.

The words after the opening fence say what a block is; they are not shown to readers.

`console`
    A terminal. A line that starts with `$ ` is typed, `> ` goes on with it, every other line is what comes
    back; there, three dots on a line of their own stand for lines that differ from machine to machine. All
    such blocks of one document are one session, in order: see `docs_terminal`. A command has to end with 0,
    unless the next one is `echo $?`.
`console background`
    One command that goes on running in another terminal; the lines shown are the first that it prints. With
    none shown nobody waits for it: what follows has to.
`console make`
    Commands for make, tried with --dry-run at the top of the repository: the suite is what they would run.
`pycon`
    Python with its answers. All such blocks of one document are one doctest.
`python`
    A whole program, run with the account of a sandbox in its environment. Where it prints the address of a
    console's page, somebody opens that. It has to end with 0 and to have said something: see
    `test_docs_programs`.
`toml pythonanywhere.toml`, `toml deployer.toml`
    A configuration file, loaded as the commands load it.
`ini PATH`, `sh PATH`
    An excerpt: every line stands in that file of the repository, in this order.
`text`
    A drawing or a layout. It holds no commands.

Between `<!-- table: NAME -->` and `<!-- end -->` stands what `docs_tables` makes from the code.
`python -m tests.docs_refresh` writes tables and outputs anew; read what it changed before you commit it.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

TOP = Path(__file__).parents[1]
DOCUMENTS = (
    "README.md",
    "CHANGELOG.md",
    *sorted(f"docs/{path.name}" for path in (TOP / "docs").glob("*.md")),
)
KINDS = {"console", "console background", "console make", "pycon", "python", "text"}
FILES = {"toml", "ini", "sh"}
"""Languages that are followed by the file that the block is, or is taken from."""

_BLOCK = re.compile(r"^```(?P<info>[^\n]*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_TABLE = re.compile(r"^<!-- table: (?P<name>.+?) -->\n(?P<text>.*?)^<!-- end -->$", re.MULTILINE | re.DOTALL)
_LINK = re.compile(r"\[[^\]\n]+\]\((?P<target>[^)\s]+)\)")
_HEADING = re.compile(r"^#+ (?P<title>.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """A piece of a document, with where its text begins and ends."""

    document: str
    name: str
    text: str
    start: int
    end: int

    @property
    def line(self) -> int:
        return read(self.document).count("\n", 0, self.start)


@dataclass(frozen=True, slots=True)
class Typed:
    """A command of a console block and what the document says that it answers."""

    command: str
    answer: str


def read(document: str) -> str:
    return (TOP / document).read_text(encoding="utf-8")


def blocks(document: str) -> Iterator[Part]:
    """Every fenced block; `name` is all that follows the fence."""
    yield from _parts(document, _BLOCK, "info")


def tables(document: str) -> Iterator[Part]:
    """Every part that is made from the code."""
    yield from _parts(document, _TABLE, "name")


def typed(block: str) -> Iterator[Typed]:
    """The commands of a console block."""
    for chunk in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
        command, *rest = chunk.split("\n")
        while rest and (rest[0] + " ").startswith("> "):
            command += "\n" + rest.pop(0)[2:]
        yield Typed(command, "\n".join(rest).rstrip("\n"))


def links(document: str) -> Iterator[str]:
    """The targets of every link outside of code."""
    yield from (found["target"] for found in _LINK.finditer(_BLOCK.sub("", read(document))))


def anchors(document: str) -> set[str]:
    """What `#…` can point at: headings, as the common hosts of Markdown write them."""
    titles = (found["title"] for found in _HEADING.finditer(_BLOCK.sub("", read(document))))
    return {re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-") for title in titles}


def rows(document: str, heading: str) -> list[list[str]]:
    """The cells of the first table below a heading, without its own head; code marks taken away."""
    below = read(document).partition(f"\n{heading}\n")[2]
    found = re.search(r"(?:^\|.*\n)+", below, re.MULTILINE)
    assert found, f"{document} has no table below {heading}"
    return [_cells(line) for line in found[0].splitlines()[2:]]


def _cells(line: str) -> list[str]:
    cells = re.split(r"(?<!\\)\|", line.strip().removeprefix("|").removesuffix("|"))
    return [cell.strip().replace("`", "").replace(r"\|", "|") for cell in cells]


def _parts(document: str, pattern: re.Pattern[str], name: str) -> Iterator[Part]:
    for found in pattern.finditer(read(document)):
        start, end = found.span("text")
        yield Part(document=document, name=found[name], text=found["text"], start=start, end=end)
