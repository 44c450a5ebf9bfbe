import io
import json
import os
import socket
import subprocess
import sys
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import boto3
import psutil
import pytest
from botocore.exceptions import ClientError

from steward.aws import Identity
from steward.cluster.eks import eks_token
from testbed.aws import ministack
from testbed.aws.environments import ensure_environment
from testbed.aws.ministack import Ministack, MinistackError, running_detached, start_detached, stop_detached
from testbed.aws.token_webhook import TokenRefusedError, TokenVerifier, User, by_asking
from testbed.kubernetes.processes import StartError, free_port

HANDLER = """
import os, sys
def handle(event, context):
    name = event["import"]
    __import__(name)
    return {"version": sys.version_info[:2], "environment": dict(os.environ)}
"""


@pytest.fixture(scope="module", autouse=True)
def _tools() -> None:
    """Made with this machine's own settings, before a test's environment hides them."""
    ensure_environment("ministack")
    ensure_environment("bare-python")


@pytest.fixture(scope="module")
def account(_tools: None) -> Iterator[Ministack]:
    with Ministack(environment={"AWS_ENDPOINT_URL_EKS": "http://127.0.0.1:9"}) as running:
        yield running


@pytest.fixture
def client(account: Ministack, monkeypatch: pytest.MonkeyPatch) -> Callable[[Any], Any]:
    """boto3 as a child process with `account.environment` would see it."""
    for name, value in account.environment.items():
        monkeypatch.setenv(name, value)
    made: Callable[[Any], Any] = boto3.Session().client
    return made


