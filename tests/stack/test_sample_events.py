"""Every file in events/, handed as it is to the built function, with the deployed function's variables.

What `sam local invoke FUNCTION --config-env local -e FILE` does after `make up`, by the Lambda Runtime Interface
Emulator instead of a container. Nothing of the deployed stack runs by itself here, so every effect is the event's.
"""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import urllib3

from demo.local import CLUSTERS
from testbed.aws.deployed import FUNCTIONS, DeployedStack
from testbed.aws.ecr_api import EcrAnswer, EcrApi
from testbed.aws.ministack import Ministack
from testbed.aws.runtime_emulator import Invocation, RuntimeEmulator
from testbed.embedded_api import RESET, EmbeddedApi
from tests.stack.conftest import ECR_HOST, ROOT

pytestmark = pytest.mark.stack

EVENTS = sorted((ROOT / "events").glob("*/*.json"))
LAYERS = ("Dependencies", "Steward")
NAME, PRINCIPAL = "registry-credentials", "ecr-us-east-1-self"
NAMESPACES = ("team-a", "team-b", "team-c")
PASSWORD = "password-of-ecr"
DONE: dict[str, Any] = {"batchItemFailures": []}
RENEWED = {"renewed": [PRINCIPAL], "fresh": [], "failed": {}}


@dataclass
class Site:
    """The deployed stack, whose schedules and queue start nothing; its clusters; its functions as they were built."""

    built: Path
    stack: DeployedStack
    ecr: EcrApi
    clusters: dict[str, EmbeddedApi]
    running: ExitStack
    functions: dict[str, RuntimeEmulator] = field(default_factory=dict)

    def invoke(self, event: Path | dict[str, Any], logical: str = "") -> Invocation:
        """Hands an event, or a sample to the function that its folder names, to the function."""
        if isinstance(event, Path):
            return self.invoke(json.loads(event.read_text()), logical_id(event.parent.name))
        if logical not in self.functions:
            layers = [self.built / layer for layer in LAYERS]
            variables = self.stack.function_variables(logical)
            emulator = RuntimeEmulator(self.built / logical, layers=layers, environment=variables)
            self.functions[logical] = self.running.enter_context(emulator)
        return self.functions[logical].invoke(event)

    def answer(self, event: Path | dict[str, Any], logical: str = "") -> Any:
        """As `invoke`, where the function must not fail."""
        invocation = self.invoke(event, logical)
        assert invocation.error is None, invocation.error
        return invocation.payload

    def start_anew(self) -> None:
        """Nothing minted, placed, asked for or queued; every cluster with fresh namespaces; ECR answers."""
        table = self.stack.client("dynamodb"), self.stack.physical("Table")
        for item in table[0].scan(TableName=table[1])["Items"]:
            table[0].delete_item(TableName=table[1], Key={key: item[key] for key in ("pk", "sk")})
        self.take_requests()
        for api in self.clusters.values():
            for name in NAMESPACES:
                if api.get("namespaces", None, name):
                    api.delete_namespace(name)
                api.create_namespace(name)
        self.ecr.answer_with = EcrAnswer(password=PASSWORD)
        self.ecr.calls.clear()

    def take_requests(self) -> list[dict[str, Any]]:
        """Bodies of the messages in the queue, which they leave, by the cluster's name."""
        queue, sqs = self.stack.physical("SyncQueue"), self.stack.client("sqs")
        bodies = []
        while messages := sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []):
            for message in messages:
                sqs.delete_message(QueueUrl=queue, ReceiptHandle=message["ReceiptHandle"])
                bodies.append(json.loads(message["Body"]))
        return sorted(bodies, key=lambda body: str(body["cluster"]))

    def mint(self) -> None:
        """A credential, and none of the requests that follow from it."""
        assert self.answer({}, "MintCredentials") == RENEWED
        self.take_requests()

    def passwords(self, cluster: str) -> dict[str, str]:
        """Namespace -> what a kubelet would log in with."""
        found = {name: self.clusters[cluster].secret(name, NAME) for name in NAMESPACES}
        configs = {name: json.loads(data[".dockerconfigjson"]) for name, data in found.items() if data}
        return {name: config["auths"][ECR_HOST]["password"] for name, config in configs.items()}

    def accounts(self, cluster: str) -> list[str]:
        """Namespaces whose default service account names our Secret."""
        accounts = self.clusters[cluster].objects("serviceaccounts")
        return sorted(
            account["metadata"]["namespace"]
            for account in accounts
            if account.get("imagePullSecrets") == [{"name": NAME}]
        )

    def stored_password(self) -> str:
        """What lies in Secrets Manager."""
        name = f"kubesteward/{self.stack.name}/credentials/{PRINCIPAL}"
        text = self.stack.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]
        return str(json.loads(text)["password"])


