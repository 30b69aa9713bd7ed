"""Where a site's commands run on the server, and in what."""

from typing import Any

from deployer.deployment.live import find_webapp
from deployer.model.site import Site
from deployer.pythonanywhere import PythonAnywhere


def runs_root(site: Site) -> str:
    """Where each run of a command has its folder."""
    return f"{site.record_directory}/run"


def surroundings(api: PythonAnywhere, site: Site) -> dict[str, Any]:
    """`directory` and `virtualenv` of a `Command`: as the site has them, asked of the platform where the
    repository does not say.
    """
    virtualenv = site.webapp.virtualenv_path
    if virtualenv is None and site.kind == "wsgi":
        webapp = find_webapp(api, site)
        virtualenv = webapp.virtualenv_path if webapp else None
    return {
        "directory": site.webapp.working_directory or site.root,
        "virtualenv": virtualenv or None,
    }
