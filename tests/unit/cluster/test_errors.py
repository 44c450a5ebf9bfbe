"""What an API server can answer (measured on kube-apiserver 1.34.4), as types."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from steward.cluster import errors
from steward.cluster.errors import ClusterError, ClusterUnavailableError, raise_for
from steward.errors import PermanentError, TemporaryError

WHERE = "cluster prod: PATCH /api/v1/namespaces/a/secrets/r"
TERMINATING = {"causes": [{"reason": "NamespaceTerminating", "message": "namespace term is being terminated"}]}
TAIL = "the object has been modified; please apply your changes to the latest version and try again"


def status(code: int, reason: str, message: str, **details: Any) -> bytes:
    return json.dumps({"kind": "Status", "code": code, "reason": reason, "message": message, **details}).encode()


ROWS: list[tuple[int, str, str, dict[str, Any], type[ClusterError]]] = [
    (401, "Unauthorized", "Unauthorized", {}, errors.UnauthorizedError),
    (403, "Forbidden", 'secrets is forbidden: User "x" cannot patch resource "secrets"', {}, errors.ForbiddenError),
    (
        403,
        "Forbidden",
        'secrets "r" is forbidden: unable to create new content in namespace term because it is being terminated',
        {"details": TERMINATING},
        errors.NamespaceTerminatingError,
    ),
    (404, "NotFound", 'namespaces "nope" not found', {}, errors.NotFoundError),
    (409, "Conflict", f'Operation cannot be fulfilled on secrets "r": {TAIL}', {}, errors.ConflictError),
    (409, "AlreadyExists", 'secrets "r" already exists', {}, errors.AlreadyExistsError),
    (
        409,
        "Conflict",
        'Apply failed with 1 conflict: conflict with "t": .data..dockerconfigjson',
        {},
        errors.FieldConflictError,
    ),
    (400, "BadRequest", 'Secret in version "v1" cannot be handled as a Secret', {}, errors.InvalidError),
    (413, "RequestEntityTooLarge", "Request entity too large: limit is 3145728", {}, errors.InvalidError),
    (
        422,
        "Invalid",
        'Secret "r" is invalid: type: Invalid value: "Opaque": field is immutable',
        {},
        errors.ImmutableError,
    ),
    (
        422,
        "Invalid",
        'Secret "r" is invalid: data: Forbidden: field is immutable when `immutable` is set',
        {},
        errors.ImmutableError,
    ),
    *(
        (422, "Invalid", f'Secret "immutable" is invalid: {text}', {}, errors.InvalidError)
        for text in (
            "data[.dockerconfigjson]: Required value",
            'data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": invalid character',
            'data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": unexpected end of JSON input',
            "data: Too long: may not be more than 1048576 bytes",
        )
    ),
    (405, "MethodNotAllowed", "the server does not allow this method", {}, errors.InvalidError),
]


@pytest.mark.parametrize(("code", "reason", "message", "more", "kind"), ROWS)
def test_a_refusal_has_its_own_type_status_and_the_servers_words(
    code: int, reason: str, message: str, more: dict[str, Any], kind: type[ClusterError]
) -> None:
    with pytest.raises(ClusterError) as caught:
        raise_for(code, status(code, reason, message, **more), WHERE)

    assert type(caught.value) is kind
    assert caught.value.status == code
    assert str(caught.value).startswith(f"{WHERE}: {message}")
    assert isinstance(caught.value, PermanentError)


@pytest.mark.parametrize("code", [410, 429, 500, 502, 503, 504])
def test_what_passes_is_temporary_and_keeps_the_servers_words(code: int) -> None:
    with pytest.raises(ClusterUnavailableError, match=rf"{WHERE}: HTTP {code}: too many requests") as caught:
        raise_for(code, status(code, "TooManyRequests", "too many requests"), WHERE)

    assert isinstance(caught.value, TemporaryError)


HTML = b"<html><body>Authorization: Bearer s3cret</body></html>"


@pytest.mark.parametrize("code", [302, 401, 403, 404, 409, 413, 422, 429, 500, 502])
@pytest.mark.parametrize(
    "body", [HTML, b"", b"\xff\xfe", b'"s3cret"', b'["s3cret"]', b'{"kind": "Secret", "message": "s3cret"}']
)
def test_an_answer_that_is_no_status_is_a_proxys_and_nothing_of_it_is_repeated(code: int, body: bytes) -> None:
    with pytest.raises(ClusterUnavailableError, match=rf"HTTP {code}, and no Kubernetes Status .*proxy") as caught:
        raise_for(code, body, WHERE)

    assert "s3cret" not in str(caught.value)
    assert "html" not in str(caught.value)


@pytest.mark.parametrize("code", [200, 201, 202])
def test_success_raises_nothing(code: int) -> None:
    raise_for(code, HTML, WHERE)

    assert code < 300


@pytest.mark.parametrize(
    ("code", "advice"), [(401, "Check the access entry or the token"), (403, "Apply the role in cluster/")]
)
def test_a_refusal_that_a_person_can_mend_says_how(code: int, advice: str) -> None:
    with pytest.raises(ClusterError, match=advice):
        raise_for(code, status(code, "Forbidden", "no"), WHERE)


@given(
    st.integers(300, 599),
    st.fixed_dictionaries(
        {"kind": st.just("Status")},
        optional={
            "message": st.none() | st.text() | st.integers(),
            "reason": st.none() | st.text(),
            "details": st.none() | st.fixed_dictionaries({}, optional={"causes": st.none() | st.just([{}])}),
        },
    ),
)
def test_whatever_a_status_lacks_the_error_is_one_of_ours_and_short(code: int, answer: dict[str, Any]) -> None:
    with pytest.raises((ClusterError, ClusterUnavailableError)) as caught:
        raise_for(code, json.dumps(answer).encode(), WHERE)

    assert len(str(caught.value)) < 450
