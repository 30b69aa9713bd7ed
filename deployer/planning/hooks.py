"""Which of the site's own commands a deployment runs, and why.

They are run again whenever it is not certain that they did all of their work: they have to bear that.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from deployer.model.actions import Action, DeleteFile, RunHook, Upload
from deployer.model.site import Hook
from deployer.planning.facts import Facts
from deployer.planning.patterns import PathPatterns


@dataclass(frozen=True, slots=True, kw_only=True)
class HookPlan:
    early: tuple[RunHook, ...]
    """Before the WSGI file and the reload."""
    late: tuple[RunHook, ...]
    """Once the site answers well."""


def plan_hooks(facts: Facts, changing: Iterable[Action], *, is_off: bool) -> HookPlan:
    """`changing` is everything else that the plan does, but the reload. A site that is off goes never live,
    so that nothing comes after that.
    """
    hooks = facts.site.hooks
    if not hooks:
        return HookPlan(early=(), late=())
    due = _Due(facts, tuple(changing))
    planned = [
        RunHook(subject=hook.command, hook=hook, reason=reason)
        for hook in hooks
        if (reason := due.reason(hook)) is not None
    ]
    return HookPlan(
        early=tuple(action for action in planned if action.hook.at == "before_reload"),
        late=tuple(action for action in planned if action.hook.at == "after_live" and not is_off),
    )


class _Due:
    def __init__(self, facts: Facts, changing: tuple[Action, ...]) -> None:
        self._facts = facts
        changed = {*_changed(facts, changing)}
        self._changes = bool(changing) or bool(changed)
        self._cut_off = facts.manifest.pending is not None and not _serves_it(facts)
        self._paths = sorted({*changed, *(cut_off_paths(facts) if self._cut_off else ())})

    def reason(self, hook: Hook) -> str | None:
        """None: it is not to be run."""
        if self._facts.overrides.force:
            return "asked for (--force)"
        if hook.changed:
            patterns = PathPatterns(hook.changed)
            named = next((path for path in self._paths if path in patterns), None)
            if named is not None:
                cut_off = ", or did when it was cut off" if self._cut_off else ""
                return f"{named} changes{cut_off}"
        elif self._changes:
            return "something changes"
        elif self._cut_off:
            return "the last deployment was cut off"
        if hook.at == "after_live" and self._is_owed():
            return "the last deployment did not come so far"
        return None

    def _is_owed(self) -> bool:
        """Another commit is on the server than the one that was last live, and it is not that one which is
        being put back: hooks that come after the check have not been run, or have failed.
        """
        manifest = self._facts.manifest
        live = manifest.live.commit if manifest.live else None
        return manifest.commit is not None and live not in (manifest.commit, self._facts.commit.id)


def _serves_it(facts: Facts) -> bool:
    """Whether the release is the one that is recorded as live, so that its commands were run for it: what was
    cut off since then was for another one.
    """
    wanted, live = facts.release, facts.manifest.release
    return wanted is not None and live is not None and wanted.is_in(live.id)


def cut_off_paths(facts: Facts) -> Iterator[str]:
    """What a deployment that was cut off may have changed, relative to the target.

    The journal may have confirmed it all, so that the plan does nothing about it: but whether the hooks that
    it asks for were run to their end, nobody can tell.
    """
    pending = facts.manifest.pending
    if pending is None:
        return
    yield from pending.hooks
    prefix = f"{facts.site.target}/"
    yield from (path.removeprefix(prefix) for path in pending.paths if path.startswith(prefix))


def owed_paths(facts: Facts, changing: Iterable[Action]) -> tuple[str, ...]:
    """What the next run has to know if this one is cut off: the changed paths that any hook asks for."""
    patterns = PathPatterns([pattern for hook in facts.site.hooks for pattern in hook.changed])
    paths = {*_changed(facts, changing), *cut_off_paths(facts)}
    return tuple(sorted(path for path in paths if path in patterns))


def _changed(facts: Facts, changing: Iterable[Action]) -> Iterator[str]:
    """A release has all its files at once: switching to one that is there changes them as well."""
    if facts.release is not None:
        yield from (change.path for change in facts.changes)
    for action in changing:
        if isinstance(action, Upload):
            yield action.path
        elif isinstance(action, DeleteFile):
            yield action.subject.removeprefix(f"{facts.site.target}/")
