"""The platform's URL patterns: what a request costs is counted against one of these."""

from enum import StrEnum


class Endpoint(StrEnum):
    """One rate budget each; what the platform calls an endpoint is not known, its own help page
    "API" heads each section with a URL pattern, so that is how we count.
    """

    CONSOLES = "consoles"
    CONSOLES_SHARED = "consoles/shared_with_you"
    CONSOLE = "consoles/{id}"
    CONSOLE_OUTPUT = "consoles/{id}/get_latest_output"
    CONSOLE_INPUT = "consoles/{id}/send_input"
    CPU = "cpu"
    FILES_PATH = "files/path"
    FILES_SHARING = "files/sharing"
    FILES_TREE = "files/tree"
    SCHEDULE = "schedule"
    SCHEDULE_ITEM = "schedule/{id}"
    WEBAPPS = "webapps"
    WEBAPP = "webapps/{domain}"
    RELOAD = "webapps/{domain}/reload"
    ENABLE = "webapps/{domain}/enable"
    DISABLE = "webapps/{domain}/disable"
    SSL = "webapps/{domain}/ssl"
    STATIC_FILES = "webapps/{domain}/static_files"
    STATIC_FILE = "webapps/{domain}/static_files/{id}"
    STATIC_HEADERS = "webapps/{domain}/static_headers"
    STATIC_HEADER = "webapps/{domain}/static_headers/{id}"
    ALWAYS_ON = "always_on"
    ALWAYS_ON_ITEM = "always_on/{id}"
    ALWAYS_ON_RESTART = "always_on/{id}/restart"
    WEBSITES = "websites"
    WEBSITE = "websites/{domain}"
    WEBSITE_RELOAD = "websites/{domain}/reload"
    DOMAINS = "domains"
    DOMAIN = "domains/{domain}"
    DOMAIN_SSL = "domains/{domain}/ssl"
