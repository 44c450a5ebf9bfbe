"""GetAuthorizationToken of ECR and ECR Public, with every answer that AWS can give.

For what the emulated account cannot: ECR Public at all, errors, throttling, tokens of real length, other clocks.
"""

import base64
import secrets
import threading
from collections import deque
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Any

from testbed.aws.loopback import LoopbackServer, Request, Response, json_response

LIFETIME = timedelta(hours=12)
"""Of a real token (AWS reference, GetAuthorizationToken)."""

_CONTENT_TYPE = "application/x-amz-json-1.1"
_TARGETS = {
    "AmazonEC2ContainerRegistry_V20150921.GetAuthorizationToken": "ecr",
    "SpencerFrontendService.GetAuthorizationToken": "ecr-public",
}


@dataclass(frozen=True, slots=True)
class EcrCall:
    """One request for a token: which service, and for whom and where it was signed."""

    service: str
    access_key: str
    region: str


@dataclass(frozen=True, slots=True)
class EcrAnswer:
    """What ECR says. As it stands: one fresh, right token that lives for 12 hours."""

    password: str | None = None
    """None: a new one of real length (2.7 kB) for each call."""
    token: str | None = None
    """The authorizationToken as it is sent; None: base64 of AWS:<password>."""
    expires_at: datetime | None = None
    entries: int = 1
    """How many authorizationData; real ECR sends one since registryIds is deprecated."""
    proxy_endpoint: str | None = None
    date: datetime | None = None
    """AWS's clock, the Date header; None: now."""
    error: str | None = None
    """An error code instead of a token, such as ThrottlingException or ExpiredTokenException."""


class EcrApi(LoopbackServer):
    """Context manager; point boto3 at it with `environment`. Change `answer_with` at any moment."""

    def __init__(self, *, port: int = 0, account: str = "000000000000") -> None:
        super().__init__(port=port)
        self.answer_with = EcrAnswer()
        self.calls: list[EcrCall] = []
        self._account = account
        self._first: deque[EcrAnswer] = deque()
        self._guard = threading.Lock()

    @property
    def environment(self) -> dict[str, str]:
        """Variables that send boto3's ECR calls here, whatever AWS_ENDPOINT_URL says."""
        return {"AWS_ENDPOINT_URL_ECR": self.endpoint_url, "AWS_ENDPOINT_URL_ECR_PUBLIC": self.endpoint_url}

    def first_answer(self, answer: EcrAnswer, *, times: int = 1) -> None:
        """The next answers, before `answer_with` holds again: `EcrAnswer(error="ThrottlingException")`, 3 times."""
        with self._guard:
            self._first.extend([answer] * times)

    def answer(self, request: Request) -> Response:
        """One GetAuthorizationToken."""
        service = _TARGETS.get(request.headers.get("X-Amz-Target", ""))
        if service is None:
            return _error("UnknownOperationException")
        with self._guard:
            self.calls.append(EcrCall(service, request.access_key, request.region))
            answer = self._first.popleft() if self._first else self.answer_with
        if answer.error is not None:
            return replace(_error(answer.error), date=answer.date)
        data = _data(service, answer, self._proxy(answer, request.region))
        response = json_response(200, {"authorizationData": data}, content_type=_CONTENT_TYPE)
        return replace(response, date=answer.date)

    def _proxy(self, answer: EcrAnswer, region: str) -> str:
        return answer.proxy_endpoint or f"https://{self._account}.dkr.ecr.{region}.amazonaws.com"


def _data(service: str, answer: EcrAnswer, proxy_endpoint: str) -> Any:
    one = {"authorizationToken": _token(answer), "expiresAt": _expiry(answer).timestamp()}
    if service == "ecr-public":
        return one
    return [one | {"proxyEndpoint": proxy_endpoint}] * answer.entries


def _token(answer: EcrAnswer) -> str:
    if answer.token is not None:
        return answer.token
    password = secrets.token_urlsafe(2048) if answer.password is None else answer.password
    return base64.b64encode(f"AWS:{password}".encode()).decode()


def _expiry(answer: EcrAnswer) -> datetime:
    return answer.expires_at or (answer.date or datetime.now(UTC)) + LIFETIME


def _error(code: str) -> Response:
    messages = {
        "ThrottlingException": "Rate exceeded",
        "ExpiredTokenException": "The security token included in the request is expired",
    }
    document = {"__type": code, "message": messages.get(code, f"refused by the test: {code}")}
    return json_response(400, document, content_type=_CONTENT_TYPE)
