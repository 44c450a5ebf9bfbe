"""Neither the bearer token nor what we write is repeated by any error, however it comes about."""

import base64
import json
import traceback
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steward.cluster import Access, Cluster
from steward.errors import StewardError
from tests.unit.cluster.scripted_server import HANG, RESET, Answer, ScriptedServer, answer, refusal

TOKEN, PASSWORD = "planted-bearer-token", "planted-password"
CONFIG = json.dumps({"auths": {"host": {"username": "AWS", "password": PASSWORD}}}).encode()
MANIFEST = json.dumps({"kind": "Secret", "data": {".dockerconfigjson": base64.b64encode(CONFIG).decode()}}).encode()
NEEDLES = (TOKEN, PASSWORD, base64.b64encode(CONFIG).decode()[:24], "planted")
ECHO = f"<pre>Authorization: Bearer {TOKEN}\n{MANIFEST.decode()}</pre>".encode()

FAILURES = [
    *(pytest.param(Answer(status, ECHO), id=f"echo with {status}") for status in (200, 302, 400, 403, 404, 413, 502)),
    *(
        pytest.param(refusal(status), id=f"refusal {status}")
        for status in (400, 401, 403, 404, 409, 410, 422, 429, 500)
    ),
    pytest.param(answer([MANIFEST.decode()]), id="JSON echo"),
    pytest.param(Answer(200, MANIFEST), id="the object itself"),
    pytest.param(Answer(200, b"", {"Content-Length": "5", "X": TOKEN}), id="cut short"),
    pytest.param(HANG, id="hang"),
    pytest.param(RESET, id="reset"),
]


def everything_told(error: BaseException) -> str:
    """Text, representation, attributes and the whole trace with its causes."""
    return f"{error!s} {error!r} {error.args!r} {vars(error)!r} {''.join(traceback.format_exception(error))}"


def fail(access: Access) -> StewardError:
    with pytest.raises(StewardError) as caught:
        Cluster("prod", access).apply_secret("shop", "regcred", MANIFEST)
    return caught.value


@pytest.mark.parametrize("given_answer", FAILURES)
def test_no_failure_repeats_a_secret(given_answer: Answer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("steward.cluster.transport.READ_SECONDS", 0.2)
    monkeypatch.setattr("urllib3.util.retry.Retry.sleep", lambda *_: None)
    with ScriptedServer(given_answer) as server:
        told = everything_told(fail(Access(server.url, lambda: TOKEN)))
        assert server.seen[0].headers["Authorization"] == f"Bearer {TOKEN}"
    assert [needle for needle in NEEDLES if needle in told] == []


def test_a_closed_port_and_a_foreign_authority_repeat_no_secret() -> None:
    for access in (
        Access("http://127.0.0.1:1", lambda: TOKEN),
        Access("https://127.0.0.1:1", lambda: TOKEN, ca=f"no PEM but {TOKEN}"),
    ):
        told = everything_told(fail(access))
        assert [needle for needle in NEEDLES if needle in told] == []


@given(st.text(min_size=1).filter(lambda text: not (text.isascii() and text.isprintable())))
def test_a_token_that_no_header_can_carry_is_refused_without_repeating_it(garbage: str) -> None:
    error = fail(Access("http://127.0.0.1:1", lambda: f"{TOKEN}{garbage}{TOKEN}"))
    assert "its bearer token holds a line break or another character no header may hold" in str(error)
    assert TOKEN not in everything_told(error)


def test_neither_access_nor_cluster_show_the_token() -> None:
    access: Any = Access("https://cluster.example", lambda: TOKEN, "PEM")
    assert TOKEN not in repr(access)
    assert "PEM" not in repr(access)
