"""`.dockerconfigjson`: the text that the kubelet reads credentials from, and the Secret that carries it.

The kubelet reads `username`, `password`, `email` and `auth` of each entry, and `auth` wins; other tools read only
user name and password, so all three are written (pkg/credentialprovider/config.go, Kubernetes 1.34).
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from steward.credential import Credential

SECRET_TYPE = "kubernetes.io/dockerconfigjson"  # noqa: S105 - a type's name
MANAGED_BY = {"app.kubernetes.io/managed-by": "kubesteward"}
CONTENT_ANNOTATION = "kubesteward.io/content"
EXPIRES_ANNOTATION = "kubesteward.io/expires-at"


def render_docker_config(credentials: Mapping[str, Credential]) -> bytes:
    """Host -> credential as `.dockerconfigjson`, hosts in order, so that equal input gives equal bytes."""
    auths = {
        host: {
            "username": credential.username,
            "password": credential.password,
            "auth": base64.b64encode(f"{credential.username}:{credential.password}".encode()).decode(),
        }
        for host, credential in sorted(credentials.items())
    }
    return json.dumps({"auths": auths}, separators=(",", ":")).encode()


def name_content(hosts: Mapping[str, str], revisions: Mapping[str, str]) -> str:
    """`<layout>-<revisions>`: names a Secret's content by host -> principal and principal -> revision.

    Made of names and revisions and never of passwords, so that it may stand in tables, annotations and logs.
    """
    return f"{_digest(hosts)}-{_digest({principal: revisions[principal] for principal in hosts.values()})}"


def same_layout(content: str, other: str) -> bool:
    """Whether two contents hold credentials of the same principals under the same hosts."""
    return content.partition("-")[0] == other.partition("-")[0]


def _digest(names: Mapping[str, str]) -> str:
    return hashlib.sha256(json.dumps(sorted(names.items())).encode()).hexdigest()[:12]


@dataclass(frozen=True, slots=True)
class Content:
    """What one pull secret should hold right now."""

    name: str
    """Of this content, as `name_content` gives it."""
    expires_at: datetime
    """Of the credential in it that expires first."""


def render_secret(name: str, content: Content, docker_config: bytes) -> bytes:
    """The Secret as a server-side apply body. It names no namespace (the path does), so one body serves all."""
    manifest: dict[str, Any] = {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": SECRET_TYPE,
        "metadata": {
            "name": name,
            "labels": MANAGED_BY,
            "annotations": {
                CONTENT_ANNOTATION: content.name,
                EXPIRES_ANNOTATION: content.expires_at.isoformat(timespec="seconds"),
            },
        },
        "data": {".dockerconfigjson": base64.b64encode(docker_config).decode()},
    }
    return json.dumps(manifest, separators=(",", ":")).encode()
