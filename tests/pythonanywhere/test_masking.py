"""The token never shows in other people's words, not even the part of it that a cut left."""

import pytest

from deployer.pythonanywhere import PythonAnywhere
from deployer.secret import Secret
from tests.pythonanywhere.names import TOKEN


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        (f"Authorization: Token {TOKEN} and more", "Authorization: Token *** and more"),
        (f"cut in the middle: {TOKEN[:17]}", "cut in the middle: ***"),
        (f"cut in the middle: {TOKEN[:8]}… (tried 3 times)", "cut in the middle: ***… (tried 3 times)"),
        ("nothing of it: 0123", "nothing of it: 0123"),
    ],
)
def test_a_token_and_its_beginning_at_a_cut_are_masked(text: str, shown: str) -> None:
    with PythonAnywhere(host="http://127.0.0.1:9", username="alice", token=Secret(TOKEN)) as account:
        assert account.masked(text) == shown
