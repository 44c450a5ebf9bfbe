"""Schedule -> mint -> queue -> sync -> Secret -> a real kubelet pulls: every part is the real one but AWS itself."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from testbed.aws.deployed import DeployedStack, wait_until
from testbed.aws.ecr_api import EcrAnswer, EcrApi
from testbed.kubernetes.api import Api
from testbed.kubernetes.control_plane import ControlPlane
from testbed.kubernetes.node import Node
from testbed.kubernetes.registry import PrivateRegistry
from tests.stack.conftest import ECR_HOST, FUNCTIONS

pytestmark = [pytest.mark.stack, pytest.mark.cluster]

SECRET = "/api/v1/namespaces/{}/secrets/registry-credentials"
IMAGE = f"{ECR_HOST}/team/app:1"
FIRST, SECOND = "first-password", "second-password"


@pytest.fixture(scope="module")
def registry() -> Iterator[PrivateRegistry]:
    """Stands for ECR: it lets in exactly what ECR's token API handed out."""
    with PrivateRegistry(users={"AWS": FIRST}) as registry:
        registry.push("team/app:1")
        registry.push("team/other:1")
        yield registry


@pytest.fixture(scope="module")
def node(control_plane: ControlPlane, registry: PrivateRegistry) -> Iterator[Node]:
    with Node(control_plane, mirrors={ECR_HOST: registry.host}) as node:
        yield node


def run_pod(api: Api, node: Node, namespace: str, name: str, image: str = IMAGE) -> str:
    """Creates a pod that says nothing of pull secrets: its service account has to."""
    spec = {
        "nodeName": node.name,
        "terminationGracePeriodSeconds": 1,
        "containers": [{"name": "app", "image": image, "imagePullPolicy": "Always"}],
    }
    api.post(f"/api/v1/namespaces/{namespace}/pods", {"metadata": {"name": name}, "spec": spec})
    return f"/api/v1/namespaces/{namespace}/pods/{name}"


def create_namespace(api: Api, name: str) -> None:
    api.post("/api/v1/namespaces", {"metadata": {"name": name}})
    api.wait_for(f"/api/v1/namespaces/{name}/serviceaccounts/default", lambda account: account is not None)


def password_in(secret: dict[str, Any]) -> str:
    config = json.loads(base64.b64decode(secret["data"][".dockerconfigjson"]))
    return str(config["auths"][ECR_HOST]["password"])


def is_running(pod: dict[str, Any] | None) -> bool:
    return pod is not None and pod["status"]["phase"] == "Running"


def waits_with(pod: dict[str, Any] | None, *reasons: str) -> bool:
    statuses = (pod or {}).get("status", {}).get("containerStatuses") or [{}]
    return statuses[0].get("state", {}).get("waiting", {}).get("reason") in reasons


def test_a_kubelet_pulls_with_what_the_schedule_brought_and_not_before(
    api: Api, node: Node, registry: PrivateRegistry, ecr: EcrApi, stack: DeployedStack
) -> None:
    create_namespace(api, "team-a")
    api.wait_for(
        run_pod(api, node, "team-a", "before"), lambda pod: waits_with(pod, "ErrImagePull", "ImagePullBackOff")
    )

    ecr.answer_with = EcrAnswer(password=FIRST)
    api.wait_for(SECRET.format("team-a"), lambda secret: secret is not None, seconds=150)
    account = "/api/v1/namespaces/team-a/serviceaccounts/default"
    api.wait_for(account, lambda found: found.get("imagePullSecrets") == [{"name": "registry-credentials"}])
    api.wait_for(run_pod(api, node, "team-a", "after"), is_running)

    assert password_in(api.get(SECRET.format("team-a"))) == FIRST
    assert stack.queue_depth("SyncDeadLetters") == 0
    assert registry.host not in json.dumps(api.get(SECRET.format("team-a"))), "the key is the name that images use"


def test_a_rotation_keeps_the_secret_and_the_running_pods_and_serves_the_next_pull(
    api: Api, node: Node, registry: PrivateRegistry, ecr: EcrApi, stack: DeployedStack
) -> None:
    before = api.get(SECRET.format("team-a"))
    running = api.get("/api/v1/namespaces/team-a/pods/after")
    ecr.answer_with = EcrAnswer(password=SECOND)
    registry.accept({"AWS": SECOND})

    stack.invoke("MintCredentials", {"rotate": True})
    after = api.wait_for(SECRET.format("team-a"), lambda secret: password_in(secret) == SECOND)
    api.wait_for(run_pod(api, node, "team-a", "later", f"{ECR_HOST}/team/other:1"), is_running)

    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    still = api.get("/api/v1/namespaces/team-a/pods/after")
    assert still["metadata"]["uid"] == running["metadata"]["uid"]
    assert still["status"]["containerStatuses"][0]["restartCount"] == 0


def test_a_new_namespace_holds_the_secret_within_90_seconds(api: Api, stack: DeployedStack) -> None:
    create_namespace(api, "team-newcomer")
    wait_until(lambda: api.find(SECRET.format("team-newcomer")) is not None, 90, "Secret in team-newcomer")
    assert stack.queue_depth("SyncDeadLetters") == 0


def test_an_edit_and_a_deletion_are_mended_by_the_daily_repair(api: Api, stack: DeployedStack) -> None:
    api.patch(SECRET.format("team-a"), {"data": {".dockerconfigjson": base64.b64encode(b'{"auths":{}}').decode()}})
    api.delete(SECRET.format("team-newcomer"))

    stack.invoke("ObserveClusters", {"repair": True})

    api.wait_for(
        SECRET.format("team-a"),
        lambda secret: "password" in base64.b64decode(secret["data"][".dockerconfigjson"]).decode(),
    )
    api.wait_for(SECRET.format("team-newcomer"), lambda secret: secret is not None)
    assert password_in(api.get(SECRET.format("team-newcomer"))) == SECOND


def test_nothing_that_was_logged_or_stored_in_the_table_holds_a_password(stack: DeployedStack) -> None:
    lines = [line for name in FUNCTIONS for line in stack.logs(name)]
    items = stack.client("dynamodb").scan(TableName=stack.physical("Table"))["Items"]

    assert any("synced" in line for line in lines), "the logs are really read"
    assert items
    for secret in (FIRST, SECOND, base64.b64encode(f"AWS:{SECOND}".encode()).decode()):
        assert not [line for line in lines if secret in line]
        assert secret not in json.dumps(items)


def test_a_message_that_cannot_be_served_ends_in_the_dead_letter_queue(stack: DeployedStack) -> None:
    queue = stack.physical("SyncQueue")
    policy = {"deadLetterTargetArn": stack.queue_arn("SyncDeadLetters"), "maxReceiveCount": "1"}
    stack.client("sqs").set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": json.dumps(policy)})

    stack.client("sqs").send_message(QueueUrl=queue, MessageBody='{"klaster": "real"}')

    wait_until(lambda: stack.queue_depth("SyncDeadLetters") == 1, 90, "the message in the dead-letter queue")
    held = stack.client("sqs").receive_message(QueueUrl=stack.physical("SyncDeadLetters"))["Messages"]
    assert [message["Body"] for message in held] == ['{"klaster": "real"}']
