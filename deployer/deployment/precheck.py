"""The check of a commit that needs no server: its configuration, and the guards that look only at files."""

import sys
from collections.abc import Iterator

from deployer.config import AppOverrides, load_site
from deployer.errors import Refused, UsageError
from deployer.git import Repository
from deployer.model.files import Change, Commit, FileEntry
from deployer.model.site import Site
from deployer.planning import guards
from deployer.planning.changes import compare
from deployer.planning.settings import DEFAULT_PYTHON


def precheck(
    repository: Repository,
    commit: Commit,
    *,
    before: Commit | None,
    manifest: str,
    username: str,
    host: str,
    overrides: AppOverrides | None = None,
) -> Site:
    """The site that a pushed commit describes, if nothing speaks against deploying it.

    `before` is what the branch stood at: only files that changed since can be new secrets, so a file that
    a deployment let pass does not stop every later push. Raises UsageError when nothing in the commit says
    what the site is, ConfigError with every problem of what says it, and Refused with every refusal.
    """
    data = repository.read(commit, manifest)
    if data is None:
        raise UsageError(
            f"there is no {manifest} in commit {commit.short}, so nothing says what the site is",
            hint="`deployer init` writes one for this project; it has to be committed.",
        )
    source = f"{manifest} of {commit.short}"
    site = load_site(data, source, username=username, host=host, overrides=overrides)
    refusals = [*_files(repository, commit, before, site), *_wsgi(repository, commit, site, source)]
    if refusals:
        raise Refused(refusals)
    return site


def _files(repository: Repository, commit: Commit, before: Commit | None, site: Site) -> Iterator[str]:
    rules = site.files
    try:
        snapshot = repository.snapshot(commit, rules)
    except Refused as refused:
        yield from refused.refusals
        return
    if (empty := guards.empty_source(len(snapshot.files), commit.id, rules)) is not None:
        yield empty
    changes = compare(_shipped(repository, before, site), snapshot)
    contents = repository.contents(commit, rules)
    heads = {
        change.path: contents.head(change.path, guards.HEAD_BYTES)
        for change in changes
        if change.after is not None and _is_new(change) and guards.small_enough_to_read(change.after)
    }
    yield from guards.secrets(changes, heads, rules)
    yield from guards.lfs_pointers(changes, heads)


def _is_new(change: Change) -> bool:
    """Or only its mode changed."""
    return change.after is not None and change.after.digest != change.before


def _shipped(repository: Repository, before: Commit | None, site: Site) -> dict[str, FileEntry]:
    """What the branch shipped so far, by the new rules; nothing where that could not be shipped at all."""
    if before is None:
        return {}
    try:
        return dict(repository.snapshot(before, site.files).files)
    except (Refused, UsageError):
        return {}


def _wsgi(repository: Repository, commit: Commit, site: Site, source: str) -> Iterator[str]:
    if site.wsgi is None:
        return
    content = repository.read(commit, site.wsgi)
    if content is None:
        yield f"app.wsgi ({source}): there is no file {site.wsgi} in the commit"
        return
    version = site.webapp.python_version or DEFAULT_PYTHON
    ours = sys.version_info[:2]
    if broken := guards.broken_wsgi(site.wsgi, content, site_python=version, our_python=ours):
        yield broken
