"""The API server's refusals: every `Status` that the embedded API answers, worded as kube-apiserver 1.34 words it."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

type Json = dict[str, Any]


class StatusError(Exception):
    """A refused request: HTTP `code`, and the `reason`, `message` and `details` of its Status body."""

    def __init__(
        self, code: int, reason: str, message: str, *, details: Json | None = None, metadata: Json | None = None
    ) -> None:
        super().__init__(message)
        self.code, self.reason, self.message = code, reason, message
        self.details, self.metadata = details, metadata or {}

    def body(self) -> Json:
        """The Status object as it goes over the wire."""
        status: Json = {"kind": "Status", "apiVersion": "v1", "metadata": self.metadata, "status": "Failure"}
        status |= {"message": self.message, "reason": self.reason, "code": self.code}
        return status | ({"details": self.details} if self.details else {})


@dataclass(frozen=True)
class FieldError:
    """One broken field of an object; `kind` is the prefix of its text, `reason` the cause in `details.causes`."""

    reason: str
    field: str
    text: str

    def __str__(self) -> str:
        return f"{self.field}: {self.text}"


def required(field: str, detail: str = "") -> FieldError:
    return FieldError("FieldValueRequired", field, f"Required value: {detail}" if detail else "Required value")


def invalid_value(field: str, value: str, detail: str) -> FieldError:
    return FieldError("FieldValueInvalid", field, f'Invalid value: "{value}": {detail}')


def forbidden_value(field: str, detail: str) -> FieldError:
    return FieldError("FieldValueForbidden", field, f"Forbidden: {detail}")


def too_long(field: str, limit: int) -> FieldError:
    return FieldError("FieldValueTooLong", field, f"Too long: may not be more than {limit} bytes")


def invalid(kind: str, name: str, errors: Sequence[FieldError]) -> StatusError:
    """422: the object breaks a rule of its kind."""
    texts = [str(error) for error in errors]
    message = f'{kind} "{name}" is invalid: {texts[0] if len(texts) == 1 else f"[{', '.join(texts)}]"}'
    causes = [{"reason": error.reason, "message": error.text, "field": error.field} for error in errors]
    details = {"name": name, "kind": kind, "causes": causes}
    return StatusError(422, "Invalid", message, details={key: value for key, value in details.items() if value})


def bad_request(message: str) -> StatusError:
    return StatusError(400, "BadRequest", message)


def unauthorized() -> StatusError:
    return StatusError(401, "Unauthorized", "Unauthorized")


def _subject(resource: str, name: str | None) -> Json:
    """The details that name an object; `resource` is `plural` or `plural.group`."""
    plural, _, group = resource.partition(".")
    return {key: value for key, value in (("name", name), ("group", group), ("kind", plural)) if value}


def not_found(resource: str, name: str) -> StatusError:
    return StatusError(404, "NotFound", f'{resource} "{name}" not found', details=_subject(resource, name))


def method_not_allowed() -> StatusError:
    return StatusError(
        405, "MethodNotAllowed", "the server does not allow this method on the requested resource", details={}
    )


def not_acceptable() -> StatusError:
    accepted = "application/json,application/yaml,application/vnd.kubernetes.protobuf"
    text = "only the following media types are accepted: "
    return StatusError(406, "NotAcceptable", text + accepted.replace(",", ", "))


def already_exists(resource: str, name: str, *, dying: bool = False) -> StatusError:
    message = f'{"object is being deleted: " if dying else ""}{resource} "{name}" already exists'
    return StatusError(409, "AlreadyExists", message, details=_subject(resource, name))


def conflict(resource: str, name: str, why: str) -> StatusError:
    """409 on a stale resourceVersion or a broken precondition."""
    message = f'Operation cannot be fulfilled on {resource} "{name}": {why}'
    return StatusError(409, "Conflict", message, details=_subject(resource, name))


def modified(resource: str, name: str) -> StatusError:
    why = "the object has been modified; please apply your changes to the latest version and try again"
    return conflict(resource, name, why)


def other_uid(resource: str, key: str, given: str, live: str) -> StatusError:
    """409 where an update names the uid of an earlier object; `key` is the object's in etcd."""
    why = f"Precondition failed: UID in precondition: {given}, UID in object meta: {live}"
    storage = f"StorageError: invalid object, Code: 4, Key: {key}, ResourceVersion: 0, AdditionalErrorMsg: {why}"
    return conflict(resource, key.rpartition("/")[2], storage)


def unknown_resource() -> StatusError:
    """404 for a path of an API group that has no such resource."""
    return StatusError(404, "NotFound", "the server could not find the requested resource", details={})


def continue_expired(token: str) -> StatusError:
    """410: the snapshot behind a continue token is gone; `token` continues without consistency."""
    message = (
        "The provided continue parameter is too old to display a consistent list result. You can start a new "
        "list without the continue parameter, or use the continue token in this response to retrieve the "
        "remainder of the results. Continuing with the provided token results in an inconsistent list - objects "
        "that were created, modified, or deleted between the time the first chunk was returned and now may show "
        "up in the list."
    )
    return StatusError(410, "Expired", message, metadata={"continue": token})


def too_large(limit: int) -> StatusError:
    return StatusError(413, "RequestEntityTooLarge", f"Request entity too large: limit is {limit}")


def unknown_format(accepted: str) -> StatusError:
    """415 for a patch of a type that is not served."""
    message = "the body of the request was in an unknown format - accepted media types include: "
    return StatusError(415, "UnsupportedMediaType", message + accepted)


def forbidden(resource: str, name: str | None, why: str, causes: Sequence[Json] = ()) -> StatusError:
    """403, of the authorizer or of an admission plug-in; `causes` tell them apart."""
    subject = f'{resource} "{name}"' if name else resource
    details = _subject(resource, name) | ({"causes": list(causes)} if causes else {})
    return StatusError(403, "Forbidden", f"{subject} is forbidden: {why}", details=details)


def terminating(resource: str, name: str, namespace: str) -> StatusError:
    cause = {
        "reason": "NamespaceTerminating",
        "message": f"namespace {namespace} is being terminated",
        "field": "metadata.namespace",
    }
    why = f"unable to create new content in namespace {namespace} because it is being terminated"
    return forbidden(resource, name, why, [cause])
