"""Brings clusters into line, one per message; what may succeed later goes back to the queue."""

from functools import cache, partial
from typing import Any

from aws_lambda_powertools.utilities.batch import BatchProcessor, EventType, process_partial_response
from aws_lambda_powertools.utilities.batch.types import PartialItemFailureResponse
from aws_lambda_powertools.utilities.data_classes.sqs_event import SQSRecord
from aws_lambda_powertools.utilities.typing import LambdaContext

from steward.environment import HouseVariables
from steward.errors import PermanentError
from steward.pullsecrets.house import House
from steward.state.messages import SyncRequest, postpone
from steward.telemetry import count, logger, metrics, tell_failed_message

MARGIN_SECONDS = 15


@cache
def house() -> House:
    return House(HouseVariables.read())


@logger.inject_lambda_context(clear_state=True)
@metrics.log_metrics
def handle(event: dict[str, Any], context: LambdaContext) -> PartialItemFailureResponse:
    """Answers the messages to deliver again."""
    count("SyncFailures", 0)
    processor = BatchProcessor(EventType.SQS, raise_on_entire_batch_failure=False)
    share = partial(sync, context=context, messages=len(event["Records"]))
    return process_partial_response(event=event, record_handler=share, processor=processor, context=context)


def sync(record: SQSRecord, context: LambdaContext, messages: int) -> None:
    """One message. A temporary failure is raised, which hands it back; a permanent one is told and done with.

    What nobody foresaw (a body that is no request, a defect) is told here too: the batch processor is silent.
    """
    logger.append_keys(message_id=record.message_id, cluster=None)
    try:
        request = SyncRequest.model_validate_json(record.body)
        logger.append_keys(cluster=request.cluster)
        report = house().sync(request, (context.get_remaining_time_in_millis() / 1000 - MARGIN_SECONDS) / messages)
        count("NamespacesWritten", report.written())
        count("NamespacesWaiting", report.counts().get("waiting", 0))
        count("SyncFailures", len(report.failures()))
        logger.info("synced", extra=report.summary())
        report.raise_for_leftovers()
    except PermanentError as error:
        count("SyncFailures")
        logger.error(str(error))
    except Exception as error:
        tell_failed_message(error)
        deliveries = int(record.attributes.approximate_receive_count)
        postpone(house().variables.sync_queue_url, record.receipt_handle, deliveries)
        raise
