"""The platform's URL patterns: what a request costs is counted against one of these."""

from enum import StrEnum


class Endpoint(StrEnum):
    """One rate budget each; what the platform calls an endpoint is not known, its own help page
    "API" heads each section with a URL pattern, so that is how we count.
    """

    CPU = "cpu"
    FILES_PATH = "files/path"
    FILES_TREE = "files/tree"
    SCHEDULE = "schedule"
    SCHEDULE_ITEM = "schedule/{id}"
    WEBAPPS = "webapps"
    WEBAPP = "webapps/{domain}"
    RELOAD = "webapps/{domain}/reload"
    SSL = "webapps/{domain}/ssl"
    STATIC_FILES = "webapps/{domain}/static_files"
    STATIC_FILE = "webapps/{domain}/static_files/{id}"
