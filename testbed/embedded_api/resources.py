"""The kinds that the embedded API serves. Another kind is one more line in `KINDS`."""

from dataclasses import dataclass

import kmock

from testbed.embedded_api.status import Json


@dataclass(frozen=True)
class Resource:
    """One kind: where it lies, what it is called, and which fields besides the name can be selected."""

    plural: str
    kind: str
    group: str = ""
    version: str = "v1"
    namespaced: bool = True
    selectable: tuple[str, ...] = ()
    returns_deleted: bool = False
    """Whether a deletion answers the object instead of a Status."""

    @property
    def api_version(self) -> str:
        return f"{self.group}/{self.version}" if self.group else self.version

    @property
    def qualified(self) -> str:
        """What messages call it: `secrets`, `jobs.batch`."""
        return f"{self.plural}.{self.group}" if self.group else self.plural

    def registry_key(self, metadata: Json) -> str:
        """Where etcd has an object, as some refusals tell."""
        within = f"{metadata['namespace']}/" if "namespace" in metadata else ""
        return f"/registry/{self.plural}/{within}{metadata['name']}"

    @property
    def key(self) -> kmock.resource:
        """The same as kmock names it."""
        return kmock.resource(self.group, self.version, self.plural)


NAMESPACES = Resource("namespaces", "Namespace", namespaced=False, selectable=("status.phase",))
SERVICE_ACCOUNTS = Resource("serviceaccounts", "ServiceAccount", returns_deleted=True)
SECRETS = Resource("secrets", "Secret", selectable=("type",))
KINDS = (
    NAMESPACES,
    SERVICE_ACCOUNTS,
    SECRETS,
    Resource("configmaps", "ConfigMap"),
    Resource("events", "Event", selectable=("involvedObject.name", "involvedObject.uid", "reason", "type")),
    Resource("events", "Event", group="events.k8s.io"),
    Resource("nodes", "Node", namespaced=False, selectable=("spec.unschedulable",)),
    Resource(
        "pods", "Pod", selectable=("spec.nodeName", "spec.serviceAccountName", "status.phase"), returns_deleted=True
    ),
    Resource("jobs", "Job", group="batch", selectable=("status.successful",)),
    Resource("daemonsets", "DaemonSet", group="apps"),
    Resource("deployments", "Deployment", group="apps"),
)
_BY_PATH = {(kind.group, kind.version, kind.plural): kind for kind in KINDS}
_VERBS = {"create", "delete", "get", "list", "patch", "update"}


@dataclass(frozen=True)
class Target:
    """What a path points at: a collection (`name` is None) or one object, perhaps a subresource of it."""

    resource: Resource
    namespace: str | None = None
    name: str | None = None
    subresource: str = ""


def locate(path: str) -> Target | None:
    """The target of a request path, None for a path outside the served kinds."""
    parts = path.strip("/").split("/")
    if parts[:2] == ["api", "v1"]:
        group, version, rest = "", "v1", parts[2:]
    elif parts[0] == "apis" and len(parts) > 3:
        group, version, rest = parts[1], parts[2], parts[3:]
    else:
        return None
    namespace = rest[1] if len(rest) > 2 and rest[0] == "namespaces" else None
    if namespace and (group, version, rest[2]) in _BY_PATH:
        return _target(_BY_PATH[group, version, rest[2]], namespace, rest[3:])
    kind = _BY_PATH.get((group, version, rest[0])) if rest else None
    return _target(kind, None, rest[1:]) if kind else None


def _target(kind: Resource, namespace: str | None, rest: list[str]) -> Target | None:
    if namespace and not kind.namespaced:
        return None
    return Target(kind, namespace, rest[0] if rest else None, "/".join(rest[1:]))


def declare(resources: kmock.ResourcesArray) -> None:
    """Make every kind known to kmock's discovery endpoints."""
    for kind in KINDS:
        resources[kind.key] = kmock.ResourceInfo(
            kind=kind.kind, singular=kind.kind.lower(), namespaced=kind.namespaced, verbs=_VERBS
        )
