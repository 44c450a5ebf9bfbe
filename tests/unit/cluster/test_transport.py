"""How one API server is talked to when it, its proxy or its token is having a bad day."""

from collections.abc import Callable, Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from steward.cluster import Access
from steward.cluster.errors import ClusterUnavailableError, ForbiddenError, UnauthorizedError
from steward.cluster.transport import Transport
from tests.unit.cluster.scripted_server import HANG, RESET, Answer, ScriptedServer, Seen, answer, refusal

FINE = answer({"metadata": {"name": "x"}})
PAGE = b"<html><body><h1>Bad gateway</h1></body></html>"


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """What urllib3 would have slept between tries, in seconds."""
    asked: list[float] = []
    monkeypatch.setattr("urllib3.util.retry.time", SimpleNamespace(sleep=asked.append, time=lambda: 0.0))
    return asked


class Conversation:
    """Requests to a scripted server, each with the next of `tokens` once the one before was refused."""

    def __init__(self, server: ScriptedServer, tokens: tuple[str, ...] = ("token-1",)) -> None:
        self.server, self.tokens = server, iter(tokens)
        self.transport = Transport("prod", Access(f"{server.url}/", lambda: next(self.tokens)))

    def ask(self, method: str = "GET", path: str = "/api/v1/x", **request: Any) -> tuple[int, Any]:
        return self.transport.request(method, path, **request)

    @property
    def seen(self) -> list[Seen]:
        return self.server.seen


Talk = Callable[..., Conversation]


@pytest.fixture
def talk(monkeypatch: pytest.MonkeyPatch) -> Iterator[Talk]:
    """Starts a conversation with a server of the given script; hangs are noticed at once."""
    monkeypatch.setattr("steward.cluster.transport.READ_SECONDS", 0.2)
    running: list[ScriptedServer] = []

    def start(*script: Answer, tokens: tuple[str, ...] = ("token-1",)) -> Conversation:
        running.append(ScriptedServer(*script).__enter__())
        return Conversation(running[-1], tokens)

    yield start
    for server in running:
        server.__exit__()


def test_a_request_carries_token_query_and_body(talk: Talk) -> None:
    conversation = talk(answer({"metadata": {}}, 201))
    status, body = conversation.ask("PATCH", query={"force": "true"}, body=b"{}", headers={"Content-Type": "a/b"})
    assert (status, body) == (201, {"metadata": {}})
    (seen,) = conversation.seen
    assert (seen.method, seen.path, seen.body) == ("PATCH", "/api/v1/x?force=true", b"{}")
    assert (seen.headers["Authorization"], seen.headers["Content-Type"]) == ("Bearer token-1", "a/b")


def test_a_server_below_a_path_is_asked_there(talk: Talk) -> None:
    conversation = talk(FINE)
    transport = Transport("prod", Access(f"{conversation.server.url}/k8s/clusters/c-1/"))
    transport.request("GET", "/api/v1/x")
    assert [seen.path for seen in conversation.seen] == ["/k8s/clusters/c-1/api/v1/x"]
    assert "Authorization" not in conversation.seen[0].headers


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_retry_after_is_obeyed(talk: Talk, sleeps: list[float], method: str) -> None:
    conversation = talk(refusal(429, Retry_After="7"), refusal(429, Retry_After="3"), FINE)
    assert conversation.ask(method, body=b"{}")[0] == 200
    assert sleeps == [7, 3]
    assert [(seen.method, seen.body) for seen in conversation.seen] == [(method, b"{}")] * 3


def test_a_server_that_wants_us_to_wait_for_hours_is_left_to_the_queue(talk: Talk, sleeps: list[float]) -> None:
    conversation = talk(refusal(429, "slow down", Retry_After="86400"))
    with pytest.raises(ClusterUnavailableError, match="cluster prod: GET /api/v1/x: HTTP 429: slow down"):
        conversation.ask()
    assert sleeps == [30, 30, 30, 30]


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504])
def test_an_error_of_the_server_is_tried_again(talk: Talk, sleeps: list[float], status: int) -> None:
    conversation = talk(refusal(status), refusal(status), FINE)
    assert conversation.ask()[0] == 200
    assert len(conversation.seen) == 3
    assert len(sleeps) == 1
    assert 0.6 <= sleeps[0] <= 0.9


