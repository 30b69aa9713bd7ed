"""The systemd units of a daemon, as text: a service, and two sockets that outlive its restarts.

Pure: what is true of the machine is asked elsewhere and told here. `deployer service install` writes what
this makes; the files in `systemd/` are what it makes for the usual places, kept equal by a test.
"""

from deployer.service.installation import USUAL_NAME, Installation, secrets_of, stream_address
from deployer.service.units import about, is_ours, listens_on, units

__all__ = [
    "USUAL_NAME",
    "Installation",
    "about",
    "is_ours",
    "listens_on",
    "secrets_of",
    "stream_address",
    "units",
]
