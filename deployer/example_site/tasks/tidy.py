"""Keep the last thousand visits: the daily task of this site."""

from pathlib import Path

VISITS = Path(__file__).parent.parent / "visits.log"
KEPT = 1000


def tidy(visits: Path, kept: int = KEPT) -> int:
    """Shorten the log to its last lines and return how many were dropped."""
    lines = visits.read_text().splitlines(keepends=True) if visits.exists() else []
    dropped = max(len(lines) - kept, 0)
    if dropped:
        visits.write_text("".join(lines[dropped:]))
    return dropped


if __name__ == "__main__":
    print(f"dropped {tidy(VISITS)} visits")  # noqa: T201 - a task's output is its log
