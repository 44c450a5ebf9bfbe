"""Faults on demand: what a request gets instead of the API's answer."""

from dataclasses import dataclass, field
from enum import StrEnum
from fnmatch import fnmatchcase

from testbed.embedded_api.status import Json, StatusError


class Breakage(StrEnum):
    """Faults that are no HTTP answer."""

    HANG = "hang"
    RESET = "reset"


@dataclass(frozen=True)
class Answer:
    """A wrong HTTP answer, sent as it is."""

    status: int
    body: bytes | Json
    headers: dict[str, str] = field(default_factory=dict)


def too_many_requests(retry_after: int = 1) -> Answer:
    """429 as API priority and fairness gives it; `retry_after` in seconds."""
    message = "Too many requests, please try again later."
    return Answer(429, f"{message}\n".encode(), {"Retry-After": str(retry_after), "Content-Type": "text/plain"})


def server_error(message: str = "etcdserver: request timed out") -> Answer:
    return refusal(500, "InternalError", message)


def refusal(code: int, reason: str, message: str) -> Answer:
    """Any Status, such as a quota's or a webhook's."""
    return Answer(code, StatusError(code, reason, message).body())


def html(status: int = 502) -> Answer:
    """A proxy's page in place of the API's JSON."""
    page = f"<html><head><title>{status}</title></head><body><h1>{status}</h1></body></html>"
    return Answer(status, page.encode(), {"Content-Type": "text/html"})


HANG = Breakage.HANG
RESET = Breakage.RESET


@dataclass
class Fault:
    """One fault in force: what, for which requests (`path` is a glob), how often (`times` None: always)."""

    effect: Answer | Breakage
    path: str = "*"
    verb: str | None = None
    times: int | None = 1
    hits: int = 0

    def strikes(self, verb: str, path: str) -> bool:
        """Whether this request gets the fault; counts it if so."""
        spent = self.times is not None and self.hits >= self.times
        if spent or self.verb not in (None, verb) or not fnmatchcase(path, self.path):
            return False
        self.hits += 1
        return True
