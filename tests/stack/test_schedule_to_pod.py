"""Schedule -> mint -> queue -> sync -> Secret -> a real kubelet pulls: every part is the real one but AWS itself."""

import base64
import json
from collections.abc import Iterator
from typing import Any

import pytest

from testbed.aws.deployed import FUNCTIONS, DeployedStack, wait_until
from testbed.aws.ecr_api import EcrAnswer, EcrApi
from testbed.kubernetes.api import Api
from testbed.kubernetes.control_plane import ControlPlane
from testbed.kubernetes.node import Node
from testbed.kubernetes.registry import PrivateRegistry
from tests.stack.conftest import ECR_HOST

pytestmark = [pytest.mark.stack, pytest.mark.cluster]

SECRET = "/api/v1/namespaces/{}/secrets/registry-credentials"
IMAGE = f"{ECR_HOST}/team/app:1"
FIRST, SECOND = "first-password", "second-password"
ACCOUNT = "/api/v1/namespaces/{}/serviceaccounts/default"


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


@pytest.fixture(scope="module")
def served(api: Api, node: Node, registry: PrivateRegistry, ecr: EcrApi, stack: DeployedStack) -> DeployedStack:
    """A pod in team-a that could not pull; then the schedule, and nothing else, brought what it lacked."""
    del registry
    create_namespace(api, "team-a")
    before = run_pod(api, node, "team-a", "before")
    api.wait_for(before, lambda pod: waits_with(pod, "ErrImagePull", "ImagePullBackOff"))
    ecr.answer_with = EcrAnswer(password=FIRST)
    api.wait_for(SECRET.format("team-a"), lambda secret: secret is not None, seconds=150)
    entries = [{"name": "registry-credentials"}]
    api.wait_for(ACCOUNT.format("team-a"), lambda found: found.get("imagePullSecrets") == entries)
    return stack


def serve(api: Api, stack: DeployedStack, namespace: str) -> dict[str, Any]:
    """A new namespace and its Secret, asked for by hand instead of waiting for the next minute."""
    create_namespace(api, namespace)
    path, asked = SECRET.format(namespace), "ObserveClusters"
    wait_until(lambda: bool(stack.invoke(asked, {})) and api.find(path) is not None, 150, f"Secret in {namespace}")
    found: dict[str, Any] = api.get(path)
    return found


def test_a_kubelet_pulls_with_what_the_schedule_brought_and_not_before(
    api: Api, node: Node, registry: PrivateRegistry, ecr: EcrApi, served: DeployedStack
) -> None:
    api.wait_for(run_pod(api, node, "team-a", "after"), is_running)

    secret = api.get(SECRET.format("team-a"))
    assert password_in(secret) == ecr.answer_with.password
    assert registry.host not in json.dumps(secret), "the key is the name that images use"
    assert served.queue_depth("SyncDeadLetters") == 0


def test_a_rotation_keeps_the_secret_and_the_running_pods_and_serves_the_next_pull(
    api: Api, node: Node, registry: PrivateRegistry, ecr: EcrApi, served: DeployedStack
) -> None:
    before = api.get(SECRET.format("team-a"))
    path = run_pod(api, node, "team-a", "steady")
    running = api.wait_for(path, is_running)
    ecr.answer_with = EcrAnswer(password=SECOND)
    registry.accept({"AWS": SECOND})

    served.invoke("MintCredentials", {"rotate": True})
    after = api.wait_for(SECRET.format("team-a"), lambda secret: password_in(secret) == SECOND)
    api.wait_for(run_pod(api, node, "team-a", "later", f"{ECR_HOST}/team/other:1"), is_running)

    assert after["metadata"]["uid"] == before["metadata"]["uid"]
    still = api.get(path)
    assert still["metadata"]["uid"] == running["metadata"]["uid"]
    assert still["status"]["containerStatuses"][0]["restartCount"] == 0


def test_a_new_namespace_holds_the_secret_within_90_seconds(api: Api, served: DeployedStack) -> None:
    create_namespace(api, "team-newcomer")
    wait_until(lambda: api.find(SECRET.format("team-newcomer")) is not None, 90, "Secret in team-newcomer")
    assert served.queue_depth("SyncDeadLetters") == 0


def test_an_edit_and_a_deletion_are_mended_by_the_daily_repair(api: Api, served: DeployedStack) -> None:
    right = password_in(serve(api, served, "team-edited"))
    serve(api, served, "team-robbed")
    worthless = base64.b64encode(b'{"auths":{}}').decode()
    api.patch(SECRET.format("team-edited"), {"data": {".dockerconfigjson": worthless}})
    api.delete(SECRET.format("team-robbed"))

    served.invoke("ObserveClusters", {"repair": True})

    api.wait_for(SECRET.format("team-edited"), lambda secret: secret["data"][".dockerconfigjson"] != worthless)
    api.wait_for(SECRET.format("team-robbed"), lambda secret: secret is not None)
    assert {password_in(api.get(SECRET.format(name))) for name in ("team-edited", "team-robbed")} == {right}


def test_nothing_that_was_logged_or_stored_in_the_table_holds_a_password(served: DeployedStack) -> None:
    lines = [line for name in FUNCTIONS for line in served.logs(name)]
    items = served.client("dynamodb").scan(TableName=served.physical("Table"))["Items"]

    assert any("synced" in line for line in lines), "the logs are really read"
    assert items
    for password in (FIRST, SECOND):
        for secret in (password, base64.b64encode(f"AWS:{password}".encode()).decode()):
            assert not [line for line in lines if secret in line]
            assert secret not in json.dumps(items)


@pytest.fixture
def impatient_queue(served: DeployedStack) -> Iterator[str]:
    """The sync queue with one delivery instead of five; as it was, afterwards."""
    sqs, queue = served.client("sqs"), served.physical("SyncQueue")
    policy = {"deadLetterTargetArn": served.queue_arn("SyncDeadLetters"), "maxReceiveCount": "1"}
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"RedrivePolicy": json.dumps(policy)})
    yield queue
    sqs.set_queue_attributes(
        QueueUrl=queue, Attributes={"RedrivePolicy": json.dumps({**policy, "maxReceiveCount": "5"})}
    )
    sqs.purge_queue(QueueUrl=served.physical("SyncDeadLetters"))


def test_a_message_that_cannot_be_served_ends_in_the_dead_letter_queue(
    impatient_queue: str, served: DeployedStack
) -> None:
    served.client("sqs").send_message(QueueUrl=impatient_queue, MessageBody='{"klaster": "real"}')

    dead = served.physical("SyncDeadLetters")

    def bodies() -> list[str]:
        # A sync that only lost a race for the lease may lie there too: it had one delivery as well.
        answer = served.client("sqs").receive_message(QueueUrl=dead, MaxNumberOfMessages=10, VisibilityTimeout=0)
        return [message["Body"] for message in answer.get("Messages", [])]

    wait_until(lambda: '{"klaster": "real"}' in bodies(), 90, "the message in the dead-letter queue", served.last_words)
    assert '{"klaster": "real"}' in bodies()