def logical_id(folder: str) -> str:
    """The logical id of the function in a folder: MintCredentials for mint_credentials."""
    return "".join(word.capitalize() for word in folder.split("_"))


def everywhere(password: str, namespaces: tuple[str, ...] = NAMESPACES) -> dict[str, str]:
    return dict.fromkeys(namespaces, password)


@pytest.fixture(scope="module")
def deployed(built: Path) -> Iterator[Site]:
    with ExitStack() as running:
        ecr = running.enter_context(EcrApi())
        account = running.enter_context(Ministack(environment=ecr.environment))
        clusters = {name: running.enter_context(EmbeddedApi()) for name in CLUSTERS}
        stack = DeployedStack(account.endpoint_url, account.environment)
        stack.deploy({"MintSchedule": "rate(1 day)"})
        silence(stack)
        stack.publish(fleet_of(stack, clusters))
        yield Site(built, stack, ecr, clusters, running)


def silence(stack: DeployedStack) -> None:
    """Ends what would start the deployed functions: they share the clusters with the functions under test."""
    scheduler, functions = stack.client("scheduler"), stack.client("lambda")
    schedules = scheduler.list_schedules()["Schedules"]
    assert schedules
    for schedule in schedules:
        scheduler.delete_schedule(Name=schedule["Name"], GroupName=schedule["GroupName"])
    for mapping in functions.list_event_source_mappings()["EventSourceMappings"]:
        functions.delete_event_source_mapping(UUID=mapping["UUID"])


def fleet_of(stack: DeployedStack, clusters: dict[str, EmbeddedApi]) -> dict[str, Any]:
    servers = {
        name: {"url": api.url, "tokenSecret": stack.keep_cluster_token(name, api.token)}
        for name, api in clusters.items()
    }
    return {
        "clusters": [{"name": name, "server": server} for name, server in servers.items()],
        "registries": [{"name": "shop", "ecr": {"region": "us-east-1", "accounts": [ECR_HOST[:12]]}}],
        "pullSecrets": [{"name": NAME, "registries": ["shop"], "namespaces": {"names": ["team-*"]}}],
    }


@pytest.fixture
def site(deployed: Site) -> Site:
    deployed.start_anew()
    return deployed


def expect_schedule(site: Site, event: Path) -> None:
    """The first time it mints and asks for both clusters, the second time everything is fresh."""
    assert site.answer(event) == RENEWED
    assert site.stored_password() == PASSWORD
    assert [(body["cluster"], body["reason"]) for body in site.take_requests()] == [
        ("production", "credentials were renewed"),
        ("staging", "credentials were renewed"),
    ]
    assert site.answer(event) == {"renewed": [], "fresh": [PRINCIPAL], "failed": {}}
    assert site.take_requests() == []
    assert len(site.ecr.calls) == 1, "one token whatever the number of clusters"


def expect_rotate_by_hand(site: Site, event: Path) -> None:
    """What is fresh is renewed all the same."""
    site.mint()
    site.ecr.answer_with = EcrAnswer(password="password-after")
    assert site.answer(event) == RENEWED
    assert site.stored_password() == "password-after"
    assert [body["cluster"] for body in site.take_requests()] == ["production", "staging"]


def expect_every_minute(site: Site, event: Path) -> None:
    """Namespaces without the Secret are asked for; those messages, handed on, bring it."""
    site.mint()
    assert site.answer(event) == {"asked": ["production", "staging"], "unreachable": {}, "errors": []}
    requests = site.take_requests()
    assert [(body["cluster"], body["namespaces"]) for body in requests] == [
        ("production", list(NAMESPACES)),
        ("staging", list(NAMESPACES)),
    ]
    hand_on(site, requests)
    assert site.passwords("staging") == everywhere(PASSWORD)


def expect_daily_repair(site: Site, event: Path) -> None:
    """Every cluster is asked for in full, although nothing shows from outside; handed on, that mends an edit."""
    site.mint()
    hand_on(site, [{"cluster": name} for name in CLUSTERS])
    spoil(site)
    assert site.answer(event) == {"asked": ["production", "staging"], "unreachable": {}, "errors": []}
    requests = site.take_requests()
    assert [(body["cluster"], body["repair"], body["namespaces"]) for body in requests] == [
        ("production", True, []),
        ("staging", True, []),
    ]
    hand_on(site, requests)
    assert site.passwords("production") == everywhere(PASSWORD)


