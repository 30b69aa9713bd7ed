"""Between HTTP and WSGI: a request's CGI variables, and the response of an answer (PEP 3333, RFC 3875)."""

import urllib.parse

from deployer.sandbox.hosting import pages
from deployer.sandbox.hosting.exchange import Answer
from deployer.sandbox.hosting.model import SiteRequest, SiteResponse

# Of one connection (RFC 9110, 7.6.1), so never the application's to send.
HOP_BY_HOP = {"connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade"}
NOT_PASSED = {"content-type", "content-length", "transfer-encoding"}  # said otherwise, or no longer true


def environ(domain: str, request: SiteRequest) -> dict[str, str]:
    query = request.target.partition("?")[2]
    path = urllib.parse.unquote_to_bytes(request.path).decode("latin-1")
    variables = {
        "REQUEST_METHOD": request.method,
        "REQUEST_URI": request.target,
        "SCRIPT_NAME": "",
        "PATH_INFO": path,
        "QUERY_STRING": query,
        "CONTENT_TYPE": request.header("content-type"),
        "CONTENT_LENGTH": str(len(request.body)) if request.body else request.header("content-length"),
        "SERVER_NAME": domain,
        "SERVER_PORT": "443" if request.is_secure else "80",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "REMOTE_ADDR": request.client,
        "HTTP_HOST": domain,
    }
    if request.is_secure:
        variables["HTTPS"] = "on"
    return variables | _header_variables(request)


def scheme(request: SiteRequest) -> str:
    return "https" if request.is_secure else "http"


def response(request: SiteRequest, answer: Answer) -> SiteResponse:
    if answer.failure == "broken":
        return pages.no_application()
    if answer.failure:
        return pages.application_failed()
    status = int(answer.status[:3])
    bodiless = request.method == "HEAD" or status < 200 or status in (204, 304)
    headers = tuple(
        (name, value.strip(" \t"))  # no part of it (RFC 9110, 5.5); Django sends cookies with such a space
        for name, value in answer.headers
        if name.lower() not in HOP_BY_HOP
    )
    if bodiless:
        return SiteResponse(status=status, headers=headers, body=b"")
    kept = tuple(header for header in headers if header[0].lower() != "content-length")
    size = ("Content-Length", str(len(answer.body)))  # the application's own may not be true
    return SiteResponse(status=status, headers=(*kept, size), body=answer.body)


def _header_variables(request: SiteRequest) -> dict[str, str]:
    """`HTTP_...`; names with an underscore are dropped, as nginx does: they would pass for others."""
    variables: dict[str, str] = {}
    for name, value in request.headers:
        if "_" in name or name.lower() in NOT_PASSED:
            continue
        key = "HTTP_" + name.upper().replace("-", "_")
        separator = "; " if key == "HTTP_COOKIE" else ", "
        variables[key] = f"{variables[key]}{separator}{value}" if key in variables else value
    return variables
