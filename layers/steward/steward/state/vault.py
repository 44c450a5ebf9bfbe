"""Credentials at rest: the values in Secrets Manager, what may be known about them in the table."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError

from steward import aws
from steward.credential import Credential, CredentialRecord
from steward.errors import PermanentError, TemporaryError


class CredentialMissingError(PermanentError):
    """There is no usable credential in Secrets Manager under this name: which, why, what to do."""


class VaultUnavailableError(TemporaryError):
    """Secrets Manager or the table refused or did not answer: which secret, AWS's own words."""


@dataclass(frozen=True, slots=True)
class Vault:
    """One secret per principal under `prefix`; the table holds a record of each, without its password."""

    prefix: str
    table: Any
    key: str | None = None

    def store(self, credential: Credential) -> None:
        """The value first, then the record: a record never speaks of a value that is not there.

        Raises VaultUnavailableError.
        """
        name = self._name(credential.principal)
        with _asking(f"storing secret {name}"):
            self._put(name, credential)
            self.table.put_item(Item=_item(CredentialRecord.of(credential)))

    def read(self, principal: str) -> Credential:
        """The credential itself. Raises CredentialMissingError or VaultUnavailableError."""
        name = self._name(principal)
        absent = f"nothing was minted for {principal} yet; look at mint_credentials' log"
        return _read(_secret_text(name, absent), name)

    def records(self) -> dict[str, CredentialRecord]:
        """Principal -> what is known of its credential."""
        with _asking("reading the credentials' records"):
            found = self.table.query(
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": "credentials"},
                ConsistentRead=True,
            )
        return {item["sk"]: _record(item) for item in found["Items"]}

    def _put(self, name: str, credential: Credential) -> None:
        secrets = aws.client("secretsmanager")
        request = {"SecretString": _write(credential), "ClientRequestToken": credential.revision}
        try:
            secrets.put_secret_value(SecretId=name, **request)
        except secrets.exceptions.ResourceNotFoundException:
            encryption = {"KmsKeyId": self.key} if self.key else {}
            description = f"kubesteward: registry credential of {credential.principal}"
            secrets.create_secret(Name=name, Description=description, **request, **encryption)

    def _name(self, principal: str) -> str:
        return f"{self.prefix}/{principal}"


TEXTS = ("principal", "username", "password", "revision")


def _write(credential: Credential) -> str:
    return json.dumps(
        {
            "principal": credential.principal,
            "username": credential.username,
            "password": credential.password,
            "issuedAt": credential.issued_at.isoformat(),
            "expiresAt": credential.expires_at.isoformat(),
            "revision": credential.revision,
        }
    )


def _read(text: str | None, name: str) -> Credential:
    """Raises CredentialMissingError; of the text nothing is repeated."""
    try:
        value = json.loads(text or "")
        issued, expires = (datetime.fromisoformat(value[field]).astimezone(UTC) for field in ("issuedAt", "expiresAt"))
        principal, username, password, revision = (value[field] for field in TEXTS)
        if not all(isinstance(part, str) and part for part in (principal, username, password, revision)):
            raise ValueError("a field is no text")  # noqa: TRY301 - told below like every other flaw
        return Credential(principal, username, password, issued, expires, revision)
    except (ValueError, KeyError, TypeError):
        raise CredentialMissingError(
            f'secret {name} does not hold what kubesteward wrote; invoke mint_credentials with {{"rotate": true}}',
        ) from None


def _item(record: CredentialRecord) -> dict[str, Any]:
    return {
        "pk": "credentials",
        "sk": record.principal,
        "issued_at": record.issued_at.isoformat(),
        "expires_at": record.expires_at.isoformat(),
        "revision": record.revision,
    }


def _record(item: dict[str, Any]) -> CredentialRecord:
    issued, expires = (datetime.fromisoformat(item[field]) for field in ("issued_at", "expires_at"))
    return CredentialRecord(item["sk"], issued, expires, item["revision"])


def read_bearer_token(secret: str) -> str:
    """The text of a Secrets Manager secret that the user made for a cluster.

    Raises CredentialMissingError or VaultUnavailableError.
    """
    absent = "put the cluster's bearer token there, or correct tokenSecret in the fleet file"
    token = str(_secret_text(secret, absent) or "").strip()
    if not token or any(character.isspace() for character in token):
        raise CredentialMissingError(
            f"secret {secret} does not hold a bearer token as plain text (one line, nothing else)"
        )
    return token


def _secret_text(name: str, absent: str) -> str | None:
    """The text under `name`, None if it holds bytes; `absent` says what it means that there is none."""
    with _asking(f"reading secret {name}"):
        try:
            text: str | None = aws.client("secretsmanager").get_secret_value(SecretId=name).get("SecretString")
        except ClientError as error:
            if aws.error_code(error) != "ResourceNotFoundException":
                raise
            raise CredentialMissingError(f"secret {name} does not exist: {absent}") from None
    return text


@contextmanager
def _asking(what: str) -> Iterator[None]:
    try:
        yield
    except (BotoCoreError, ClientError) as error:
        raise VaultUnavailableError(f"{what}: {aws.describe(error)}") from error
