"""The real template deployed; a real API server that grants what cluster/ says; an ECR with real lifetimes."""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from testbed.aws import sam
from testbed.aws.deployed import FUNCTIONS, DeployedStack
from testbed.aws.ecr_api import EcrAnswer, EcrApi
from testbed.aws.ministack import Ministack
from testbed.kubernetes.api import Api
from testbed.kubernetes.control_plane import ControlPlane
from testbed.kubernetes.grant import grant_role

ROOT = Path(__file__).resolve().parents[2]
TOKEN = "token-of-the-stack"
ECR_HOST = "111122223333.dkr.ecr.us-east-1.amazonaws.com"


@pytest.fixture(scope="session")
def built() -> Path:
    """`sam build` of the template."""
    return sam.build()


@pytest.fixture(scope="session")
def control_plane() -> Iterator[ControlPlane]:
    """An API server on which the stack's token belongs to the group `kubesteward` and to nothing else."""
    with ControlPlane(audit=True, tokens={TOKEN: ("stack", ["kubesteward"])}) as control_plane:
        yield control_plane


@pytest.fixture(scope="session")
def api(control_plane: ControlPlane) -> Iterator[Api]:
    """The administrator, who has applied cluster/."""
    with Api(control_plane) as api:
        grant_role(api)
        yield api


@pytest.fixture(scope="session")
def ecr() -> Iterator[EcrApi]:
    """Says no until a test says otherwise: the schedule fires when it likes."""
    with EcrApi() as ecr:
        ecr.answer_with = EcrAnswer(error="AccessDeniedException")
        yield ecr


@pytest.fixture(scope="session")
def stack(built: Path, control_plane: ControlPlane, api: Api, ecr: EcrApi) -> Iterator[DeployedStack]:
    """The deployed stack, whose fleet is this one cluster."""
    del built, api
    with Ministack(environment=ecr.environment) as account:
        stack = DeployedStack(account.endpoint_url, account.environment)
        stack.deploy({"MintSchedule": "rate(1 minute)"})
        stack.publish(fleet_of(control_plane, stack.keep_cluster_token("real", TOKEN)))
        yield stack
        sys.stderr.write(
            "\n".join(line[:500] for name in FUNCTIONS for line in stack.logs(name) if '"level":"INFO"' not in line)
        )


def fleet_of(control_plane: ControlPlane, token_secret: str) -> dict[str, Any]:
    """The cluster `real` with one pull secret in every namespace called team-*, and one that nobody answers for."""
    real = {
        "name": "real",
        "server": {"url": control_plane.url, "ca": control_plane.ca_pem, "tokenSecret": token_secret},
    }
    return {
        "clusters": [real],
        "registries": [{"name": "shop", "ecr": {"region": "us-east-1", "accounts": [ECR_HOST[:12]]}}],
        "pullSecrets": [
            {"name": "registry-credentials", "registries": ["shop"], "namespaces": {"names": ["team-*"]}},
        ],
    }
