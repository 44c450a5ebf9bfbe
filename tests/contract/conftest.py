"""The API servers that every test of this folder runs against: the embedded one and a real kube-apiserver.

The real one is needed in CI; elsewhere it is skipped where Go, which builds it, is missing.
"""

import os
from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from testbed.embedded_api import EmbeddedApi
from testbed.kubernetes.binaries import ToolMissingError
from testbed.kubernetes.control_plane import ControlPlane
from tests.contract.server import Client, Room, Server, fresh_name, new_room

OUTSIDER = "outsider"
OUTSIDER_TOKEN = "outsider-token-0123456789"


@pytest.fixture(scope="session")
def embedded() -> Iterator[Server]:
    """The embedded API server, one for the whole session."""
    with EmbeddedApi() as api:
        api.add_user(OUTSIDER, OUTSIDER_TOKEN)
        api.deny(user=OUTSIDER)
        yield Server(api.url, api.token, OUTSIDER_TOKEN, None, api.expire_continue_tokens)


@pytest.fixture(scope="session")
def kube_apiserver(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """A real API server, one for the whole session."""
    with ExitStack() as stack:
        cluster = _started(stack)
        ca = tmp_path_factory.mktemp("cluster") / "ca.pem"
        ca.write_text(cluster.ca_pem)
        # Nothing to do to expire a token: the compaction comes by itself.
        yield Server(cluster.url, cluster.admin_token, OUTSIDER_TOKEN, ca, lambda: None)


def _started(stack: ExitStack) -> ControlPlane:
    # Continue tokens expire when etcd is compacted, every five minutes by default.
    flags = ["--etcd-compaction-interval=5s"]
    plane = ControlPlane(tokens={OUTSIDER_TOKEN: (OUTSIDER, [])}, api_server_flags=flags)
    try:
        return stack.enter_context(plane)
    except ToolMissingError as missing:
        if os.environ.get("CI") == "true":
            raise
        pytest.skip(str(missing))


@pytest.fixture(scope="session", params=["embedded", "kube-apiserver"])
def server(request: pytest.FixtureRequest) -> Server:
    """The API server under test."""
    running: Server = request.getfixturevalue(request.param.replace("-", "_"))
    return running


@pytest.fixture(scope="session")
def client(server: Server) -> Client:
    """A client that may do everything."""
    return Client(server, server.token)


@pytest.fixture(scope="session")
def outsider(server: Server) -> Client:
    """A client that is known and may do nothing."""
    return Client(server, server.outsider)


@pytest.fixture
def room(client: Client) -> Room:
    """An empty namespace of the test's own."""
    return new_room(client, name=fresh_name())
