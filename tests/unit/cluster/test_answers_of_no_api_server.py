"""JSON with status 200 that no API server would send: a captive portal, a proxy's health page."""

import pytest

from steward.cluster import Access, Cluster
from steward.cluster.errors import ClusterUnavailableError
from tests.unit.cluster.scripted_server import ScriptedServer, answer

NONE = r"cluster prod: .*: the answer is no Kubernetes (list|object)"


@pytest.mark.parametrize("body", [[], {}, None, 7, "x", {"metadata": None}, {"items": {}, "metadata": {}}])
def test_json_that_is_no_list_is_told_as_such(body: object) -> None:
    with ScriptedServer(answer(body)) as server, pytest.raises(ClusterUnavailableError, match=NONE):
        list(Cluster("prod", Access(server.url)).namespaces())


@pytest.mark.parametrize("body", [[], {}, None, 7, "x", {"metadata": []}])
def test_json_that_is_no_object_is_told_as_such(body: object) -> None:
    with ScriptedServer(answer(body)) as server:
        cluster = Cluster("prod", Access(server.url))
        for ask in (
            lambda: cluster.namespace("shop"),
            lambda: cluster.secret_metadata("shop", "regcred"),
            lambda: cluster.service_account("shop", "default"),
            lambda: cluster.apply_secret("shop", "regcred", b"{}"),
        ):
            with pytest.raises(ClusterUnavailableError, match=NONE):
                ask()
