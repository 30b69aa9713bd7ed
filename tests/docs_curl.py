"""Stands in for curl where the machine has none: the few options that the documents use."""

import argparse
import sys
import urllib.error
import urllib.request
from http.client import HTTPException

NOBODY_THERE, HTTP_ERROR, NO_ANSWER = 7, 22, 52
"""curl's exit statuses: no server, with -f a status of 400 or more, a server that says nothing."""


def main() -> None:
    """Print the body of one answer, as curl does: without -f whatever its status."""
    parser = argparse.ArgumentParser()
    parser.add_argument("-s", action="store_true", dest="silent")
    parser.add_argument("-f", action="store_true", dest="fail")
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
        if given.fail:
            sys.exit(HTTP_ERROR)
    except urllib.error.URLError:
        sys.exit(NOBODY_THERE)
    except (ConnectionError, HTTPException):
        sys.exit(NO_ANSWER)
    sys.stdout.buffer.write(body)


if __name__ == "__main__":
    main()
