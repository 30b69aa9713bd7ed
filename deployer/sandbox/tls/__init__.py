"""HTTPS: the sandbox's own authority, the certificates of custom domains, and who is shown which."""

from deployer.sandbox.tls.authority import Authority, UnreadableAuthorityError
from deployer.sandbox.tls.certificates import Certificates, NotIssuedError
from deployer.sandbox.tls.door import Door
from deployer.sandbox.tls.front import Front
from deployer.sandbox.tls.material import BadMaterialError, Facts

__all__ = [
    "Authority",
    "BadMaterialError",
    "Certificates",
    "Door",
    "Facts",
    "Front",
    "NotIssuedError",
    "UnreadableAuthorityError",
]
