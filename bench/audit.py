"""Requests as a kube-apiserver counted them itself, in its audit log."""

import json
import time
import uuid
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from testbed.kubernetes.api import Api

WRITES = frozenset({"create", "update", "patch", "delete", "deletecollection"})
_SECONDS = 20

Counts = Counter[tuple[str, str]]
"""(verb, resource) -> requests"""


def count_requests(lines: Iterable[str], user: str) -> Counts:
    """What `user` asked for. A request is an audit ID, however many stages of it were logged. Pure."""
    seen: dict[str, tuple[str, str]] = {}
    for line in lines:
        event = json.loads(line)
        if event["user"]["username"] == user:
            resource = event.get("objectRef", {}).get("resource", event["requestURI"])
            seen[event["auditID"]] = (event["verb"], resource)
    return Counter(seen.values())


def writes(counts: Counts) -> int:
    """How many of the requests change something. Pure."""
    return sum(number for (verb, _), number in counts.items() if verb in WRITES)


class AuditLog:
    """The audit log of one API server, read piece by piece."""

    def __init__(self, path: Path, api: Api) -> None:
        self._path = path
        self._api = api
        self._read_to = 0

    def requests(self, user: str) -> Counts:
        """What `user` asked for since the last call.

        A request is logged as its answer leaves, so a marker is sent after it and awaited in the log.
        """
        marker = f"/version?bench={uuid.uuid4().hex}"
        self._api.get(marker)
        deadline = time.monotonic() + _SECONDS
        while marker not in (fresh := self._fresh()):
            if time.monotonic() > deadline:
                raise TimeoutError(f"{self._path}: the marker request was not logged within {_SECONDS} s")
            time.sleep(0.05)
        self._read_to += len(fresh.encode())
        return count_requests(fresh.splitlines(), user)

    def _fresh(self) -> str:
        """Whole lines only."""
        with self._path.open("rb") as log:
            log.seek(self._read_to)
            content = log.read()
        return content[: content.rfind(b"\n") + 1].decode()
