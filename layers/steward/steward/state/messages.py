"""What one function asks of another: one message per cluster, and never a secret in it."""

from collections.abc import Iterable
from itertools import batched

from botocore.exceptions import BotoCoreError, ClientError
from pydantic import BaseModel, ConfigDict, Field

from steward import aws
from steward.errors import TemporaryError
from steward.telemetry import logger

BATCH = 10
"""SendMessageBatch takes ten."""


LONGEST = 24 * 1024
"""Bytes of one message: ten of them stay below SQS's 256 KiB for a batch."""


class QueueRefusedError(TemporaryError):
    """SQS did not take some messages."""


class SyncRequest(BaseModel):
    """Bring one cluster into line."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    cluster: str = Field(min_length=1)
    reason: str = "asked for"
    repair: bool = False
    """Write everything again, so that what others edited or deleted is mended."""
    namespaces: tuple[str, ...] = ()
    """Only these; empty means all."""


def send(queue_url: str, requests: Iterable[SyncRequest]) -> int:
    """Queues the requests and answers how many. Raises QueueRefusedError naming those that SQS refused."""
    sent, refused = 0, []
    for batch in batched(requests, BATCH, strict=False):
        entries = [{"Id": str(index), "MessageBody": _body(request)} for index, request in enumerate(batch)]
        try:
            answer = aws.client("sqs").send_message_batch(QueueUrl=queue_url, Entries=entries)
        except (BotoCoreError, ClientError) as error:
            refused += [f"{request.cluster} ({aws.describe(error)})" for request in batch]
            continue
        sent += len(answer.get("Successful", []))
        refused += [f"{batch[int(entry['Id'])].cluster} ({entry['Code']})" for entry in answer.get("Failed", [])]
    if refused:
        raise QueueRefusedError(
            f"SQS refused the sync of {', '.join(refused)}; the next run of observe_clusters asks again"
        )
    return sent


def _body(request: SyncRequest) -> str:
    """The request as text; one that names too many namespaces asks for the whole cluster instead."""
    text = request.model_dump_json()
    return text if len(text.encode()) <= LONGEST else request.model_copy(update={"namespaces": ()}).model_dump_json()


def postpone(queue_url: str, receipt_handle: str, deliveries: int) -> None:
    """Makes a message visible again after 30 s, 60 s, 120 s …, instead of after the queue's long time-out.

    Where SQS refuses, the message comes back all the same, only later: that is logged and hides no other error.
    """
    seconds = min(900, 30 * 2 ** (deliveries - 1))
    try:
        aws.client("sqs").change_message_visibility(
            QueueUrl=queue_url, ReceiptHandle=receipt_handle, VisibilityTimeout=seconds
        )
    except (BotoCoreError, ClientError) as error:
        logger.warning(f"the message comes back only after the queue's time-out: {aws.describe(error)}")
