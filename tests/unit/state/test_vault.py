"""Credentials at rest: what comes back, what is refused, and that the password is in one place only."""

import json
import logging
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import uuid4

import boto3
import pytest

from steward import aws
from steward.credential import Credential, CredentialRecord
from steward.errors import PermanentError, TemporaryError
from steward.state.vault import CredentialMissingError, Vault, VaultUnavailableError, read_bearer_token

NOW = datetime(2026, 1, 2, 3, 4, 5, 678, tzinfo=UTC)
PREFIX = "kubesteward/test/credentials"


def credential(password: str, principal: str = "ecr-eu-west-1-self") -> Credential:
    return Credential(principal, "AWS", password, NOW, NOW + timedelta(hours=12), str(uuid4()))


def write_by_hand(name: str, **value: Any) -> None:
    boto3.client("secretsmanager").create_secret(Name=name, **value)


def test_what_is_stored_comes_back_equal(table: Any) -> None:
    vault = Vault(PREFIX, table)
    stored = [credential("s3cret:\u00e4\n"), credential("other", "ecr-public-us-east-1-self")]

    for each in stored:
        vault.store(each)

    assert [vault.read(each.principal) for each in stored] == stored
    assert vault.records() == {each.principal: CredentialRecord.of(each) for each in stored}


def test_a_renewal_takes_the_place_of_the_old_one(table: Any) -> None:
    vault = Vault(PREFIX, table)
    old, new = credential("old"), credential("new")

    vault.store(old)
    vault.store(new)

    assert vault.read(old.principal) == new
    assert vault.records()[old.principal].revision == new.revision
    assert len(boto3.client("secretsmanager").list_secrets()["SecretList"]) == 1


def test_the_key_of_the_stack_encrypts_the_secret(table: Any) -> None:
    Vault(PREFIX, table, "alias/steward").store(credential("s3cret"))

    described = boto3.client("secretsmanager").describe_secret(SecretId=f"{PREFIX}/ecr-eu-west-1-self")
    assert described["KmsKeyId"] == "alias/steward"


def test_the_password_is_neither_in_the_table_nor_in_logs_nor_in_repr(
    table: Any, caplog: pytest.LogCaptureFixture
) -> None:
    vault, stored = Vault(PREFIX, table), credential("s3cret")
    with caplog.at_level(logging.INFO):
        vault.store(stored)
        back = vault.read(stored.principal)

    assert "s3cret" not in json.dumps(table.scan()["Items"])
    assert "s3cret" not in caplog.text
    assert "s3cret" not in repr((vault, stored, back, vault.records()))


def test_a_credential_that_was_never_minted_is_told_with_its_secrets_name(table: Any) -> None:
    with pytest.raises(CredentialMissingError, match=f"secret {PREFIX}/p does not exist: nothing was minted for p"):
        Vault(PREFIX, table).read("p")


WHOLE = {
    "principal": "p",
    "username": "AWS",
    "password": "s3cret",
    "issuedAt": "2026-01-02T03:04:05+00:00",
    "expiresAt": "2026-01-02T15:04:05+00:00",
    "revision": "r",
}


@pytest.mark.parametrize(
    "value",
    [
        {"SecretString": "s3cret"},
        {"SecretString": '"s3cret"'},
        {"SecretString": '["s3cret"]'},
        {"SecretString": '{"password": "s3cret"}'},
        {"SecretString": json.dumps(WHOLE | {"password": 5, "username": "s3cret"})},
        {"SecretString": json.dumps(WHOLE | {"username": ""})},
        {"SecretString": json.dumps(WHOLE | {"expiresAt": "s3cret"})},
        {"SecretString": json.dumps(WHOLE | {"expiresAt": None})},
        {"SecretBinary": b"s3cret"},
    ],
)
def test_a_secret_that_is_not_ours_is_refused_and_nothing_of_it_repeated(table: Any, value: dict[str, Any]) -> None:
    write_by_hand(f"{PREFIX}/p", **value)

    with pytest.raises(CredentialMissingError, match=rf"secret {PREFIX}/p does not hold.*mint_credentials") as caught:
        Vault(PREFIX, table).read("p")

    assert "s3cret" not in str(caught.value)
    assert isinstance(caught.value, PermanentError)


def test_a_time_without_a_zone_does_not_break_comparisons(table: Any) -> None:
    write_by_hand(f"{PREFIX}/p", SecretString=json.dumps(WHOLE | {"expiresAt": "2026-01-02T15:04:05"}))

    assert Vault(PREFIX, table).read("p").expires_at > NOW


def test_a_store_that_fails_leaves_no_record_of_a_value_that_is_not_there(
    table: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = aws.client("secretsmanager")
    monkeypatch.setattr(client, "put_secret_value", _refuse_with(client, "AccessDeniedException"))

    with pytest.raises(VaultUnavailableError, match=r"storing secret .*ecr-eu-west-1-self: .*AccessDenied") as caught:
        Vault(PREFIX, table).store(credential("s3cret"))

    assert Vault(PREFIX, table).records() == {}
    assert "s3cret" not in str(caught.value)


def test_a_throttled_read_may_succeed_later(table: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    client = aws.client("secretsmanager")
    monkeypatch.setattr(client, "get_secret_value", _refuse_with(client, "ThrottlingException"))

    for read in (Vault(PREFIX, table).read, read_bearer_token):
        with pytest.raises(VaultUnavailableError, match="ThrottlingException") as caught:
            read("p")
        assert isinstance(caught.value, TemporaryError)


def _refuse_with(client: Any, code: str) -> Any:
    def refuse(**_: object) -> None:
        raise client.exceptions.ClientError({"Error": {"Code": code, "Message": "no"}}, "Operation")

    return refuse
