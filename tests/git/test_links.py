"""Links are followed as the file system follows them."""

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from hypothesis import event, given, settings
from hypothesis import strategies as st

from deployer.git.links import Links, Unfollowable

FILES = ("top", "a/x", "a/b/y", "c/z")
PLACES = st.sampled_from(["l", "m", "a/l", "a/b/l", "c/m", "d/l"])
STEPS = st.sampled_from(["..", ".", "", "a", "b", "c", "d", "l", "m", "top", "x", "y", "z", "missing"])
LIKELY = st.sampled_from(
    ["a", "a/b", "c", "c/z", "x", "b/y", "../a", "../c/z", "../top", "l", "m/z", "../../c"]
)
ODD = st.lists(STEPS, min_size=1, max_size=4).map("/".join).filter(lambda text: text.strip("/") != "")
TARGETS = LIKELY | ODD


@settings(max_examples=150, deadline=None)
@given(links=st.dictionaries(PLACES, TARGETS, max_size=5))
def test_links_stand_for_what_the_file_system_finds_behind_them(links: Mapping[str, str]) -> None:
    """And what is not followed is missing, outside, or endless there too."""
    links = {place: text for place, text in links.items() if not text.startswith("/")}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder, "outer", "tree").resolve()
        _make(root, links)
        shipped = Links(FILES, links)
        for link in links:
            try:
                copies = dict(shipped.copies(link))
            except Unfollowable as problem:
                event(str(problem).split()[1])
                assert _is_not_followable(root, root / link)
            else:
                event("followed")
                found = {str(path.relative_to(root)): path.resolve() for path in _files_behind(root / link)}
                assert {place: root / original for place, original in copies.items()} == found


def _make(root: Path, links: Mapping[str, str]) -> None:
    for name in FILES:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(name, encoding="utf-8")
    for place, text in links.items():
        (root / place).parent.mkdir(exist_ok=True)
        (root / place).symlink_to(text)


def _files_behind(link: Path) -> list[Path]:
    if link.is_file():
        return [link]
    return [Path(place, name) for place, _, names in os.walk(link, followlinks=True) for name in names]


def _is_not_followable(root: Path, link: Path, within: tuple[Path, ...] = ()) -> bool:
    """Missing, a loop, a way that leaves the tree, or a folder that holds such a link or itself."""
    if not link.exists() or _leaves(root, link):
        return True
    real = link.resolve()
    if not real.is_dir():
        return False
    if link in within:
        return True
    inner = [path for path in real.rglob("*") if path.is_symlink()]
    return any(_is_not_followable(root, path, (*within, link)) for path in inner)


def _leaves(root: Path, link: Path) -> bool:
    """Whether following a link comes by a place that is not in the tree, even if it comes back."""
    here, names = link.parent.resolve(), [link.name]
    while names:
        name = names.pop(0)
        step = here / name
        if name not in {"", ".", ".."} and step.is_symlink():
            names = [*str(step.readlink()).split("/"), *names]
            continue
        here = step.resolve()
        if here != root and root not in here.parents:
            return True
    return False
