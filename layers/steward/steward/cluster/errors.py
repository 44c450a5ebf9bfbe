"""What an API server can answer, as types.

    ClusterError (PermanentError)
    ├── UnauthorizedError        401: the token is not accepted
    ├── ForbiddenError           403: RBAC says no
    ├── NamespaceTerminatingError  403 with cause NamespaceTerminating: nothing new may be made there
    ├── NotFoundError            404: object or namespace is gone
    ├── ConflictError            409 Conflict: somebody wrote between our read and our write
    │   ├── FieldConflictError   409 of a server-side apply: `managers` own what we would write
    │   └── AlreadyExistsError   409 AlreadyExists
    ├── ImmutableError           422: the object says it may not change
    └── InvalidError             400, 413, 422: the server does not take what was sent
    ClusterUnavailableError (TemporaryError)  no connection, TLS, time-out, 410, 429, 5xx, no JSON

403 and 409 each mean two things; `details.causes` and `reason` tell them apart (measured on kube-apiserver
1.34.4). No urllib3 or kubernetes type leaves this room. Texts of answers are cut to 256 characters, and of a
body that is no Status object nothing is repeated, since a proxy's page may echo the request.
"""

import json
import re
from typing import Any

from steward.errors import PermanentError, TemporaryError

_MANAGER = re.compile(r'conflicts? with "([^"]+)"')
"""One conflict and several are worded differently (apimachinery `managedfields/internal/conflict.go`)."""


class ClusterUnavailableError(TemporaryError):
    """The cluster did not answer, or not as a Kubernetes API server does: try again later."""


class ClusterError(PermanentError):
    """The API server refused; `status` is its HTTP status."""

    status = 0


class UnauthorizedError(ClusterError):
    status = 401


class ForbiddenError(ClusterError):
    status = 403


class NamespaceTerminatingError(ClusterError):
    status = 403


class NotFoundError(ClusterError):
    status = 404


class ConflictError(ClusterError):
    status = 409


class AlreadyExistsError(ConflictError):
    pass


class FieldConflictError(ConflictError):
    def __init__(self, message: str, managers: tuple[str, ...]) -> None:
        super().__init__(message)
        self.managers = managers


class InvalidError(ClusterError):
    status = 422


class ImmutableError(InvalidError):
    pass


def raise_for(status: int, body: bytes, where: str) -> None:
    """Raises what an answer of `status` means; `where` says which request of which cluster it answers."""
    if status < 300:  # noqa: PLR2004 - HTTP
        return
    answer = _status_object(body)
    if answer is None or status in {410, 429} or status >= 500:  # noqa: PLR2004 - HTTP
        words = f": {_words(answer)}" if answer else ", and no Kubernetes Status with it (is there a proxy in between?)"
        raise ClusterUnavailableError(f"{where}: HTTP {status}{words}")
    error = _error(status, answer, f"{where}: {_words(answer)}")
    error.status = status
    raise error


def _error(status: int, answer: dict[str, Any], message: str) -> ClusterError:
    causes = {cause.get("reason") for cause in (answer.get("details") or {}).get("causes") or []}
    match status:
        case 401:
            return UnauthorizedError(f"{message}. Check the access entry or the token of this cluster")
        case 403 if "NamespaceTerminating" in causes:
            return NamespaceTerminatingError(message)
        case 403:
            return ForbiddenError(f"{message}. Apply the role in cluster/ of this repository")
        case 404:
            return NotFoundError(message)
        case 409 if answer.get("reason") == "AlreadyExists":
            return AlreadyExistsError(message)
        case 409 if managers := tuple(dict.fromkeys(_MANAGER.findall(str(answer.get("message"))))):
            return FieldConflictError(message, managers)
        case 409:
            return ConflictError(message)
        case 422 if "field is immutable" in str(answer.get("message")):
            return ImmutableError(message)
        case _:
            return InvalidError(message)


def _status_object(body: bytes) -> dict[str, Any] | None:
    try:
        answer = json.loads(body)
    except ValueError:
        return None
    return answer if isinstance(answer, dict) and answer.get("kind") == "Status" else None


def _words(answer: dict[str, Any]) -> str:
    return str(answer.get("message") or answer.get("reason") or "no message")[:256]
