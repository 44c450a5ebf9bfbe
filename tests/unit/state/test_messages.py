"""Sync requests on their way through SQS."""

from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError
from pydantic import ValidationError

from steward import aws
from steward.errors import TemporaryError
from steward.state.messages import QueueRefusedError, SyncRequest, postpone, send


@pytest.fixture
def queue(account: None) -> str:
    return str(boto3.client("sqs").create_queue(QueueName="sync")["QueueUrl"])


def requests(count: int) -> list[SyncRequest]:
    return [SyncRequest(cluster=f"c{index}") for index in range(count)]


def received(queue: str) -> list[SyncRequest]:
    found: list[SyncRequest] = []
    while messages := boto3.client("sqs").receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages"):
        found += [SyncRequest.model_validate_json(message["Body"]) for message in messages]
    return found


@pytest.mark.parametrize("count", [0, 1, 10, 11, 25])
def test_every_request_arrives_once_in_batches_of_ten(queue: str, count: int, monkeypatch: pytest.MonkeyPatch) -> None:
    sqs, sizes = aws.client("sqs"), list[int]()
    batch = sqs.send_message_batch

    def weigh(**given: Any) -> Any:
        sizes.append(len(given["Entries"]))
        return batch(**given)

    monkeypatch.setattr(sqs, "send_message_batch", weigh)

    assert send(queue, iter(requests(count))) == count
    assert sorted(request.cluster for request in received(queue)) == sorted(one.cluster for one in requests(count))
    assert sizes == [10] * (count // 10) + ([count % 10] if count % 10 else [])


def test_what_is_asked_survives_the_queue(queue: str) -> None:
    request = SyncRequest(cluster="prod", reason="\u00e4", repair=True, namespaces=("a", "b"))

    send(queue, [request])

    assert received(queue) == [request]


def test_a_request_that_names_too_many_namespaces_asks_for_the_whole_cluster(queue: str) -> None:
    long = [SyncRequest(cluster=f"c{i}", namespaces=tuple(f"{n:063d}" for n in range(5000))) for i in range(10)]
    short = SyncRequest(cluster="d", namespaces=tuple(f"{n:063d}" for n in range(100)))

    assert send(queue, [*long, short]) == 11

    arrived = {request.cluster: request.namespaces for request in received(queue)}
    assert arrived == {f"c{i}": () for i in range(10)} | {"d": short.namespaces}


def test_a_batch_of_the_longest_messages_is_below_what_sqs_takes(queue: str) -> None:
    long = [SyncRequest(cluster=f"c{i}", namespaces=tuple(f"{n:063d}" for n in range(360))) for i in range(10)]

    assert send(queue, long) == 10
    assert all(len(request.namespaces) == 360 for request in received(queue))


def test_requests_that_sqs_refuses_are_named_and_the_others_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    def answer(**given: Any) -> dict[str, Any]:
        calls.append(given)
        failed = [{"Id": "1", "Code": "InternalError", "SenderFault": False}] if len(calls) == 1 else []
        return {"Successful": [{}] * (len(given["Entries"]) - len(failed)), "Failed": failed}

    monkeypatch.setattr(aws.client("sqs"), "send_message_batch", answer)

    with pytest.raises(QueueRefusedError, match=r"refused the sync of c1 \(InternalError\);") as caught:
        send("https://queue", requests(12))

    assert isinstance(caught.value, TemporaryError)
    assert len(calls) == 2


def test_a_batch_that_is_refused_as_a_whole_names_its_clusters_and_stops_no_other(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    calls: list[Any] = []

    def answer(**given: Any) -> dict[str, Any]:
        calls.append(given)
        if len(calls) == 1:
            raise ClientError({"Error": {"Code": "AccessDenied", "Message": "no"}}, "SendMessageBatch")
        return {"Successful": [{}] * len(given["Entries"])}

    monkeypatch.setattr(aws.client("sqs"), "send_message_batch", answer)

    with pytest.raises(QueueRefusedError, match=r"c0 \(SendMessageBatch: AccessDenied: no\).*c9 \(") as caught:
        send("https://queue", requests(12))

    assert "c10" not in str(caught.value)
    assert len(calls) == 2


@pytest.mark.parametrize(("deliveries", "seconds"), [(1, 30), (2, 60), (3, 120), (5, 480), (6, 900), (50, 900)])
def test_a_message_comes_back_later_each_time(monkeypatch: pytest.MonkeyPatch, deliveries: int, seconds: int) -> None:
    asked: list[dict[str, Any]] = []
    monkeypatch.setattr(aws.client("sqs"), "change_message_visibility", lambda **given: asked.append(given))

    postpone("https://queue", "handle", deliveries)

    assert asked == [{"QueueUrl": "https://queue", "ReceiptHandle": "handle", "VisibilityTimeout": seconds}]


@pytest.mark.parametrize("body", ["", "5", "{}", '{"cluster": ""}', '{"cluster": "a", "colour": "red"}'])
def test_a_body_that_is_no_request_is_refused(body: str) -> None:
    with pytest.raises(ValidationError):
        SyncRequest.model_validate_json(body)


def test_a_refused_postponement_is_told_and_hides_no_other_error(queue: str, caplog: pytest.LogCaptureFixture) -> None:
    postpone(queue, "not-a-handle", 1)
    assert "comes back only after the queue's time-out: ChangeMessageVisibility" in caplog.text
