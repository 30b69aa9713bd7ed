"""Git's name for a content: the digest of "blob <size>" and the bytes."""

import hashlib


def blob_digest(content: bytes, *, like: str) -> str:
    """Git's blob id of `content`, in the algorithm that `like`, another id, is written in."""
    algorithm = hashlib.sha256 if len(like) == 64 else hashlib.sha1
    return algorithm(b"blob %d\0" % len(content) + content).hexdigest()
