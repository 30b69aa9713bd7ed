"""What an application is given and what becomes of its answer, by PEP 3333."""

import json
import re

import pytest

from deployer.sandbox.hosting import SiteRequest
from tests.sandbox.hosting.account import DOMAIN, SiteOfAlice

ANSWER = "start_response('200 OK', [('Content-Type', 'text/plain')])"


def application(*lines: str) -> str:
    body = "\n".join(f"    {line}" for line in lines)
    return f"import json, os, sys, time\ndef application(environ, start_response):\n{body}\n"


def test_the_request_arrives_as_cgi_variables(site: SiteOfAlice) -> None:
    site.serve_value("{key: value for key, value in environ.items() if isinstance(value, str)}")
    headers = {
        "Host": "shop.example",
        "X_Thing": "1",
        "Cookie": "a=b",
        "Content_Type": "text/x",
        "Transfer_Encoding": "chunked",
    }
    seen = site.value("/caf%C3%A9/a%2Fb?q=%20&r", method="POST", body=b"12345", **headers)
    expected = {
        "REQUEST_METHOD": "POST",
        "SCRIPT_NAME": "",
        "PATH_INFO": "/caf\xc3\xa9/a/b",
        "QUERY_STRING": "q=%20&r",
        "CONTENT_TYPE": "text/x",
        "CONTENT_LENGTH": "5",
        "REMOTE_ADDR": "192.0.2.7",
        "SERVER_NAME": DOMAIN,
        "SERVER_PORT": "443",
        "SERVER_PROTOCOL": "HTTP/1.1",
        "HTTP_HOST": "shop.example",
        "HTTP_X_THING": "1",
        "HTTP_COOKIE": "a=b",
        "wsgi.url_scheme": "https",
    }
    assert {key: seen.get(key) for key in expected} == expected
    assert not {"HTTP_CONTENT_TYPE", "HTTP_TRANSFER_ENCODING"} & set(seen)


def test_header_names_with_an_underscore_are_dropped_and_repeated_ones_joined(site: SiteOfAlice) -> None:
    """X_Real and X-Real would be one variable: the first could pass for the second."""
    site.serve_value("{key: value for key, value in environ.items() if key.startswith('HTTP_')}")
    headers = (("X_Real", "forged"), ("A", "1"), ("a", "2"), ("Cookie", "x=1"), ("Cookie", "y=2"))
    request = SiteRequest(method="GET", target="/", headers=headers, body=b"", client="192.0.2.7")
    seen = json.loads(site.hosting.respond(DOMAIN, request).body)
    assert seen == {"HTTP_HOST": DOMAIN, "HTTP_A": "1, 2", "HTTP_COOKIE": "x=1; y=2"}


def test_a_request_that_came_by_http_says_so(site: SiteOfAlice) -> None:
    site.serve_value("[environ['wsgi.url_scheme'], environ['SERVER_PORT'], environ.get('HTTPS')]")
    assert site.value(X_Forwarded_Proto="http") == ["http", "80", None]


