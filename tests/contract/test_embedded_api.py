"""What the embedded API offers beyond a real one: faults, denials, held accounts, and an account of what was asked."""

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import urllib3

from testbed.embedded_api import (
    HANG,
    RESET,
    EmbeddedApi,
    Fault,
    html,
    refusal,
    server_error,
    too_many_requests,
)
from tests.contract.server import Client, Server, pull_secret

ONE, OTHER = "/api/v1/namespaces/one/secrets/r", "/api/v1/namespaces/other/secrets/r"


@pytest.fixture
def api() -> Iterator[EmbeddedApi]:
    with EmbeddedApi() as api:
        api.create_namespace("one")
        api.create_namespace("other")
        yield api


@pytest.fixture
def client(api: EmbeddedApi) -> Client:
    return _client(api, api.token)


def _client(api: EmbeddedApi, token: str) -> Client:
    return Client(Server(api.url, token, "", None, api.expire_continue_tokens), token)


def test_a_fault_strikes_as_often_as_it_is_told_to(api: EmbeddedApi, client: Client) -> None:
    fault = api.fault(too_many_requests(retry_after=7), verb="patch", times=2)

    answers = [client.apply(ONE, pull_secret()) for _ in range(3)]

    assert [answer.code for answer in answers] == [429, 429, 201]
    assert answers[0].headers["Retry-After"] == "7"
    assert fault.hits == 2


def test_a_fault_strikes_only_its_path_and_verb(api: EmbeddedApi, client: Client) -> None:
    api.fault(server_error(), path="/api/v1/namespaces/one/*", verb="patch", times=None)

    assert client.get(ONE).code == 404
    assert client.apply(OTHER, pull_secret()).code == 201
    assert client.apply(ONE, pull_secret()).refusal == (500, "InternalError", "etcdserver: request timed out")
    api.clear_faults()
    assert client.apply(ONE, pull_secret()).code == 201


def test_any_refusal_can_be_given(api: EmbeddedApi, client: Client) -> None:
    quota = (403, "Forbidden", 'secrets "r" is forbidden: exceeded quota: few')
    api.fault(refusal(*quota))

    assert client.apply(ONE, pull_secret()).refusal == quota


def test_a_proxy_can_answer_html(api: EmbeddedApi, client: Client) -> None:
    api.fault(html(502))

    answer = client.get(ONE)

    assert (answer.code, answer.body) == (502, None)
    assert answer.headers["Content-Type"] == "text/html"


def test_a_connection_can_be_reset(api: EmbeddedApi, client: Client) -> None:
    api.fault(RESET)

    with pytest.raises(urllib3.exceptions.ProtocolError, match="reset by peer"):
        client.get(ONE)
    assert client.get(ONE).code == 404


def test_a_server_can_hang_and_still_be_stopped(client: Client, api: EmbeddedApi) -> None:
    api.fault(HANG)
    client.pool.connection_pool_kw["timeout"] = 0.2

    with pytest.raises(urllib3.exceptions.ReadTimeoutError):
        client.get(ONE)
    assert client.get(ONE).code == 404


def test_faults_change_nothing(api: EmbeddedApi, client: Client) -> None:
    faults: list[Fault] = [api.fault(effect, verb="patch") for effect in (server_error(), html(), too_many_requests())]

    for _ in faults:
        client.apply(ONE, pull_secret())

    assert api.secret("one", "r") is None


def test_every_request_is_audited(api: EmbeddedApi, client: Client) -> None:
    client.apply(ONE, pull_secret())
    client.get("/api/v1/namespaces", {"limit": "1"})
    _client(api, "nobody's").get(ONE)

    told = [(request.verb, request.path, request.user, request.status) for request in api.requests]
    assert told == [
        ("patch", ONE, "embedded-admin", 201),
        ("list", "/api/v1/namespaces", "embedded-admin", 200),
        ("get", ONE, "", 401),
    ]
    assert [request.path for request in api.writes] == [ONE]
    assert api.requests[1].query == {"limit": "1"}
    api.forget_requests()
    assert api.requests == ()


