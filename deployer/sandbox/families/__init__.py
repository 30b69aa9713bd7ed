"""Every family of endpoints, each with a module of its own: a new one is added here."""

from deployer.sandbox.endpoint import Endpoint
from deployer.sandbox.families import (
    always_on,
    consoles,
    cpu,
    domains,
    enabling,
    files,
    new_webapps,
    schedule,
    sharing,
    ssl,
    static_files,
    static_headers,
    webapps,
    websites,
)

ENDPOINTS: tuple[Endpoint, ...] = (
    *files.ENDPOINTS,
    *sharing.ENDPOINTS,
    *new_webapps.ENDPOINTS,
    *webapps.ENDPOINTS,
    *enabling.ENDPOINTS,
    *static_files.ENDPOINTS,
    *static_headers.ENDPOINTS,
    *ssl.ENDPOINTS,
    *schedule.ENDPOINTS,
    *always_on.ENDPOINTS,
    *consoles.ENDPOINTS,
    *cpu.ENDPOINTS,
    *websites.ENDPOINTS,
    *domains.ENDPOINTS,
)
