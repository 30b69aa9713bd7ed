"""Releases: what goes up for one, and the WSGI file that builds and serves it on the server.

wanted = ReleaseList(commit=…, files=…, links=…, shared=("media/",), wsgi="deploy/wsgi.py")
for archive in write_archives(wanted, base_files, contents.open):
    …
switch_source(target="/home/alice/mysite", record="/home/alice/.deployer/alice.pythonanywhere.com")
"""

from deployer.release.archive import Archive, write_archives
from deployer.release.wsgi import switch_source

__all__ = ["Archive", "switch_source", "write_archives"]