def test_a_user_can_be_denied_one_thing(api: EmbeddedApi, client: Client) -> None:
    api.deny("patch", "secrets", "one")

    assert client.apply(ONE, pull_secret()).refusal[:2] == (403, "Forbidden")
    assert client.apply(OTHER, pull_secret()).code == 201
    api.allow_everything()
    assert client.apply(ONE, pull_secret()).code == 201


def test_creating_by_applying_needs_both_rights(api: EmbeddedApi, client: Client) -> None:
    api.deny("create", "secrets", "one")

    assert 'cannot create resource "secrets"' in client.apply(ONE, pull_secret()).message


def test_a_token_can_be_revoked(api: EmbeddedApi) -> None:
    token = api.add_user("somebody")
    client = _client(api, token)
    assert client.get(ONE).code == 404

    api.revoke(token)

    assert client.get(ONE).code == 401


def test_default_service_accounts_can_be_held_back() -> None:
    with EmbeddedApi(hold_default_service_accounts=True) as api:
        api.create_namespace("late")
        assert api.get("serviceaccounts", "late", "default") is None

        api.release_default_service_accounts()

        assert api.get("serviceaccounts", "late", "default") is not None
        assert api.get("serviceaccounts", "default", "default") is not None


def test_a_namespace_can_be_left_terminating(api: EmbeddedApi, client: Client) -> None:
    api.terminate_namespace("one")

    assert client.apply(ONE, pull_secret()).causes[0][0] == "NamespaceTerminating"
    api.delete_namespace("one")
    assert client.get("/api/v1/namespaces/one").code == 404


def test_the_decoded_data_of_a_secret_can_be_read(api: EmbeddedApi, client: Client) -> None:
    client.apply(ONE, pull_secret(b'{"auths":{}}'))

    assert api.secret("one", "r") == {".dockerconfigjson": b'{"auths":{}}'}


def test_nothing_is_put_over_what_is_there(api: EmbeddedApi) -> None:
    with pytest.raises(ValueError, match="namespaces 'one' is there already"):
        api.create_namespace("one")


def test_other_kinds_are_served_too(api: EmbeddedApi, client: Client) -> None:
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": {"suspend": True}}

    assert client.post("/apis/batch/v1/namespaces/one/jobs", job).code == 201
    assert client.get("/apis/batch/v1/namespaces/one/jobs/k").message == 'jobs.batch "k" not found'
    api.create("nodes", None, {"metadata": {"name": "n-1"}, "spec": {"unschedulable": True}})
    assert client.get("/api/v1/nodes/n-1").object["spec"] == {"unschedulable": True}


def test_the_kubeconfig_leads_to_the_server(api: EmbeddedApi) -> None:
    config = json.loads(api.kubeconfig.read_text())

    assert config["clusters"][0]["cluster"]["server"] == api.url
    assert config["users"][0]["user"]["token"] == api.token
    assert api.kubeconfig.stat().st_mode & 0o777 == 0o600


def test_several_servers_run_side_by_side(api: EmbeddedApi) -> None:
    with EmbeddedApi() as second:
        second.create_namespace("elsewhere")

        assert second.url != api.url
        assert api.get("namespaces", None, "elsewhere") is None


def test_it_runs_as_a_process_of_its_own() -> None:
    command = [sys.executable, "-m", "testbed.embedded_api", "--namespaces", "3"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            kubeconfig = Path(process.stdout.readline().strip())
            config = json.loads(kubeconfig.read_text())
            url, token = config["clusters"][0]["cluster"]["server"], config["users"][0]["user"]["token"]
            listed = Client(Server(url, token, "", None, lambda: None), token).get("/api/v1/namespaces").object
        finally:
            process.send_signal(signal.SIGTERM)
    found = [item["metadata"]["name"] for item in listed["items"]]
    assert [name for name in found if re.fullmatch(r"team-\d{4}", name)] == ["team-0001", "team-0002", "team-0003"]
    assert process.returncode == 0
    assert not kubeconfig.exists()
