"""Every family of endpoints, each with a module of its own: a new one is added here."""

from deployer.sandbox.endpoint import Endpoint
from deployer.sandbox.families import cpu, files, schedule, ssl, static_files, webapps

ENDPOINTS: tuple[Endpoint, ...] = (
    *files.ENDPOINTS,
    *webapps.ENDPOINTS,
    *static_files.ENDPOINTS,
    *ssl.ENDPOINTS,
    *schedule.ENDPOINTS,
    *cpu.ENDPOINTS,
)
