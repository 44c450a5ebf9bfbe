"""The cluster of the demo: an embedded API, or the one that KUBECONFIG names, in namespaces of the demo's own."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from demo.show import Held
from steward.cluster import Access, Cluster
from steward.cluster.errors import NotFoundError
from steward.cluster.kubeconfig import kubeconfig_access
from steward.cluster.transport import Transport
from steward.images.docker_config import CONTENT_ANNOTATION, EXPIRES_ANNOTATION
from testbed.embedded_api import EmbeddedApi

SECRET = "registry-credentials"  # noqa: S105 - a Secret's name
PREFIX = "kubesteward-demo"
TEAMS = ("checkout", "search", "payments", "data", "web")


@dataclass(frozen=True, slots=True)
class DemoCluster:
    """How the functions reach it, and how the demo looks at it."""

    what: str
    access: Access
    token: str
    ca: str | None

    def declared(self, token_secret: str) -> dict[str, Any]:
        """Its entry in the fleet file."""
        server = {"url": self.access.server, "tokenSecret": token_secret} | ({"ca": self.ca} if self.ca else {})
        return {"name": "demo", "server": server}

    def held(self) -> list[Held]:
        """Our Secrets, by namespace."""
        found = Cluster("demo", self.access).secrets_named(SECRET)
        return sorted((_held(metadata) for metadata in found), key=lambda one: one.namespace)

    def named_by_default_account(self) -> dict[str, list[str]]:
        """Namespace -> pull secrets that its default service account names."""
        accounts = Cluster("demo", self.access).service_accounts()
        return {
            account["metadata"]["namespace"]: [entry["name"] for entry in account.get("imagePullSecrets") or []]
            for account in accounts
            if account["metadata"]["name"] == "default"
        }

    def create_namespace(self, name: str) -> None:
        _post(self.access, "/api/v1/namespaces", {"metadata": {"name": name, "labels": {"demo": PREFIX}}})


def _held(metadata: dict[str, Any]) -> Held:
    notes = metadata.get("annotations") or {}
    expires_at = datetime.fromisoformat(notes[EXPIRES_ANNOTATION])
    return Held(metadata["namespace"], metadata["uid"], notes[CONTENT_ANNOTATION], expires_at)


@contextmanager
def demo_cluster() -> Iterator[DemoCluster]:
    """The cluster, with the demo's namespaces in it; what was made in a cluster of yours is removed again."""
    kubeconfig = os.environ.get("KUBECONFIG")
    if kubeconfig:
        with _your_cluster(Path(kubeconfig)) as cluster:
            yield cluster
        return
    with EmbeddedApi() as api:
        access = Access(api.url, lambda: api.token)
        cluster = DemoCluster("an embedded Kubernetes API", access, api.token, None)
        for team in TEAMS:
            cluster.create_namespace(f"{PREFIX}-{team}")
        yield cluster


@contextmanager
def _your_cluster(kubeconfig: Path) -> Iterator[DemoCluster]:
    """Namespaces `kubesteward-demo-*`, and a service account with the role of cluster/ for the functions."""
    access = kubeconfig_access(kubeconfig)
    made = [f"/api/v1/namespaces/{PREFIX}-{team}" for team in TEAMS]
    try:
        token = _grant(access)
        cluster = DemoCluster(f"the cluster of {kubeconfig.name}", access, token, access.ca)
        for team in TEAMS:
            cluster.create_namespace(f"{PREFIX}-{team}")
        yield cluster
    finally:
        for path in (*made, *_LATER, *_GRANTED):
            _delete(access, path)


_RBAC = "/apis/rbac.authorization.k8s.io/v1"
_GRANTED = (
    f"{_RBAC}/clusterrolebindings/{PREFIX}",
    f"{_RBAC}/clusterroles/{PREFIX}",
    f"/api/v1/namespaces/{PREFIX}",
)
_LATER = (f"/api/v1/namespaces/{PREFIX}-newcomer",)


def _grant(access: Access) -> str:
    """A token of a service account that may do what cluster/ allows, for an hour."""
    import yaml

    role = yaml.safe_load((Path(__file__).parents[1] / "cluster" / "role.yaml").read_text())
    _post(access, "/api/v1/namespaces", {"metadata": {"name": PREFIX}})
    _post(access, f"/api/v1/namespaces/{PREFIX}/serviceaccounts", {"metadata": {"name": "steward"}})
    _post(access, f"{_RBAC}/clusterroles", {**role, "metadata": {"name": PREFIX}})
    subject = {"kind": "ServiceAccount", "name": "steward", "namespace": PREFIX}
    binding = {
        "metadata": {"name": PREFIX},
        "subjects": [subject],
        "roleRef": {"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": PREFIX},
    }
    _post(access, f"{_RBAC}/clusterrolebindings", binding)
    path = f"/api/v1/namespaces/{PREFIX}/serviceaccounts/steward/token"
    answer = _post(access, path, {"spec": {"expirationSeconds": 3600}})
    return str(answer["status"]["token"])


def _post(access: Access, path: str, body: dict[str, Any]) -> Any:
    headers = {"Content-Type": "application/json"}
    return Transport("demo", access).request("POST", path, body=json.dumps(body).encode(), headers=headers)[1]


def _delete(access: Access, path: str) -> None:
    with suppress(NotFoundError):
        Transport("demo", access).request("DELETE", path)
