"""Writes the tables and the outputs of the documents anew: `python -m tests.docs_refresh [DOCUMENT...]`.

Only what really differs is replaced: a new time or id alone changes nothing.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.docs_blocks import DOCUMENTS, TOP, Part, Typed, blocks, read, tables
from tests.docs_tables import rendered
from tests.docs_terminal import Answer, agrees, terminal


def refresh(document: str) -> None:
    """Bring one document up to date. Raises KeyError for a table that nobody makes."""
    _replace(document, [(part, rendered(part.name)) for part in tables(document)])
    sessions = [part for part in blocks(document) if part.name in {"console", "console background"}]
    if not sessions:
        return
    replaced = []
    with TemporaryDirectory(prefix="deployer-docs-") as folder, terminal(Path(folder)) as session:
        for part in sessions:
            text = "".join(_shown(typed, answer) for typed, answer in session.answers(part))
            replaced.append((part, text))
    _replace(document, replaced)


def _shown(typed: Typed, answer: Answer) -> str:
    text = typed.answer if agrees(typed.answer, answer.text) else answer.text
    command = "\n".join(f"> {line}".rstrip() for line in typed.command.split("\n"))[2:]
    return f"$ {command}\n{text}\n" if text else f"$ {command}\n"


def _replace(document: str, replaced: list[tuple[Part, str]]) -> None:
    text = read(document)
    for part, new in reversed(replaced):
        text = text[: part.start] + new + text[part.end :]
    (TOP / document).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    for name in sys.argv[1:] or DOCUMENTS:
        refresh(name)
