"""EKS clusters found by tag and reached by a presigned STS request, which a real API server has replayed."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from testbed.aws.deployed import DeployedStack, wait_until
from testbed.aws.ecr_api import EcrApi
from testbed.aws.eks_api import EksApi, EksCluster
from testbed.aws.ministack import Ministack
from testbed.aws.token_webhook import API_SERVER_FLAGS, TokenVerifier, TokenWebhook, by_asking
from testbed.kubernetes.api import Api
from testbed.kubernetes.control_plane import ControlPlane
from testbed.kubernetes.grant import grant_role

pytestmark = pytest.mark.stack

SECRET = "/api/v1/namespaces/{}/secrets/registry-credentials"


@dataclass
class EksStack:
    """A deployed stack with an EKS cluster `shop`, and the webhook that judges its tokens."""

    stack: DeployedStack
    api: Api
    eks: EksApi
    webhook: TokenWebhook
    entries: dict[str, list[str]] = field(default_factory=dict)


@pytest.fixture(scope="module")
def eks_stack(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[EksStack]:
    del built
    entries: dict[str, list[str]] = {}
    with (
        EcrApi() as ecr,
        EksApi(page_size=1) as eks,
        Ministack(environment=ecr.environment | eks.environment) as account,
    ):
        host = account.endpoint_url.removeprefix("http://")
        verifier = TokenVerifier("shop", identify=by_asking(account.endpoint_url), access_entries=entries, hosts=[host])
        with TokenWebhook(verifier) as webhook:
            config = webhook.config_file(tmp_path_factory.mktemp("webhook") / "config.json")
            with ControlPlane(token_webhook=config, api_server_flags=API_SERVER_FLAGS) as plane, Api(plane) as api:
                for name, tags in (("a-stranger", {}), ("shop", {"kubesteward": "yes"})):
                    eks.put(EksCluster(name, plane.url, plane.ca_pem, tags=tags))
                grant_role(api)
                yield EksStack(_deploy(account), api, eks, webhook, entries)


def _deploy(account: Ministack) -> DeployedStack:
    stack = DeployedStack(account.endpoint_url, account.environment)
    stack.deploy({"MintSchedule": "rate(1 day)"})
    stack.publish(
        {
            "discover": [{"regions": ["us-east-1"], "tags": {"kubesteward": "yes"}}],
            "registries": [{"name": "shop", "ecr": {"region": "us-east-1", "accounts": ["111122223333"]}}],
            "pullSecrets": [
                {"name": "registry-credentials", "registries": ["shop"], "namespaces": {"names": ["team-*"]}},
            ],
        }
    )
    return stack


def test_the_credential_arrives_once_there_are_access_entries_and_not_before(eks_stack: EksStack) -> None:
    answer = eks_stack.stack.invoke("ObserveClusters", {})

    assert list(answer["unreachable"]) == ["us-east-1-shop"], "found by its tag, over pages of one cluster"
    assert "access entry" in answer["unreachable"]["us-east-1-shop"]
    assert any("has no access entry" in reason for reason in eks_stack.webhook.refusals)

    for role in ("ObserveClustersRole", "SyncPullSecretsRole"):
        name = eks_stack.stack.physical(role)
        eks_stack.entries[f"arn:aws:iam::000000000000:role/{name}"] = ["kubesteward"]
    eks_stack.api.post("/api/v1/namespaces", {"metadata": {"name": "team-eks"}})

    eks_stack.stack.invoke("MintCredentials", {})

    found = eks_stack.api.wait_for(SECRET.format("team-eks"), lambda secret: secret is not None)
    assert found["type"] == "kubernetes.io/dockerconfigjson"
    in_line: dict[str, object] = {"asked": [], "unreachable": {}, "errors": []}
    wait_until(lambda: eks_stack.stack.invoke("ObserveClusters", {}) == in_line, 60, "nothing left to do")
