"""Whose a Secret is, from its metadata alone. Pure."""

from collections.abc import Iterable
from typing import Any

from steward.cluster.client import FIELD_MANAGER
from steward.images.docker_config import MANAGED_BY

CONTROLLERS = (
    "argocd",
    "kustomize-controller",
    "helm",
    "flux",
    "externalsecrets",
    "external-secrets",
    "terraform",
    "pulumi",
)
"""Field managers that write again whatever we write: two that correct each other never end (promise 2)."""


def foreign_because(metadata: dict[str, Any], contested_by: Iterable[str] = ()) -> str:
    """Why this Secret is not ours to change; empty if it is ours.

    Ours is what we once applied: our field manager stands in managedFields, and our label is there. A refused
    apply leaves no trace, so a foreign object cannot look like ours.
    """
    owners = metadata.get("ownerReferences") or []
    if owners:
        return f"it is owned by {owners[0].get('kind')}/{owners[0].get('name')}"
    entries = metadata.get("managedFields") or []
    if not any(entry.get("manager") == FIELD_MANAGER and entry.get("operation") == "Apply" for entry in entries):
        writers = sorted({str(entry.get("manager")) for entry in entries})
        return f"it was written by {', '.join(writers) or 'somebody else'}"
    if (metadata.get("labels") or {}).get("app.kubernetes.io/managed-by") != MANAGED_BY["app.kubernetes.io/managed-by"]:
        return "its label app.kubernetes.io/managed-by no longer names kubesteward"
    controllers = [manager for manager in contested_by if manager.lower().startswith(CONTROLLERS)]
    return f"it is kept by {', '.join(controllers)}, which would write it back" if controllers else ""
