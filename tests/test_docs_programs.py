"""The programs of the documents run, and do to an account what they say."""

import os
import re
import subprocess
import sys
from pathlib import Path
from threading import Timer

import pytest

from deployer.sandbox import Sandbox, SandboxOptions
from tests.docs_blocks import DOCUMENTS, Part, blocks
from tests.sandbox.client import Client
from tests.sandbox.console_page import ConsolePage

PROGRAMS = [part for document in DOCUMENTS for part in blocks(document) if part.name == "python"]
LIMIT_S = 60


@pytest.mark.parametrize("program", PROGRAMS, ids=lambda part: f"{part.document}:{part.line}")
def test_a_program_does_its_work(program: Part, tmp_path: Path) -> None:
    file = tmp_path / "program.py"
    file.write_text(program.text)
    with Sandbox(SandboxOptions(data=tmp_path / "data")) as sandbox:
        environment = {
            "PATH": os.environ["PATH"],
            "HOME": str(tmp_path),
            "DEPLOYER_RUNTIME_DIR": str(tmp_path / "run"),
            "PYTHONANYWHERE_SITE": sandbox.url,
            "PYTHONANYWHERE_USERNAME": sandbox.user,
            "API_TOKEN": sandbox.token,
        }
        with subprocess.Popen(
            [sys.executable, "-W", "error", file],
            cwd=tmp_path,
            env=environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        ) as running:
            alarm = Timer(LIMIT_S, running.kill)
            alarm.start()
            said = ""
            assert running.stdout
            for line in running.stdout:
                said += line
                if address := re.search(re.escape(sandbox.url) + r"/user/\w+/consoles/(\d+)/", line):
                    with ConsolePage(Client(sandbox), int(address[1])) as page:
                        page.wait_for_size(80, 24)
            alarm.cancel()
        assert running.returncode == 0, said
        assert said
