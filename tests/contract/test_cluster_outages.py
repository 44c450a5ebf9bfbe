"""steward.cluster.Cluster when the server fails: what is tried again, what is given up, and that nothing is lost."""

import json
from collections.abc import Callable, Iterator

import pytest

from steward.cluster import Access, Cluster, ClusterUnavailableError
from testbed.embedded_api import HANG, RESET, Answer, EmbeddedApi, html, server_error, too_many_requests
from tests.contract.server import OTHER_CONFIG, pull_secret

MANIFEST = json.dumps(pull_secret()).encode()
OTHER_MANIFEST = json.dumps(pull_secret(OTHER_CONFIG)).encode()


@pytest.fixture
def api() -> Iterator[EmbeddedApi]:
    with EmbeddedApi() as api:
        api.create_namespace("shop")
        yield api


@pytest.fixture
def cluster(api: EmbeddedApi, monkeypatch: pytest.MonkeyPatch) -> Cluster:
    """A Cluster that loses patience with a silent server after 0.3 s."""
    monkeypatch.setattr("steward.cluster.transport.READ_SECONDS", 0.3)
    return Cluster("under-test", Access(api.url, token=lambda: api.token))


@pytest.mark.parametrize("effect", [too_many_requests(retry_after=0), server_error(), html(503)])
def test_what_passes_is_tried_again(api: EmbeddedApi, cluster: Cluster, effect: Answer) -> None:
    fault = api.fault(effect, verb="patch")

    applied = cluster.apply_secret("shop", "r", MANIFEST)

    assert applied.created
    assert fault.hits == 1
    assert [request.status for request in api.writes][-1] == 201


def test_retry_after_is_obeyed(api: EmbeddedApi, cluster: Cluster, monkeypatch: pytest.MonkeyPatch) -> None:
    waits: list[float] = []
    monkeypatch.setattr("urllib3.util.retry.time.sleep", waits.append)
    api.fault(too_many_requests(retry_after=7), verb="patch", times=2)

    cluster.apply_secret("shop", "r", MANIFEST)

    assert waits == [7, 7]


LASTING: dict[str, Callable[[EmbeddedApi], object]] = {
    "500": lambda api: api.fault(server_error(), times=None),
    "429": lambda api: api.fault(too_many_requests(retry_after=0), times=None),
    "html": lambda api: api.fault(html(502), times=None),
    "html with 200": lambda api: api.fault(html(200), times=None),
    "reset": lambda api: api.fault(RESET, times=None),
    "hang": lambda api: api.fault(HANG, times=None),
}


@pytest.mark.parametrize("outage", LASTING.values(), ids=list(LASTING))
def test_what_lasts_is_told_as_unavailable(
    api: EmbeddedApi, cluster: Cluster, outage: Callable[[EmbeddedApi], object], monkeypatch: pytest.MonkeyPatch
) -> None:
    cluster.apply_secret("shop", "r", MANIFEST)
    before = api.secret("shop", "r")
    monkeypatch.setattr("urllib3.util.retry.time.sleep", lambda _: None)
    outage(api)

    with pytest.raises(ClusterUnavailableError, match="under-test") as failed:
        cluster.apply_secret("shop", "r", OTHER_MANIFEST)

    assert api.secret("shop", "r") == before
    assert api.token not in str(failed.value)
    api.clear_faults()
    assert not cluster.apply_secret("shop", "r", OTHER_MANIFEST).created


def test_a_place_in_a_list_that_expired_is_unavailable(
    api: EmbeddedApi, cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("steward.cluster.client.PAGE", 2)
    namespaces = cluster.namespaces()
    next(namespaces)
    api.expire_continue_tokens()

    with pytest.raises(ClusterUnavailableError, match="410"):
        list(namespaces)


def test_a_server_that_is_gone_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("urllib3.util.retry.time.sleep", lambda _: None)
    with EmbeddedApi() as api:
        cluster = Cluster("under-test", Access(api.url, token=lambda: api.token))
        assert list(cluster.namespaces())

    with pytest.raises(ClusterUnavailableError, match="under-test"):
        list(cluster.namespaces())


def test_a_token_that_ended_is_replaced_on_the_way(api: EmbeddedApi) -> None:
    tokens = [api.add_user("first"), api.add_user("second")]
    cluster = Cluster("under-test", Access(api.url, token=lambda: tokens[0]))
    assert list(cluster.namespaces())
    api.revoke(tokens.pop(0))

    assert list(cluster.namespaces())
    assert [(request.user, request.status) for request in api.requests] == [("first", 200), ("", 401), ("second", 200)]