def test_nothing_of_the_machine_leaks_into_the_variables(
    site: SiteOfAlice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OF_THE_MACHINE", "1")
    site.serve_value("[sorted(environ), dict(os.environ)]")
    variables, process = site.value()
    assert "OF_THE_MACHINE" not in variables
    assert set(process) <= {
        *("HOME", "USER", "LOGNAME", "USERNAME", "LANG", "LC_CTYPE", "TZ", "PATH", "API_TOKEN"),
    }
    assert process["API_TOKEN"] == "secret"


def test_the_body_ends_where_it_ends(site: SiteOfAlice) -> None:
    """A read beyond CONTENT_LENGTH answers at once instead of waiting for more."""
    site.serve_value("[environ['wsgi.input'].read(3).decode(), len(environ['wsgi.input'].read())]")
    body = b"abc" + bytes(3_000_000)
    assert site.value(method="POST", body=body) == ["abc", 3_000_000]


def test_a_body_that_nobody_reads_does_no_harm(site: SiteOfAlice) -> None:
    site.serve_value("1")
    assert site.value(method="POST", body=bytes(3_000_000)) == 1


def test_write_comes_before_what_is_returned_and_generators_are_closed(site: SiteOfAlice) -> None:
    site.serve(
        """
        closed = []
        class Body:
            def __iter__(self):
                yield b"two "
                yield b"three"
            def close(self):
                closed.append("closed")
        def application(environ, start_response):
            write = start_response("200 OK", [])
            write("".join(closed).encode() + b" one ")
            return Body()
        """
    )
    site.ask()
    assert site.ask().body == b"closedclosed one two three"


def test_an_application_may_change_its_mind_with_exc_info(site: SiteOfAlice) -> None:
    site.serve(
        application(
            ANSWER,
            "try: 1 / 0",
            "except ZeroDivisionError:",
            "    start_response('503 Busy', [('X-Why', 'zero')], sys.exc_info())",
            "return [b'busy']",
        )
    )
    response = site.ask()
    assert (response.status, response.body) == (503, b"busy")
    assert ("X-Why", "zero") in response.headers


def test_headers_keep_order_and_repetition(site: SiteOfAlice) -> None:
    headers = "[('Set-Cookie', 'a=1'), ('Set-Cookie', 'b=\\xe9'), ('Connection', 'close')]"
    site.serve(application(f"start_response('200 OK', {headers})", "return [b'ab', b'', b'c']"))
    expected = (("Set-Cookie", "a=1"), ("Set-Cookie", "b=\xe9"), ("Content-Length", "3"))
    assert site.ask().headers == expected


def test_spaces_around_a_header_value_are_no_part_of_it(site: SiteOfAlice) -> None:
    """Django sends each cookie with a space before it."""
    site.serve(application("start_response('200 OK', [('Set-Cookie', ' a=1; Path=/\\t')])", "return []"))
    assert ("Set-Cookie", "a=1; Path=/") in site.ask().headers


def test_head_has_the_headers_and_no_body(site: SiteOfAlice) -> None:
    site.serve(application("start_response('200 OK', [('Content-Length', '4')])", "return [b'body']"))
    response = site.ask(method="HEAD")
    assert (response.headers, response.body) == ((("Content-Length", "4"),), b"")


@pytest.mark.parametrize(
    ("lines", "logged"),
    [
        (["raise KeyError('lost')"], "KeyError: 'lost'"),
        ([ANSWER, "yield b'begun'", "raise KeyError('late')"], "KeyError: 'late'"),
        (["return [b'x']"], "before it called start_response"),
        (["return []"], "never called start_response"),
        ([ANSWER, ANSWER, "return []"], "twice"),
        ([ANSWER, "return ['text']"], "TypeError"),
        (["start_response('200 OK', [('A', 'b\\nC: d')])", "return []"], "control character"),
        (["start_response('fine', [])", "return []"], "ValueError"),
        (["sys.exit('bye')"], "SystemExit: bye"),
    ],
)
def test_an_application_that_fails_gives_500_and_a_traceback_that_begins_with_it(
    site: SiteOfAlice, lines: list[str], logged: str
) -> None:
    site.serve(application(*lines))
    assert site.ask().status == 500
    assert logged in site.log("error")
    assert ", in answer" not in site.log("error")


@pytest.mark.parametrize(
    ("source", "logged"),
    [
        ("import nowhere_to_be_found", "No module named 'nowhere_to_be_found'"),
        ("def application(:", "SyntaxError"),
        ("app = None", "application"),
        ("application = 3", "cannot be called"),
        ("raise SystemExit(1)", "SystemExit"),
    ],
)
def test_a_broken_wsgi_file_gives_502_and_a_traceback_and_no_error_at_reload(
    site: SiteOfAlice, source: str, logged: str
) -> None:
    site.serve(source)
    assert site.ask().status == 502
    assert "Error running WSGI application" in site.log("error")
    assert logged in site.log("error")
    site.serve_value("'well again'")
    assert site.value() == "well again"


def test_a_missing_wsgi_file_gives_502(site: SiteOfAlice) -> None:
    site.reload()
    assert site.ask().status == 502
    assert "FileNotFoundError" in site.log("error")


def test_prints_go_to_the_server_log_and_errors_to_the_error_log_each_line_with_its_time(
    site: SiteOfAlice,
) -> None:
    site.serve_value(
        "[print('out', 1, '\\nmore'), print('err \\u00e9', file=environ['wsgi.errors'])]",
        "os.system('echo shell; echo shell-error >&2')",
    )
    assert re.search(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d out 1 $", site.log("server"), re.MULTILINE)
    assert re.search(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d more$", site.log("server"), re.MULTILINE)
    assert re.search(r"^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d,\d{3}: err é$", site.log("error"), re.MULTILINE)
    assert "shell\n" in site.log("server")
    assert "shell-error\n" in site.log("error")


def test_a_deleted_log_is_written_anew(site: SiteOfAlice) -> None:
    site.serve_value("print(environ['PATH_INFO'])")
    site.disk.real(f"/var/log/{DOMAIN}.server.log").unlink()
    site.ask("/after")
    assert site.log("server").endswith("/after\n")


def test_the_access_log_is_in_combined_format(site: SiteOfAlice) -> None:
    site.serve_value("1")
    site.ask('/a"b?c=d', Referer="http://r/", User_Agent="probe\n1")
    last = site.log("access").splitlines()[-1]
    stamp = r"\[\d\d/\w{3}/\d{4}:\d\d:\d\d:\d\d \+0000\]"
    line = rf'192\.0\.2\.7 - - {stamp} "GET /a\\"b\?c=d HTTP/1\.1" 200 1 "http://r/" "probe\\n1"'
    assert re.fullmatch(line, last)
