"""Who owns what a server-side apply would have written (wording: apimachinery `managedfields/internal/conflict.go`)."""

import json

import pytest

from steward.cluster.errors import FieldConflictError, raise_for

WHERE = "cluster prod: PATCH /api/v1/namespaces/a/secrets/r"


def conflict(message: str) -> bytes:
    return json.dumps({"kind": "Status", "code": 409, "reason": "Conflict", "message": message}).encode()


@pytest.mark.parametrize(
    ("message", "managers"),
    [
        ('Apply failed with 1 conflict: conflict with "kubectl" using v1: .data.x', ("kubectl",)),
        ('Apply failed with 1 conflict: conflict with "helm" with subresource "s" using v1: .data.x', ("helm",)),
        ('Apply failed with 2 conflicts: conflicts with "argo" using v1:\n- .data.x\n- .type', ("argo",)),
        (
            'Apply failed with 3 conflicts: conflicts with "argo":\n- .data.x\nconflicts with "helm":\n- .type',
            ("argo", "helm"),
        ),
        (
            'Apply failed with 3 conflicts: conflict with "a": .data\nconflict with "a": .type\nconflict with "b": .x',
            ("a", "b"),
        ),
    ],
)
def test_a_conflict_of_fields_names_every_manager_once(message: str, managers: tuple[str, ...]) -> None:
    with pytest.raises(FieldConflictError) as caught:
        raise_for(409, conflict(message), WHERE)

    assert caught.value.managers == managers


def test_managers_beyond_the_cut_message_are_still_named() -> None:
    many = "\n".join(f'conflicts with "manager-{index}":\n- .data.x' for index in range(40))

    with pytest.raises(FieldConflictError) as caught:
        raise_for(409, conflict(f"Apply failed with 40 conflicts: {many}"), WHERE)

    assert len(caught.value.managers) == 40
    assert len(str(caught.value)) < 400
