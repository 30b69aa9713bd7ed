"""What the platform runs: it becomes /var/www/<domain>_wsgi.py."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path("~/bookshelf").expanduser()))

from bookshelf import application

__all__ = ["application"]