def expect_one_cluster(site: Site, event: Path) -> None:
    site.mint()
    assert site.answer(event) == DONE
    assert site.passwords("production") == everywhere(PASSWORD)
    assert site.accounts("production") == list(NAMESPACES)
    assert site.passwords("staging") == {}


def expect_repair(site: Site, event: Path) -> None:
    """An edit and a deletion by somebody else, which a usual message does not look for, are mended."""
    site.mint()
    hand_on(site, [{"cluster": "production"}])
    spoil(site)
    hand_on(site, [{"cluster": "production"}])
    assert site.passwords("production") == {"team-a": "edited", "team-c": PASSWORD}
    assert site.answer(event) == DONE
    assert site.passwords("production") == everywhere(PASSWORD)


def expect_several_clusters(site: Site, event: Path) -> None:
    """The first in full, the second in two namespaces, the third is none of the fleet: told, and done with."""
    site.mint()
    invocation = site.invoke(event)
    assert invocation.payload == DONE
    assert site.passwords("production") == everywhere(PASSWORD)
    assert site.passwords("staging") == everywhere(PASSWORD, ("team-a", "team-b"))
    assert site.accounts("staging") == ["team-a", "team-b"]
    assert "cluster gone is not in the fleet (any more); nothing was done" in invocation.log


EXPECTED: dict[str, Callable[[Site, Path], None]] = {
    "mint_credentials/schedule": expect_schedule,
    "mint_credentials/rotate_by_hand": expect_rotate_by_hand,
    "observe_clusters/every_minute": expect_every_minute,
    "observe_clusters/daily_repair": expect_daily_repair,
    "sync_pull_secrets/one_cluster": expect_one_cluster,
    "sync_pull_secrets/repair": expect_repair,
    "sync_pull_secrets/several_clusters": expect_several_clusters,
}


def title(event: Path) -> str:
    return f"{event.parent.name}/{event.stem}"


def hand_on(site: Site, requests: list[dict[str, Any]]) -> None:
    """Requests to sync_pull_secrets as SQS hands them on, in the frame of a sample."""
    frame = json.loads((ROOT / "events/sync_pull_secrets/one_cluster.json").read_text())["Records"][0]
    records = [frame | {"messageId": body["cluster"], "body": json.dumps(body)} for body in requests]
    assert site.answer({"Records": records}, "SyncPullSecrets") == DONE


def spoil(site: Site) -> None:
    """In production somebody edits our Secret in team-a and deletes the one in team-b."""
    auths = {"auths": {ECR_HOST: {"username": "AWS", "password": "edited"}}}
    edited = {"data": {".dockerconfigjson": base64.b64encode(json.dumps(auths).encode()).decode()}}
    api = site.clusters["production"]
    headers = {"Authorization": f"Bearer {api.token}", "Content-Type": "application/merge-patch+json"}
    for method, namespace, body in (("PATCH", "team-a", edited), ("DELETE", "team-b", None)):
        url = f"{api.url}/api/v1/namespaces/{namespace}/secrets/{NAME}"
        assert urllib3.request(method, url, json=body, headers=headers, retries=False).status == 200


@pytest.mark.parametrize("event", EVENTS, ids=title)
def test_a_sample_event_does_what_it_says(site: Site, event: Path) -> None:
    assert title(event) in EXPECTED, "say here what the new sample does"
    EXPECTED[title(event)](site, event)


def test_every_function_has_a_sample_and_every_expectation_its_file() -> None:
    assert {logical_id(event.parent.name) for event in EVENTS} == set(FUNCTIONS)
    assert {path.parent.name for path in (ROOT / "functions").glob("*/handler.py")} == {e.parent.name for e in EVENTS}
    assert {title(event) for event in EVENTS} == set(EXPECTED)


def test_a_message_that_cannot_be_postponed_is_handed_back_with_its_own_error(site: Site) -> None:
    """A sample's receipt handle is nobody's, so SQS refuses to postpone it: the function has to survive that."""
    site.mint()
    outage = site.clusters["staging"].fault(RESET, times=None)
    try:
        invocation = site.invoke(ROOT / "events/sync_pull_secrets/several_clusters.json")
    finally:
        site.clusters["staging"].clear_faults()
    assert outage.hits
    assert invocation.error is None
    assert invocation.payload == {"batchItemFailures": [{"itemIdentifier": "059f36b4-87a3-44ab-83d2-661970000002"}]}
    assert "cluster staging: GET /api/v1/namespaces/team-a: no answer" in invocation.log
    assert site.passwords("production") == everywhere(PASSWORD)
