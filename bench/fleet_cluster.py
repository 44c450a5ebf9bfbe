"""A real API server with as many namespaces as a bench asks for."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from bench.audit import AuditLog
from testbed.kubernetes.api import Api
from testbed.kubernetes.control_plane import ControlPlane

SYSTEM_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")
CONTROLLER_ACCOUNTS = 40
"""About as many service accounts as a controller manager makes for its own controllers."""
_GROUP = "bench"


@contextmanager
def cluster_of(namespaces: int, users: dict[str, str]) -> Iterator[tuple[ControlPlane, AuditLog]]:
    """`namespaces` in all, the four of the API server included, each with its default service account.

    `users` maps names to tokens. They may do everything, but are no `system:masters`, so that the API server queues
    their requests as it does everybody's. There is no controller manager, whose work would disturb the figures:
    what it would have made is made here.
    """
    tokens = {token: (user, [_GROUP]) for user, token in users.items()}
    with ControlPlane(audit=True, controller_manager=False, tokens=tokens) as plane, Api(plane) as api:
        assert plane.audit_log
        _populate(api, namespaces)
        yield plane, AuditLog(plane.audit_log, api)


def names_of(namespaces: int) -> list[str]:
    """The namespaces of `cluster_of`, sorted as the API server lists them. Pure."""
    return sorted([*SYSTEM_NAMESPACES, *(f"team-{number:04}" for number in range(namespaces - len(SYSTEM_NAMESPACES)))])


def _populate(api: Api, namespaces: int) -> None:
    api.post("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", _binding())
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda name: _populate_namespace(api, name), names_of(namespaces)))
        controllers = [f"controller-{number}" for number in range(CONTROLLER_ACCOUNTS)]
        list(threads.map(lambda name: _make_account(api, "kube-system", name), controllers))


def _binding() -> dict[str, Any]:
    return {
        "metadata": {"name": _GROUP},
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"},
        "subjects": [{"apiGroup": "rbac.authorization.k8s.io", "kind": "Group", "name": _GROUP}],
    }


def _populate_namespace(api: Api, name: str) -> None:
    if name in SYSTEM_NAMESPACES:
        api.wait_for(f"/api/v1/namespaces/{name}", lambda found: found is not None)
    else:
        api.post("/api/v1/namespaces", {"metadata": {"name": name, "labels": {"team": name}}})
    _make_account(api, name, "default")


def _make_account(api: Api, namespace: str, name: str) -> None:
    api.post(f"/api/v1/namespaces/{namespace}/serviceaccounts", {"metadata": {"name": name}})
