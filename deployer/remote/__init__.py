"""Running commands on the server: their output byte for byte, their true exit status, no guessing."""

from deployer.remote.command import Command, Ended, EndedBy, Stream
from deployer.remote.reading import Listener
from deployer.remote.run import Remote, run

__all__ = ["Command", "Ended", "EndedBy", "Listener", "Remote", "Stream", "run"]
