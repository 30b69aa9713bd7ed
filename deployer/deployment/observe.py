"""Reads what a plan needs to know, and asks the server no more than that."""

import sys
from dataclasses import dataclass, replace

from deployer.certificate import Material
from deployer.deployment.live import read_settings, read_wsgi
from deployer.deployment.password import wanted_fingerprint
from deployer.deployment.record import is_busy
from deployer.deployment.site_work import SiteWork
from deployer.deployment.tls import observe_tls
from deployer.deployment.wanted import look_at
from deployer.errors import ConfigError
from deployer.git import Contents
from deployer.model.digest import blob_digest
from deployer.model.files import Change, Commit, FileEntry
from deployer.model.manifest import Manifest
from deployer.model.overrides import Overrides
from deployer.model.site import Site
from deployer.planning import guards
from deployer.planning.changes import (
    SPOILT,
)
from deployer.planning.facts import Facts
from deployer.planning.releases import id_on_server
from deployer.planning.settings import DEFAULT_PYTHON, in_doubt
from deployer.release import switch_source


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """The facts for the planner, and what the executor will need again."""

    facts: Facts
    recorded: Manifest
    """As it was read: `facts` have what of it matters for where the files go now."""
    contents: Contents
    wsgi: bytes | None
    certificate: Material | None
    busy: bool
    """Somebody else's deployment of this site is under way."""

    @property
    def has_first_release(self) -> bool:
        """The site is to have releases, and has none so far."""
        return self.facts.release is not None and self.recorded.release is None


def observe(
    work: SiteWork,
    commit: Commit,
    manifest: Manifest,
    overrides: Overrides,
    spoilt: frozenset[str] = frozenset(),
    *,
    ahead: bool = True,
) -> Observation:
    """Ask git what the commit ships and the server what is there.

    Not `ahead`: a request less where a site is new; whether the platform serves its domain in another way is
    told by the refusal to create it, before anything that somebody uses was touched.
    `spoilt` are shipped paths, relative to the target or the WSGI file's own, that a comparison
    found with other content.
    """
    site = work.site
    password = wanted_fingerprint(work, manifest.settings.password)
    contents = work.repository.contents(commit, site.files)
    own_wsgi = wsgi_content(work, commit)
    wsgi = own_wsgi
    if site.releases is not None:
        wsgi = switch_source(target=site.target, record=site.record_directory)
    seen = look_at(work, commit, manifest, spoilt - {site.wsgi_path})
    if seen.release is not None:
        site = site.with_static_in(id_on_server(seen.manifest, seen.release))
    entry = _entry(wsgi, commit) if wsgi is not None else None
    recorded = _without_spoilt_wsgi(seen.manifest, site, spoilt)
    doubt = in_doubt(
        site, recorded, entry.digest if entry else None, force=overrides.force, password=password
    )
    live = read_settings(work, doubt, ahead=ahead or manifest.settings.command is not None)
    if site.releases is not None and manifest.release is None and live.wsgi is None and live.exists:
        live = replace(live, wsgi=read_wsgi(work))  # it goes on if the first release cannot
    tls = observe_tls(work, manifest, overrides, exists=live.exists)
    facts = Facts(
        site=site,
        commit=commit,
        manifest=recorded,
        changes=seen.changes,
        shipped=seen.shipped,
        listing=seen.listing,
        heads=_heads(contents, seen.changes),
        tree_shows_hidden=seen.tree_shows_hidden,
        identical=seen.identical,
        wsgi=entry,
        wsgi_digest_live=blob_digest(live.wsgi, like=commit.id) if live.wsgi is not None else None,
        broken_wsgi=_broken_wsgi(site, own_wsgi),
        plain=seen.plain,
        doubt=doubt,
        live=live,
        password=password,
        tls=tls.facts,
        moved_from=_moved_from(manifest, site),
        release=seen.release,
        overrides=overrides,
    )
    return Observation(
        facts=facts,
        recorded=manifest,
        contents=contents,
        wsgi=wsgi,
        certificate=tls.material,
        busy=is_busy(manifest, owner=work.state.owner),
    )


def wsgi_content(work: SiteWork, commit: Commit) -> bytes | None:
    """What the WSGI file shall be; None when it is not ours. Raises ConfigError when it is not there."""
    if work.site.wsgi is None:
        return None
    content = work.repository.read(commit, work.site.wsgi)
    if content is None:
        raise ConfigError(
            "pythonanywhere.toml",
            [f"app.wsgi: there is no file {work.site.wsgi} in commit {commit.short}"],
            hint="The path is relative to the top of the repository, and the file has to be committed.",
        )
    return content


def _moved_from(manifest: Manifest, site: Site) -> str | None:
    """Into releases and back is no move: it is the same folder."""
    return None if manifest.target in {site.target, f"{site.target}/current"} else manifest.target


def _broken_wsgi(site: Site, content: bytes | None) -> str | None:
    if site.wsgi is None or content is None:
        return None
    version = site.webapp.python_version or DEFAULT_PYTHON
    ours = sys.version_info[:2]
    return guards.broken_wsgi(site.wsgi, content, site_python=version, our_python=ours)


def _without_spoilt_wsgi(manifest: Manifest, site: Site, spoilt: frozenset[str]) -> Manifest:
    """Ours, but holding something else: no digest matches it."""
    if site.wsgi_path not in spoilt:
        return manifest
    return replace(manifest, settings=replace(manifest.settings, wsgi=SPOILT))


def _entry(content: bytes, commit: Commit) -> FileEntry:
    return FileEntry(blob_digest(content, like=commit.id), len(content), "100644")


def _heads(contents: Contents, changes: tuple[Change, ...]) -> dict[str, bytes]:
    return {
        change.path: contents.head(change.path, guards.HEAD_BYTES)
        for change in changes
        if change.after is not None
        and change.after.digest != change.before
        and guards.small_enough_to_read(change.after)
    }
