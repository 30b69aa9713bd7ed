"""Where a site's commands run on the server, and in what."""

from typing import Any

from deployer.deployment.live import find_webapp
from deployer.model.site import Site
from deployer.pythonanywhere import PythonAnywhere


def runs_root(site: Site) -> str:
    """Where each run of a command has its folder."""
    return f"{site.record_directory}/run"


def surroundings(api: PythonAnywhere, site: Site, release: str | None = None) -> dict[str, Any]:
    """Those fields of a `Command` that are the site's, asked of the platform where the repository does not
    say.

    `release` is one that is there and not live yet: what runs in the site's folder runs in its own then.
    """
    virtualenv = site.webapp.virtualenv_path
    if virtualenv is None and site.kind == "wsgi":
        webapp = find_webapp(api, site)
        virtualenv = webapp.virtualenv_path if webapp else None
    directory = site.webapp.working_directory or site.root
    if release is not None and f"{directory}/".startswith(f"{site.root}/"):
        directory = f"{site.target}/releases/{release}{directory.removeprefix(site.root)}"
    return {
        "directory": directory,
        "virtualenv": virtualenv or None,
        # A release holds what its commit holds, whatever runs in it.
        "environment": {} if site.releases is None else {"PYTHONDONTWRITEBYTECODE": "1"},
    }
