"""The pages that the platform's front shows where a site has none of its own. The words are the sandbox's."""

from deployer.sandbox.hosting.model import SiteResponse

PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title></head>
<body><h1>{title}</h1><p>{text}</p><p>Sandbox, status {status}</p></body></html>
"""


def page(status: int, title: str, text: str, *headers: tuple[str, str]) -> SiteResponse:
    body = PAGE.format(status=status, title=title, text=text).encode()
    about = (("Content-Type", "text/html; charset=utf-8"), ("Content-Length", str(len(body))))
    return SiteResponse(status=status, headers=(*about, *headers), body=body)


def bad_request() -> SiteResponse:
    return page(400, "Bad request", "This address means nothing.")


def login_wanted(realm: str) -> SiteResponse:
    challenge = ("WWW-Authenticate", f'Basic realm="{realm}", charset="UTF-8"')
    return page(401, "Log in", "This site is protected by a password.", challenge)


def disabled(status: int) -> SiteResponse:
    return page(status, "Disabled", "The owner of this site has disabled it. Its files and settings stay.")


def forbidden() -> SiteResponse:
    return page(403, "Forbidden", "There is a directory here, and it has no index.html.")


def not_found() -> SiteResponse:
    return page(404, "Not found", "No file of this site has this address.")


def not_allowed() -> SiteResponse:
    return page(405, "Method not allowed", "Files can only be read.", ("Allow", "GET, HEAD"))


def application_failed() -> SiteResponse:
    return page(
        500, "Something went wrong", "The application raised an exception; its error log has the traceback."
    )


def no_application() -> SiteResponse:
    return page(
        502,
        "Nothing answers here",
        "The site's application did not load, or ended; its error log may say why.",
    )


def too_slow() -> SiteResponse:
    return page(504, "Too slow", "The application took longer than a request may take, and was ended.")


def moved(status: int, address: str) -> SiteResponse:
    return page(status, "Elsewhere", "This page has another address.", ("Location", address))
