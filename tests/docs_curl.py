"""Stands in for curl where the machine has none: the few options that the documents use."""

import argparse
import sys
import urllib.error
import urllib.request
from http.client import HTTPException

NO_ANSWER = 52
"""curl's exit status for a server that says nothing."""


def main() -> None:
    """Print the body of one answer, whatever its status, as curl does."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-s", action="store_true", dest="silent")
    parser.add_argument("-X", dest="method")
    parser.add_argument("-H", dest="headers", action="append", default=[])
    parser.add_argument("-d", dest="data")
    parser.add_argument("url")
    given = parser.parse_args()
    request = urllib.request.Request(
        given.url,
        data=given.data.encode() if given.data else None,
        headers=dict(header.split(": ", 1) for header in given.headers),
        method=given.method,
    )
    try:
        with urllib.request.urlopen(request, timeout=30) as answer:
            body = answer.read()
    except urllib.error.HTTPError as error:
        with error:
            body = error.read()
    except (ConnectionError, HTTPException):
        sys.exit(NO_ANSWER)
    sys.stdout.buffer.write(body)


if __name__ == "__main__":
    main()