@pytest.mark.parametrize("status", [429, 500, 503])
def test_tries_come_to_an_end(talk: Talk, sleeps: list[float], status: int) -> None:
    conversation = talk(refusal(status, "etcdserver: request timed out"))
    with pytest.raises(ClusterUnavailableError, match=f"HTTP {status}: etcdserver: request timed out"):
        conversation.ask()
    assert len(conversation.seen) == 5
    assert sorted(sleeps) == sleeps


@pytest.mark.parametrize("status", [400, 403, 404, 409, 410, 413, 422])
def test_a_refusal_is_not_tried_again(talk: Talk, sleeps: list[float], status: int) -> None:
    conversation = talk(refusal(status))
    with pytest.raises(Exception, match="cluster prod: GET /api/v1/x"):
        conversation.ask()
    assert (len(conversation.seen), sleeps) == (1, [])


@pytest.mark.parametrize(("breakage", "why"), [(HANG, "ReadTimeoutError"), (RESET, "ProtocolError")])
def test_silence_and_resets_are_tried_once_more(talk: Talk, breakage: Answer, why: str) -> None:
    assert talk(breakage, FINE).ask()[0] == 200
    conversation = talk(breakage)
    with pytest.raises(ClusterUnavailableError, match=f"no answer: {why}"):
        conversation.ask()
    assert len(conversation.seen) == 2


def test_a_closed_port_is_told_as_such() -> None:
    with ScriptedServer(FINE) as server:
        url = server.url
    with pytest.raises(ClusterUnavailableError, match=r"no answer: NewConnectionError: .*refused"):
        Transport("prod", Access(url)).request("GET", "/version")


def test_html_with_200_is_no_api_server(talk: Talk) -> None:
    conversation = talk(Answer(200, PAGE))
    with pytest.raises(ClusterUnavailableError, match="HTTP 200 and a body that is not JSON; is http://127"):
        conversation.ask()


@pytest.mark.parametrize("status", [302, 403, 404, 502])
def test_a_proxys_page_is_told_and_not_repeated(talk: Talk, sleeps: list[float], status: int) -> None:
    with pytest.raises(ClusterUnavailableError) as caught:
        talk(Answer(status, PAGE)).ask()
    assert f"HTTP {status}" in str(caught.value)
    assert "is there a proxy in between?" in str(caught.value)
    assert "gateway" not in str(caught.value)


def test_a_redirect_is_not_followed_with_our_token(talk: Talk) -> None:
    elsewhere = talk(FINE)
    conversation = talk(Answer(302, b"", {"Location": f"{elsewhere.server.url}/api/v1/x"}))
    with pytest.raises(ClusterUnavailableError):
        conversation.ask()
    assert elsewhere.seen == []


def test_a_redirect_to_a_log_in_page_is_not_followed(talk: Talk) -> None:
    conversation = talk(Answer(302, b"", {"Location": "/login"}), FINE)
    with pytest.raises(ClusterUnavailableError):
        conversation.ask()
    assert [seen.path for seen in conversation.seen] == ["/api/v1/x"]


def test_a_401_is_answered_with_a_fresh_token_that_is_kept(talk: Talk) -> None:
    conversation = talk(refusal(401), FINE, tokens=("old", "fresh"))
    assert conversation.ask()[0] == conversation.ask()[0] == 200
    assert [seen.headers["Authorization"] for seen in conversation.seen] == [
        "Bearer old",
        "Bearer fresh",
        "Bearer fresh",
    ]


def test_a_401_for_good_is_asked_twice_and_told(talk: Talk) -> None:
    conversation = talk(refusal(401, "Unauthorized"), tokens=("old", "fresh", "unused"))
    with pytest.raises(UnauthorizedError, match="Check the access entry or the token"):
        conversation.ask()
    assert (len(conversation.seen), list(conversation.tokens)) == (2, ["unused"])


def test_a_403_is_no_reason_for_another_token(talk: Talk) -> None:
    conversation = talk(refusal(403), tokens=("old", "unused"))
    with pytest.raises(ForbiddenError):
        conversation.ask()
    assert list(conversation.tokens) == ["unused"]
