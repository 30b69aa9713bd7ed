"""Reads secrets from where the configuration says that they are kept."""

from collections.abc import Mapping
from pathlib import Path

from deployer.config.machine_file import SecretTable
from deployer.errors import UsageError
from deployer.secret import Secret


def read_secret(source: SecretTable, environ: Mapping[str, str], *, folder: Path) -> Secret:
    """The secret; a relative file starts at `folder`. Raises UsageError that says where it was looked for."""
    if source.env is not None:
        return clean_secret(_variable(source.env, environ), f"the environment variable {source.env}")
    if source.credential is not None:
        path = _credential(source.credential, environ)
    else:
        path = secret_file(source, folder=folder) or folder
    return clean_secret(_content(path), str(path))


def secret_file(source: SecretTable, *, folder: Path) -> Path | None:
    """The file that holds it; None for the other two kinds."""
    return folder / source.file.expanduser() if source.file is not None else None


def permission_warning(path: Path) -> str:
    """What to say of a secret that other users of the machine can read; empty when all is well."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return ""
    if mode & 0o077:
        return (
            f"{path} can be read by other users of this machine (mode {mode & 0o777:04o}): chmod 600 {path}"
        )
    return ""


def clean_secret(text: str, where: str) -> Secret:
    """Without the line end that an editor leaves. Raises UsageError for what no secret looks like."""
    value = text.strip()
    if not value:
        raise UsageError(f"{where} is empty; it should hold the secret and nothing else")
    if not value.isascii() or any(character.isspace() for character in value):
        raise UsageError(f"{where} holds more than one word; it should hold the secret and nothing else")
    return Secret(value)


def _variable(name: str, environ: Mapping[str, str]) -> str:
    if name not in environ:
        raise UsageError(f"the environment variable {name} is not set")
    return environ[name]


def _credential(name: str, environ: Mapping[str, str]) -> Path:
    directory = environ.get("CREDENTIALS_DIRECTORY")
    if not directory:
        raise UsageError(
            f"the credential {name} is only there for a process that systemd started with"
            f" LoadCredential={name}:<file>; in a shell set API_TOKEN instead, or for the password of a site"
            " DEPLOYER_SITE_PASSWORD"
        )
    return Path(directory) / name


def _content(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        raise UsageError(f"{path} is not text; it should hold the secret and nothing else") from None
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
