"""No test sees the machine's AWS settings, and none a client that another test made."""

from collections.abc import Iterator
from os import environ
from unittest.mock import patch

import pytest
from hypothesis import settings

from steward.aws import forget_clients

settings.register_profile("unit", deadline=None, max_examples=100)
settings.load_profile("unit")

KEPT = ("PATH", "HOME", "TMPDIR", "LANG")
FAKED = {
    "AWS_ACCESS_KEY_ID": "AKIAIOSFODNN7EXAMPLE",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_CONFIG_FILE": "/dev/null",
    "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
    "AWS_EC2_METADATA_DISABLED": "true",
}


@pytest.fixture(autouse=True)
def _faked_aws_variables() -> Iterator[None]:
    kept = {name: environ[name] for name in KEPT if name in environ}
    with patch.dict(environ, kept | FAKED, clear=True):
        forget_clients()
        yield
        forget_clients()
