"""ECR and STS in this process, and no waiting between retries."""

import types
from collections.abc import Iterator
from os import environ
from unittest.mock import patch

import pytest

from testbed.aws.ecr_api import EcrApi
from tests.unit.role_server import Role, RoleServer

PULLER = "arn:aws:iam::111122223333:role/puller"
GUARDED = "arn:aws:iam::444455556666:role/guarded"


@pytest.fixture
def ecr() -> Iterator[EcrApi]:
    with EcrApi() as api, patch.dict(environ, api.environment):
        yield api


@pytest.fixture
def sts() -> Iterator[RoleServer]:
    with RoleServer([Role(PULLER), Role(GUARDED, "k-1")]) as api, patch.dict(environ, api.environment):
        yield api


@pytest.fixture
def waits(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that botocore would have waited before each retry; it does not."""
    waited: list[float] = []
    monkeypatch.setattr("botocore.endpoint.time", types.SimpleNamespace(sleep=waited.append))
    return waited
