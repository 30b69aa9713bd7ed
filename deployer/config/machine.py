"""Finds and loads `deployer.toml`."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from deployer.config.document import read_document
from deployer.config.machine_file import AccountTable, DaemonTable, MachineFile, SiteTable, machine_rules
from deployer.config.positions import KeyPath, line_of
from deployer.config.problems import sentences
from deployer.config.site import AppOverrides
from deployer.errors import ConfigError, UsageError

SERVICE_FILE = Path("/etc/deployer/deployer.toml")
"""The service's own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MachineConfig:
    """A `deployer.toml` without a problem."""

    path: Path
    file: MachineFile
    lines: Mapping[KeyPath, int]

    @property
    def daemon(self) -> DaemonTable:
        return self.file.daemon

    @property
    def accounts(self) -> Mapping[str, AccountTable]:
        return self.file.account

    @property
    def sites(self) -> Mapping[str, SiteTable]:
        return self.file.site

    @property
    def folder(self) -> Path:
        """Where relative paths in the file start."""
        return self.path.parent

    def locate(self, path: Path) -> Path:
        return self.folder / path.expanduser()

    def origin(self, *key: str) -> str:
        """Where a value stands: the file with the line of the key."""
        return f"{self.path} line {line_of(self.lines, key)}"

    def overrides(self, site: str) -> AppOverrides | None:
        """What the site's `app` says in place of the repository's [app]."""
        app = self.sites[site].app
        if app is None:
            return None
        keys = {key: line_of(self.lines, ("site", site, "app", key)) for key in app.model_fields_set}
        return AppOverrides(app, str(self.path), {key: line for key, line in keys.items() if line})


def load_machine(path: Path) -> MachineConfig:
    """Raises ConfigError with every problem of the file, or UsageError when it cannot be read."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{path} cannot be read: {error.strerror}",
            hint="Name another with --config or DEPLOYER_CONFIG; DEPLOYER_CONFIG=/dev/null does without one.",
        ) from None
    document = read_document(data, str(path), MachineFile, machine_rules)
    if document.problems or document.model is None:
        raise ConfigError(
            str(path),
            sentences(document.problems, document.lines),
            hint="Correct it, then check with: deployer config",
        )
    return MachineConfig(path=path.absolute(), file=document.model, lines=document.lines)


def find_machine(given: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The file to load: --config, $DEPLOYER_CONFIG, the user's own, the service's.

    Never one in the current folder: that may be somebody else's repository, and this file decides
    where a token is sent.
    """
    if given is not None:
        return given
    if named := environ.get("DEPLOYER_CONFIG"):
        return Path(named).expanduser()
    home = Path(environ.get("XDG_CONFIG_HOME") or "~/.config").expanduser()
    usual = (home / "deployer" / "deployer.toml", SERVICE_FILE)
    # os.path, because Path.exists raises where this user may not look: then it is not this user's file.
    return next((path for path in usual if os.path.exists(path)), None)  # noqa: PTH110 - see above
