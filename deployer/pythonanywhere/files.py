"""Files and folders, by absolute path on the server."""

import json
from collections.abc import Iterator, Mapping
from typing import Any

from deployer.errors import ApiError, NoAnswer, NotFound, UsageError
from deployer.model.endpoints import Endpoint
from deployer.pythonanywhere import answers
from deployer.pythonanywhere.answers import JsonObject
from deployer.pythonanywhere.body import Body, Content, json_body, upload
from deployer.pythonanywhere.call import Call
from deployer.pythonanywhere.endpoints import checked, file_address, query_address
from deployer.pythonanywhere.family import Family, as_object
from deployer.pythonanywhere.models import EntryType
from deployer.pythonanywhere.reply import Reply


class Files(Family):
    """A path that is not there raises NotFound.

    Whether it is a file or a directory shows in the answer's type, and where that is JSON in its shape. The
    platform sends every file as application/octet-stream, whatever its name, and a directory as JSON (tests
    of the vendor's client pythonanywhere-core); whether that holds for a file named *.json nobody knows. So
    JSON is a directory when it is an object whose every value is an object with `type` and `url`, else it is
    a file. An empty object is what was asked for: a file to `read`, an empty directory to `list_directory`.
    """

    def read(self, path: str) -> bytes:
        """The whole content. Raises ApiError when it is a directory, unless that is an empty one."""

        def content(reply: Reply) -> bytes:
            _check_file(reply)
            return reply.read()

        return self._transport.call(self._path_call("GET", path), content)

    def download(self, path: str) -> Iterator[bytes]:
        """The content in pieces, for files of any size; a cut file raises NoAnswer instead of ending early.

        What the server calls JSON comes in one piece, since it takes all of it to tell that it is a file.
        Nothing is asked before the first piece is; close the iterator when not reading to the end.
        """
        return self._transport.stream(self._path_call("GET", path), _check_file)

    def write(self, path: str, content: bytes | Content, size: int | None = None) -> bool:
        """Create or replace; parent folders are made. True when the file is new.

        An open file must be seekable and `size` bytes long from where it stands; it is never in memory as a
        whole. Sent again after a lost answer, so a new file may then be reported as replaced.
        """
        if size is None:
            if not isinstance(content, bytes):
                raise UsageError(f"{path}: the size of an open file must be given")
            size = len(content)

        def created(reply: Reply) -> bool:
            answers.nothing(reply.content_type, reply.read())
            return reply.status == 201

        return self._transport.call(self._path_call("POST", path, upload(content, size)), created)

    def delete(self, path: str) -> bool:
        """True when it was there. A directory goes with everything in it.

        After a lost answer the repetition may find nothing: also done, and False.
        """
        return self._deleted(self._path_call("DELETE", path))

    def list_directory(self, path: str) -> Mapping[str, EntryType]:
        """One level, dot-files included, sorted by name. Raises ApiError when it is a file."""
        return self._transport.call(self._path_call("GET", path), _entries)

    def tree(self, path: str) -> tuple[str, ...]:
        """Absolute paths below a directory, directories with a final slash; sorted.

        At most 1000, cut without notice; whether dot-files, links and what lies deeper than two levels are
        included is not known: see the help page "API" and the vendor's command `pa path tree`.
        Raises NotFound when it does not exist, another ApiError when it is not a directory.
        """
        try:
            return self._transport.call(self._query_call("GET", Endpoint.FILES_TREE, path), _paths)
        except ApiError as error:
            if error.status == 400 and error.message.endswith(" does not exist"):
                raise NotFound(error.message, status=400) from None
            raise

    def share(self, path: str) -> str:
        """Let everybody read it who has the link: a path on the host, the same one when shared already."""
        body = json_body({"path": checked(path)})
        call = self._call("POST", Endpoint.FILES_SHARING, body=body)
        return self._transport.call(call, as_object(_link))

    def shared(self, path: str) -> str | None:
        """The link, as `share` gives it; None when it is not shared."""
        try:
            return self._transport.call(
                self._query_call("GET", Endpoint.FILES_SHARING, path), as_object(_link)
            )
        except NotFound:
            return None

    def unshare(self, path: str) -> bool:
        """The link ends. False when the platform says that there was none, which it may not do."""
        return self._deleted(self._query_call("DELETE", Endpoint.FILES_SHARING, path))

    def _query_call(self, method: str, endpoint: Endpoint, path: str) -> Call:
        return Call(
            method=method,
            endpoint=endpoint,
            address=query_address(self._username, endpoint, path),
            read_timeout_s=self._read_timeout_s,
        )

    def _path_call(self, method: str, path: str, body: Body | None = None) -> Call:
        return Call(
            method=method,
            endpoint=Endpoint.FILES_PATH,
            address=file_address(self._username, path),
            read_timeout_s=self._read_timeout_s,
            body=body,
        )


def _link(data: JsonObject) -> str:
    link = data.get("url")
    if not isinstance(link, str) or not link:
        raise NoAnswer("a link was due, and no url came")
    return link


def _check_file(reply: Reply) -> None:
    """Raises ApiError for a directory. What is JSON is read as a whole to tell, and can be read again."""
    _check_content(reply)
    if not answers.is_json(reply.content_type):
        return
    content = reply.peek()
    try:
        value = json.loads(content)
    except ValueError:
        return
    if value and _is_listing(value):
        raise ApiError("it is a directory, not a file")


def _entries(reply: Reply) -> Mapping[str, EntryType]:
    _check_content(reply)
    if not answers.is_json(reply.content_type):
        raise ApiError("it is a file, not a directory")
    listing = answers.json_value(reply.content_type, reply.read())
    if not _is_listing(listing):
        raise ApiError("it is a file, not a directory")
    return {name: str(entry["type"]) for name, entry in sorted(listing.items())}


def _is_listing(value: Any) -> bool:
    return isinstance(value, dict) and all(
        isinstance(entry, dict) and {"type", "url"} <= entry.keys() for entry in value.values()
    )


def _check_content(reply: Reply) -> None:
    """Raises NoAnswer for what is neither file nor directory.

    HTML is a proxy's page or a login, not even a file whose name ends in .html, and what has no type at all
    is nothing.
    """
    if answers.is_html(reply.content_type):
        said = answers.words(reply.content_type, reply.read())
        raise NoAnswer(f"an HTML page came instead of the file: {said}")
    if not reply.content_type:
        raise NoAnswer("an answer without a Content-Type came instead of the file")


def _paths(reply: Reply) -> tuple[str, ...]:
    paths = answers.json_value(reply.content_type, reply.read())
    if not isinstance(paths, list) or not all(isinstance(path, str) for path in paths):
        raise NoAnswer(f"a list of paths was due, not {json.dumps(paths)[:100]}")
    return tuple(sorted(paths))
