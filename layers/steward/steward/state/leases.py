"""Who syncs a cluster right now, and what has been asked for already: conditional writes with an end."""

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from botocore.exceptions import ClientError

from steward import aws
from steward.errors import TemporaryError


class LeaseTakenError(TemporaryError):
    """Another invocation syncs this cluster: the message goes back to the queue."""


@dataclass(frozen=True, slots=True)
class Leases:
    """Leases in the DynamoDB table. They end by themselves, so a killed function blocks nobody for long."""

    table: Any

    @contextmanager
    def hold(self, cluster: str, seconds: int) -> Iterator[None]:
        """Holds the cluster for the body of the `with`, `seconds` at most. Raises LeaseTakenError.

        One writer at a time, which reads the credential after it holds the lease: so a message that was
        delivered late or twice can never write an older credential over a newer one.
        """
        owner = uuid.uuid4().hex
        if not self._take(f"cluster#{cluster}", "lease", owner, seconds):
            raise LeaseTakenError(f"cluster {cluster} is being synced by another invocation; trying again later")
        try:
            yield
        finally:
            self._release(f"cluster#{cluster}", "lease", owner)

    def claim(self, cluster: str, what: str, seconds: int) -> bool:
        """Whether nobody asked for `what` in the last `seconds`; if so, it is asked for now."""
        return self._take(f"cluster#{cluster}", f"claim#{what}", "", seconds)

    def _take(self, pk: str, sk: str, owner: str, seconds: int) -> bool:
        now = int(time.time())
        try:
            self.table.put_item(
                Item={"pk": pk, "sk": sk, "holder": owner, "expires": now + seconds},
                ConditionExpression="attribute_not_exists(pk) OR expires <= :now",
                ExpressionAttributeValues={":now": now},
            )
        except ClientError as error:
            if aws.error_code(error) == "ConditionalCheckFailedException":
                return False
            raise
        return True

    def _release(self, pk: str, sk: str, owner: str) -> None:
        try:
            self.table.delete_item(
                Key={"pk": pk, "sk": sk},
                ConditionExpression="holder = :me",
                ExpressionAttributeValues={":me": owner},
            )
        except ClientError as error:
            if aws.error_code(error) != "ConditionalCheckFailedException":
                raise
