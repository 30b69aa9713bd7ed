"""The options that recur, spelled once."""

from datetime import timedelta
from pathlib import Path
from typing import Annotated

import typer

from deployer.errors import UsageError
from deployer.model.overrides import Overrides
from deployer.model.site import MaxDelete

Rev = Annotated[
    str | None,
    typer.Argument(
        metavar="[REV]",
        help="Commit, branch or tag to deploy. Default: the site's branch, or HEAD where no site is named.",
        show_default=False,
    ),
]
Repo = Annotated[
    Path | None,
    typer.Option("--repo", metavar="PATH", help="The git repository. Default: here.", show_default=False),
]
Config = Annotated[
    Path | None,
    typer.Option("--config", metavar="FILE", help="deployer.toml of this machine.", show_default=False),
]
SiteName = Annotated[
    str | None,
    typer.Option("--site", metavar="NAME", help="Which [site.NAME] of deployer.toml.", show_default=False),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show every request as it is made.")]
AllowEmpty = Annotated[bool, typer.Option("--allow-empty", help="Deploy a commit that ships no file.")]
Overwrite = Annotated[
    bool,
    typer.Option(
        "--overwrite", help="Replace what deployer did not make, and a site of another target or kind."
    ),
]
Force = Annotated[
    bool,
    typer.Option("--force", help="Deploy again what is live, or a commit that failed before."),
]
MaxDeletes = Annotated[
    str | None,
    typer.Option(
        "--max-delete", metavar="N|P%", help="Overrides [files] max_delete this once.", show_default=False
    ),
]


def overrides(*, allow_empty: bool, overwrite: bool, force: bool, max_delete: str | None) -> Overrides:
    return Overrides(
        allow_empty=allow_empty,
        overwrite=overwrite,
        move=overwrite,
        force=force,
        max_delete=None if max_delete is None else _max_delete(max_delete),
    )


def _max_delete(text: str) -> MaxDelete:
    number, percent = text.removesuffix("%"), text.endswith("%")
    if not number.isdigit() or (percent and int(number) > 100):
        raise UsageError(f'--max-delete {text}: a number of files, or a share like "50%", is wanted')
    return MaxDelete(share=int(number) / 100) if percent else MaxDelete(share=None, count=int(number))


def seconds(option: str, text: str) -> float:
    """Of a duration as the configuration files have it. Raises UsageError."""
    from pydantic import TypeAdapter, ValidationError

    from deployer.config.values import Duration

    try:
        duration: timedelta = TypeAdapter(Duration).validate_python(text)
    except ValidationError:
        raise UsageError(f'{option} {text}: a duration is wanted, like "30s", "10m" or "2h"') from None
    return duration.total_seconds()
