"""Credentials at rest: the values in Secrets Manager, what may be known about them in the table."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from botocore.exceptions import ClientError

from steward import aws
from steward.credential import Credential, CredentialRecord
from steward.errors import PermanentError


class CredentialMissingError(PermanentError):
    """There is no usable credential in Secrets Manager under this name: which, why, what to do."""


@dataclass(frozen=True, slots=True)
class Vault:
    """One secret per principal under `prefix`; the table holds a record of each, without its password."""

    prefix: str
    table: Any
    key: str | None = None

    def store(self, credential: Credential) -> None:
        """The value first, then the record: a record never speaks of a value that is not there."""
        secrets = aws.client("secretsmanager")
        request = {"SecretString": _write(credential), "ClientRequestToken": credential.revision}
        try:
            secrets.put_secret_value(SecretId=self._name(credential.principal), **request)
        except secrets.exceptions.ResourceNotFoundException:
            encryption = {"KmsKeyId": self.key} if self.key else {}
            secrets.create_secret(
                Name=self._name(credential.principal),
                Description=f"kubesteward: registry credential of {credential.principal}",
                **request,
                **encryption,
            )
        self.table.put_item(Item=_item(CredentialRecord.of(credential)))

    def read(self, principal: str) -> Credential:
        """The credential itself. Raises CredentialMissingError."""
        name = self._name(principal)
        try:
            answer = aws.client("secretsmanager").get_secret_value(SecretId=name)
        except ClientError as error:
            if aws.error_code(error) != "ResourceNotFoundException":
                raise
            raise CredentialMissingError(
                f"secret {name} does not exist: nothing was minted for {principal} yet; look at mint_credentials' log",
            ) from None
        return _read(answer.get("SecretString"), name)

    def records(self) -> dict[str, CredentialRecord]:
        """Principal -> what is known of its credential."""
        found = self.table.query(
            KeyConditionExpression="pk = :pk",
            ExpressionAttributeValues={":pk": "credentials"},
            ConsistentRead=True,
        )
        return {item["sk"]: _record(item) for item in found["Items"]}

    def _name(self, principal: str) -> str:
        return f"{self.prefix}/{principal}"


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
        issued, expires = (datetime.fromisoformat(value[field]) for field in ("issuedAt", "expiresAt"))
        return Credential(value["principal"], value["username"], value["password"], issued, expires, value["revision"])
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
    """The text of a Secrets Manager secret that the user made for a cluster. Raises CredentialMissingError."""
    try:
        text = aws.client("secretsmanager").get_secret_value(SecretId=secret).get("SecretString")
    except ClientError as error:
        raise CredentialMissingError(f"bearer token in secret {secret}: {aws.describe(error)}") from None
    token = str(text or "").strip()
    if not token or any(character.isspace() for character in token):
        raise CredentialMissingError(
            f"secret {secret} does not hold a bearer token as plain text (one line, nothing else)"
        )
    return token
