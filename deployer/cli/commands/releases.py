"""releases: what is on the server to go back to."""

import json

from deployer.cli.options import Config, Json, Repo, SiteName, Verbose
from deployer.cli.output import say


def releases(
    *,
    repo: Repo = None,
    config: Config = None,
    site: SiteName = None,
    as_json: Json = False,
    verbose: Verbose = False,
) -> None:
    """List the site's releases: what they hold, which is live, which failed, where `rollback` goes."""
    from deployer.cli.releases_text import release_lines
    from deployer.cli.workplace import workplace
    from deployer.deployment.release_list import list_releases

    with workplace(repo=repo, config=config, site=site, rev=None, as_json=as_json, verbose=verbose) as place:
        seen = list_releases(place.work)
    if as_json:
        say(json.dumps(seen.as_json(), default=str, ensure_ascii=False))
    else:
        say("\n".join(release_lines(seen)))