@pytest.fixture(scope="module")
def function(account: Ministack) -> Callable[[str], dict[str, Any]]:
    """A deployed function that imports what it is told to; its role allows nothing."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        archive.writestr("handler.py", HANDLER)
    root = boto3.Session(ministack.ACCOUNT, ministack.SECRET_KEY, region_name=ministack.REGION)
    role = make_role(root.client("iam", endpoint_url=account.endpoint_url), "powerless")
    aws = root.client("lambda", endpoint_url=account.endpoint_url)
    code = {"ZipFile": packed.getvalue()}
    aws.create_function(FunctionName="importer", Runtime="python3.13", Role=role, Handler="handler.handle", Code=code)

    def invoke(name: str) -> dict[str, Any]:
        answer = aws.invoke(FunctionName="importer", Payload=json.dumps({"import": name}).encode())
        return dict(json.loads(answer["Payload"].read()))

    return invoke


def make_role(iam: Any, name: str) -> str:
    """A role that anybody may assume who names the external id."""
    who = {"Principal": {"AWS": "*"}, "Condition": {"StringEquals": {"sts:ExternalId": "agreed"}}}
    statement = {"Effect": "Allow", "Action": "sts:AssumeRole", **who}
    policy = {"Version": "2012-10-17", "Statement": [statement]}
    role = iam.create_role(RoleName=name, AssumeRolePolicyDocument=json.dumps(policy))["Role"]
    return str(role["Arn"])


def test_the_environment_leads_to_the_emulated_account(client: Callable[[Any], Any], account: Ministack) -> None:
    assert client("sts").get_caller_identity()["Account"] == ministack.ACCOUNT
    assert account.environment["AWS_ENDPOINT_URL"] == account.endpoint_url
    assert client("eks").meta.endpoint_url == "http://127.0.0.1:9"


@pytest.mark.parametrize("package", ["ministack", "boto3", "pydantic"])
def test_a_function_does_not_see_the_emulators_packages(
    function: Callable[[str], dict[str, Any]], package: str
) -> None:
    assert function(package)["errorMessage"] == f"No module named '{package}'"


def test_a_function_runs_on_the_templates_python_with_the_accounts_variables(
    function: Callable[[str], dict[str, Any]], account: Ministack
) -> None:
    answer = function("json")
    assert answer["version"] == [3, 13]
    assert answer["environment"]["AWS_ENDPOINT_URL"] == account.endpoint_url
    assert answer["environment"]["AWS_ENDPOINT_URL_EKS"] == "http://127.0.0.1:9"


def test_a_function_sees_nothing_of_this_machines_settings(
    account: Ministack, function: Callable[[str], dict[str, Any]]
) -> None:
    assert account.endpoint_url
    assert not {"VIRTUAL_ENV", "PYTHONPATH", "PYTEST_CURRENT_TEST"} & function("json")["environment"].keys()


def test_a_function_may_do_what_its_role_allows_and_no_more(
    function: Callable[[str], dict[str, Any]], account: Ministack
) -> None:
    environment = function("json")["environment"]
    keys = [environment[f"AWS_{name}"] for name in ("ACCESS_KEY_ID", "SECRET_ACCESS_KEY", "SESSION_TOKEN")]
    session = boto3.Session(*keys, region_name=ministack.REGION)
    with pytest.raises(ClientError, match=r"assumed-role/powerless/importer is not authorized to perform: dynamodb"):
        session.client("dynamodb", endpoint_url=account.endpoint_url).list_tables()


@pytest.mark.parametrize("external_id", ["guessed", "agreed"])
def test_a_role_is_assumed_as_its_trust_policy_says(client: Callable[[Any], Any], external_id: str) -> None:
    role = make_role(client("iam"), f"reader-{external_id}")
    request = {"RoleArn": role, "RoleSessionName": "steward", "ExternalId": external_id}
    if external_id == "agreed":
        assert client("sts").assume_role(**request)["AssumedRoleUser"]["Arn"].endswith("reader-agreed/steward")
        return
    with pytest.raises(ClientError, match="AccessDenied"):
        client("sts").assume_role(**request)


def test_the_accounts_sts_tells_the_webhook_who_signed_a_token(
    client: Callable[[Any], Any], account: Ministack
) -> None:
    role = make_role(client("iam"), "cluster-reader")
    token = eks_token("prod", ministack.REGION, Identity(role, "agreed"))
    hosts = [f"127.0.0.1:{account.port}"]

    def verify(cluster: str, endpoint_url: str) -> User:
        entries = {role: ["kubesteward"]}
        verifier = TokenVerifier(cluster, identify=by_asking(endpoint_url), access_entries=entries, hosts=hosts)
        return verifier.verify(token)

    user = verify("prod", account.endpoint_url)
    assert user.groups == ["kubesteward"]
    assert ":assumed-role/cluster-reader/" in user.name
    with pytest.raises(TokenRefusedError, match="STS says SignatureDoesNotMatch for cluster staging"):
        verify("staging", account.endpoint_url)


def test_it_ends_with_the_block() -> None:
    with Ministack() as running:
        assert running.is_ready()
    assert not running.is_ready()


def test_it_ends_with_the_process_that_started_it() -> None:
    script = """if True:
        import signal
        from testbed.aws.ministack import Ministack
        with Ministack() as account:
            print(account.port, flush=True)
            signal.pause()
    """
    with subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        url = f"http://127.0.0.1:{parent.stdout.readline().strip()}"
        assert ministack.is_ready(url)
        parent.kill()
    wait_until(lambda: not ministack.is_ready(url))


def test_a_detached_account_stays_until_it_is_stopped(tmp_path: Path) -> None:
    url = start_detached(tmp_path, port=free_port())
    try:
        assert ministack.is_ready(url)
        assert running_detached(tmp_path) == url
        assert start_detached(tmp_path) == url
    finally:
        assert stop_detached(tmp_path)
    assert not ministack.is_ready(url)
    assert running_detached(tmp_path) is None
    assert not stop_detached(tmp_path)


def test_somebody_elses_account_on_the_port_is_not_taken_for_ours(account: Ministack, tmp_path: Path) -> None:
    with pytest.raises(MinistackError, match="another emulated AWS already"):
        start_detached(tmp_path, port=account.port)
    assert running_detached(tmp_path) is None


def test_a_process_number_that_was_given_again_is_not_killed(tmp_path: Path) -> None:
    state = {"pid": os.getpid(), "started": 1.0, "endpoint_url": "http://127.0.0.1:1"}
    (tmp_path / "ministack.json").write_text(json.dumps(state))
    assert not stop_detached(tmp_path)
    assert psutil.pid_exists(os.getpid())


def test_a_port_that_another_account_has_is_refused(account: Ministack) -> None:
    with pytest.raises(MinistackError, match="another emulated AWS already"), Ministack(port=account.port):
        pytest.fail("two on one port")


def test_what_does_not_start_shows_its_log() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(StartError, match=r"(?s)ministack ended .*already in use"):
            Ministack(port=taken.getsockname()[1]).__enter__()


def test_what_does_not_start_detached_shows_its_log_and_leaves_nothing(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        with pytest.raises(MinistackError, match=r"(?s)not ready.*already in use"):
            start_detached(tmp_path, port=taken.getsockname()[1])
    assert running_detached(tmp_path) is None


def wait_until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
