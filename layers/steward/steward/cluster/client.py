"""The about ten things that are asked of a cluster, and how each is asked.

Lists come in pages of 500 and as metadata only where that is enough: 1,000 Secrets are 9.1 MB in full and 0.54 MB
as metadata (measured). Writes are server-side apply under our own field manager, without force unless the caller
has made sure that the object is ours: a conflict then says who owns it.
"""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from steward.cluster.access import Access
from steward.cluster.errors import ClusterUnavailableError, NotFoundError
from steward.cluster.transport import Transport

FIELD_MANAGER = "kubesteward"
PAGE = 500

_METADATA = {"Accept": "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"}
_METADATA_LIST = {"Accept": "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"}
_APPLY = {"Content-Type": "application/apply-patch+yaml"}
_JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class Namespace:
    """A namespace; `uid` tells it from an earlier one of the same name."""

    name: str
    uid: str
    labels: Mapping[str, str]
    terminating: bool


@dataclass(frozen=True, slots=True)
class Applied:
    """What a server-side apply did. An unchanged object keeps its resourceVersion."""

    created: bool
    resource_version: str


class Cluster:
    """One cluster by its name in the fleet. Connects at the first request; may be shared by threads."""

    def __init__(self, name: str, access: Access) -> None:
        self.name = name
        self._access = access
        self._transport: Transport | None = None

    def namespaces(self) -> Iterator[Namespace]:
        """Every namespace, metadata only."""
        for item in self._list("/api/v1/namespaces", headers=_METADATA_LIST):
            metadata = item["metadata"]
            terminating = "deletionTimestamp" in metadata
            yield Namespace(metadata["name"], metadata["uid"], metadata.get("labels") or {}, terminating)

    def namespace(self, name: str) -> Namespace:
        """One namespace, metadata only. Raises NotFoundError."""
        metadata = self._ask("GET", f"/api/v1/namespaces/{name}", headers=_METADATA)["metadata"]
        return Namespace(
            metadata["name"], metadata["uid"], metadata.get("labels") or {}, "deletionTimestamp" in metadata
        )

    def service_accounts(self, namespace: str | None = None) -> Iterator[dict[str, Any]]:
        """Service accounts of one namespace or of all, in full: their imagePullSecrets are no metadata."""
        scope = f"/namespaces/{namespace}" if namespace else ""
        return self._list(f"/api/v1{scope}/serviceaccounts")

    def service_account(self, namespace: str, name: str) -> dict[str, Any]:
        answer: dict[str, Any] = self._ask("GET", f"/api/v1/namespaces/{namespace}/serviceaccounts/{name}")
        return answer

    def replace_service_account(self, account: dict[str, Any]) -> dict[str, Any]:
        """PUT with the resourceVersion that was read: the list imagePullSecrets is atomic, so a patch would
        replace the entries of others (kubernetes issue 72475). Raises ConflictError if somebody was faster.
        """
        metadata = account["metadata"]
        path = f"/api/v1/namespaces/{metadata['namespace']}/serviceaccounts/{metadata['name']}"
        answer: dict[str, Any] = self._ask("PUT", path, body=json.dumps(account).encode(), headers=_JSON)
        return answer

    def apply_secret(self, namespace: str, name: str, manifest: bytes, *, force: bool = False) -> Applied:
        """Server-side apply. Raises FieldConflictError (and changes nothing) where others own what we would write."""
        query = {"fieldManager": FIELD_MANAGER, "force": "true" if force else "false"}
        path = f"/api/v1/namespaces/{namespace}/secrets/{name}"
        status, answer = self._request("PATCH", path, query=query, body=manifest, headers={**_APPLY, **_METADATA})
        return Applied(status == 201, answer["metadata"]["resourceVersion"])  # noqa: PLR2004 - HTTP

    def secret_metadata(self, namespace: str, name: str) -> dict[str, Any] | None:
        """Metadata of one Secret and never its data; None if there is none."""
        try:
            answer = self._ask("GET", f"/api/v1/namespaces/{namespace}/secrets/{name}", headers=_METADATA)
        except NotFoundError:
            return None
        metadata: dict[str, Any] = answer["metadata"]
        return metadata

    def secrets_named(self, name: str) -> Iterator[dict[str, Any]]:
        """Metadata of every Secret of this name. Needs `list` on Secrets: for the command line only."""
        found = self._list("/api/v1/secrets", {"fieldSelector": f"metadata.name={name}"}, _METADATA_LIST)
        return (item["metadata"] for item in found)

    def secrets_labelled(self, selector: str) -> Iterator[dict[str, Any]]:
        """Metadata of every Secret with these labels. Needs `list` on Secrets: for the command line only."""
        found = self._list("/api/v1/secrets", {"labelSelector": selector}, _METADATA_LIST)
        return (item["metadata"] for item in found)

    def delete_secret(self, namespace: str, name: str, uid: str) -> None:
        """Deletes exactly the object with this uid. Raises NotFoundError, or ConflictError if it is another by now."""
        options = json.dumps({"preconditions": {"uid": uid}}).encode()
        self._ask("DELETE", f"/api/v1/namespaces/{namespace}/secrets/{name}", body=options, headers=_JSON)

    def _list(
        self,
        path: str,
        query: dict[str, str] | None = None,
        headers: dict[str, str] | None = None,
    ) -> Iterator[dict[str, Any]]:
        page: dict[str, str] = {"limit": str(PAGE)}
        while True:
            answer = self._ask("GET", path, query={**(query or {}), **page}, headers=headers)
            if not isinstance(answer.get("items", ""), list | None):
                raise ClusterUnavailableError(f"cluster {self.name}: GET {path}: the answer is no Kubernetes list")
            yield from answer["items"] or ()  # an empty list of metadata has `null` (kube-apiserver 1.34.4)
            following = (answer.get("metadata") or {}).get("continue")
            if not following:
                return
            page = {"limit": str(PAGE), "continue": following}

    def _ask(self, method: str, path: str, **request: Any) -> Any:
        return self._request(method, path, **request)[1]

    def _request(self, method: str, path: str, **request: Any) -> tuple[int, dict[str, Any]]:
        status, answer = self._connected().request(method, path, **request)
        if not isinstance(answer, dict) or not isinstance(answer.get("metadata"), dict):
            raise ClusterUnavailableError(f"cluster {self.name}: {method} {path}: the answer is no Kubernetes object")
        return status, answer

    def _connected(self) -> Transport:
        if self._transport is None:
            self._transport = Transport(self.name, self._access)
        return self._transport
