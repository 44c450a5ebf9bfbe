"""The token that a user put into Secrets Manager for a cluster."""

from typing import Any

import boto3
import pytest

from steward.state.vault import CredentialMissingError, read_bearer_token


def write_by_hand(name: str, **value: Any) -> None:
    boto3.client("secretsmanager").create_secret(Name=name, **value)


def test_a_bearer_token_is_read_without_the_line_end_of_its_file(account: None) -> None:
    write_by_hand("edge", SecretString="eyJ.abc\n")

    assert read_bearer_token("edge") == "eyJ.abc"


@pytest.mark.parametrize("value", [{"SecretString": "s3 cret"}, {"SecretString": " "}, {"SecretBinary": b"s3cret"}])
def test_what_is_no_bearer_token_is_refused_by_name(account: None, value: dict[str, Any]) -> None:
    write_by_hand("edge", **value)

    with pytest.raises(CredentialMissingError, match="secret edge does not hold a bearer token") as caught:
        read_bearer_token("edge")

    assert "s3" not in str(caught.value)


def test_a_missing_bearer_token_says_which_field_to_correct(account: None) -> None:
    with pytest.raises(CredentialMissingError, match=r"secret edge does not exist: .*tokenSecret in the fleet file"):
        read_bearer_token("edge")
