"""Certificates of one's own: the PEM files of this machine, read and checked before anything is sent.

`cryptography` takes longer to import than many a command runs, so it is imported when a file is read.
"""

from deployer.certificate.files import Found, Material, look_at

__all__ = ["Found", "Material", "look_at"]
