"""Which cluster of the fleet a kubeconfig's context is."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from steward.fleet import read_fleet
from steward_cli.targets import BadInputError, fleet_targets, kubeconfig_target
from testbed.aws.loopback import LoopbackServer, Request, Response
from tests.unit.cli.conftest import Steward

REST = """
registries: [{name: images, ecr: {region: eu-west-1, accounts: ["111122223333"]}}]
pullSecrets: [{name: pull, registries: [images]}]
"""
DECLARED = f"""
clusters:
  - {{name: shop, eks: {{name: shop-prod, region: eu-west-1}}}}
  - {{name: till, server: {{url: "https://till", tokenSecret: t}}}}
{REST}"""
DISCOVERED = f"discover: [{{regions: [eu-west-1]}}]\n{REST}"
EKS = "arn:aws:eks:eu-west-1:111122223333:cluster/shop-prod"


def kubeconfig(folder: Path, context: str) -> Path:
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": context,
        "clusters": [{"name": "c", "cluster": {"server": "https://127.0.0.1:1"}}],
        "users": [{"name": "u", "user": {"token": "t"}}],
        "contexts": [{"name": context, "context": {"cluster": "c", "user": "u"}}],
    }
    path = folder / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.mark.parametrize(
    ("fleet", "context", "only", "name"),
    [
        (DECLARED, "till", None, "till"),
        (DECLARED, "my-laptop", "till", "till"),
        (DECLARED, EKS, None, "shop"),
        (DISCOVERED, EKS, None, "eu-west-1-shop-prod"),
        (DISCOVERED, "my-laptop", "eu-west-1-shop-prod", "eu-west-1-shop-prod"),
    ],
)
def test_the_context_leads_to_a_cluster(fleet: str, context: str, only: str | None, name: str, tmp_path: Path) -> None:
    target = kubeconfig_target(read_fleet(fleet), kubeconfig(tmp_path, context), None, only)
    assert (target.name, target.connect().name) == (name, name)


@pytest.mark.parametrize(
    ("fleet", "context", "only"),
    [
        (DECLARED, "my-laptop", None),
        (DECLARED, EKS.replace("eu-west-1", "eu-west-2"), None),
        (DISCOVERED, "my-laptop", None),
        (DISCOVERED, "my-laptop", "us-east-1-shop-prod"),
    ],
)
def test_a_guess_is_refused(fleet: str, context: str, only: str | None, tmp_path: Path) -> None:
    with pytest.raises(BadInputError, match="--cluster"):
        kubeconfig_target(read_fleet(fleet), kubeconfig(tmp_path, context), None, only)


def test_without_a_kubeconfig_every_declared_cluster_is_meant() -> None:
    targets, errors = fleet_targets(read_fleet(DECLARED), None)
    assert ([target.name for target in targets], errors) == (["shop", "till"], [])


ROLE = "arn:aws:iam::111122223333:role/nobody-may"


class RefusingSts(LoopbackServer):
    """No role may be assumed."""

    def answer(self, request: Request) -> Response:
        words = "<ErrorResponse><Error><Code>AccessDenied</Code><Message>no</Message></Error></ErrorResponse>"
        return Response(403, words.encode(), "text/xml")


@pytest.fixture
def _no_role_may_be_assumed(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    with RefusingSts() as sts:
        monkeypatch.setenv("AWS_ENDPOINT_URL_STS", sts.endpoint_url)
        yield


@pytest.mark.usefixtures("_no_role_may_be_assumed")
def test_a_role_that_refuses_hides_no_other_cluster() -> None:
    fleet = read_fleet(f"discover: [{{regions: [eu-west-1], role: '{ROLE}'}}]\n{DECLARED}")
    targets, errors = fleet_targets(fleet, None)
    assert [target.name for target in targets] == ["shop", "till"]
    assert len(errors) == 1
    assert errors[0].startswith("EKS clusters of eu-west-1: AssumeRole: AccessDenied")


@pytest.mark.usefixtures("_no_role_may_be_assumed")
@pytest.mark.parametrize("words", [[], ["--json"]])
def test_what_could_not_be_discovered_is_an_error(words: list[str], steward: Steward) -> None:
    steward.fleet.write_text(f"discover: [{{regions: [eu-west-1], role: '{ROLE}'}}]\n{REST}")
    result = steward.run("plan", "--fleet", steward.fleet, *words)
    assert result.exit_code == 1
    assert result.stderr.startswith("steward: EKS clusters of eu-west-1: AssumeRole: AccessDenied")
    assert (
        "AccessDenied" in result.stdout if words else result.stdout == "0 clusters: nothing to do; 1 place not listed\n"
    )
