"""What the API server does to an object between decoding and storing it, apart from the verbs: pure functions."""

import re
import uuid
from datetime import UTC, datetime

from testbed.embedded_api import secrets
from testbed.embedded_api.resources import NAMESPACES, SECRETS, Resource
from testbed.embedded_api.status import FieldError, Json, bad_request, invalid_value, required

_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
_SUBDOMAIN = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*")
_SUBDOMAIN_HELP = (
    "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or '.', and must start "
    "and end with an alphanumeric character (e.g. 'example.com', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')"
)
_LABEL_HELP = (
    "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must start and end "
    "with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is "
    "'[a-z0-9]([-a-z0-9]*[a-z0-9])?')"
)
_SERVERS_OWN = ("uid", "creationTimestamp", "deletionTimestamp", "deletionGracePeriodSeconds", "managedFields")
_DROPPED_WHEN_EMPTY = {"data", "imagePullSecrets", "secrets"}


def timestamp() -> str:
    """Now, as metadata spells it: UTC, whole seconds."""
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def decode(obj: Json, resource: Resource) -> Json:
    """The object in its canonical form, with the defaults that come with decoding."""
    decoded = {key: value for key, value in obj.items() if value or key not in _DROPPED_WHEN_EMPTY}
    meta = {key: value for key, value in (obj.get("metadata") or {}).items() if value not in (None, {}, [], "")}
    decoded |= {"kind": resource.kind, "apiVersion": resource.api_version, "metadata": meta}
    if resource is SECRETS:
        return secrets.decode(decoded)
    if resource is NAMESPACES and "name" in meta:
        labels = {**meta.get("labels", {}), "kubernetes.io/metadata.name": meta["name"]}
        return decoded | {"metadata": meta | {"labels": labels}}
    return decoded


def check_identity(obj: Json, resource: Resource, namespace: str | None, name: str | None) -> None:
    """400 where the object says another kind, name or namespace than the URL."""
    meta = obj.get("metadata") or {}
    kind, version = obj.get("kind", resource.kind), obj.get("apiVersion", resource.api_version)
    if (kind, version) != (resource.kind, resource.api_version):
        raise bad_request(
            f'{kind} in version "{version}" cannot be handled as a {resource.kind}: '
            f"converting ({version}.{kind}) to (core.{resource.kind}): unknown conversion"
        )
    if namespace and meta.get("namespace", namespace) != namespace:
        raise bad_request("the namespace of the provided object does not match the namespace sent on the request")
    if name and meta.get("name", name) != name:
        raise bad_request(f"the name of the object ({meta['name']}) does not match the name on the URL ({name})")


def newborn(obj: Json, resource: Resource, namespace: str | None) -> Json:
    """The object with what only the server gives: uid, time, name from generateName, namespace."""
    meta = {key: value for key, value in obj["metadata"].items() if key not in _SERVERS_OWN[:-1]}
    meta.pop("resourceVersion", None)
    if not meta.get("name") and meta.get("generateName"):
        meta["name"] = f"{meta['generateName']}{uuid.uuid4().hex[:5]}"
    meta |= {"uid": str(uuid.uuid4()), "creationTimestamp": timestamp()}
    if resource.namespaced:
        meta["namespace"] = namespace
    born = obj | {"metadata": meta}
    if resource is NAMESPACES:
        born |= {"spec": {"finalizers": ["kubernetes"]}, "status": {"phase": "Active"}}
    return born


def successor(obj: Json, old: Json) -> Json:
    """The object as an update of `old`: what belongs to the server stays as it was."""
    lasting = (*_SERVERS_OWN, "name", "namespace", "resourceVersion")
    kept = {key: old["metadata"][key] for key in lasting if key in old["metadata"]}
    own = {key: value for key, value in obj["metadata"].items() if key not in _SERVERS_OWN}
    server_side = {key: old[key] for key in ("status",) if key in old}
    if old["kind"] == NAMESPACES.kind:
        server_side["spec"] = old["spec"]
    return obj | server_side | {"metadata": own | kept}


def check(new: Json, old: Json | None, resource: Resource) -> list[FieldError]:
    """What is wrong with an object; `old` is None at creation."""
    errors = [] if old else _check_name(new["metadata"].get("name"), resource)
    if resource is SECRETS:
        errors += secrets.check_update(new, old) if old else secrets.check(new)
    return errors


def _check_name(name: str | None, resource: Resource) -> list[FieldError]:
    if not name:
        return [required("metadata.name", "name or generateName is required")]
    pattern, text = (_LABEL, _LABEL_HELP) if resource is NAMESPACES else (_SUBDOMAIN, _SUBDOMAIN_HELP)
    return [] if pattern.fullmatch(name) else [invalid_value("metadata.name", name, text)]
