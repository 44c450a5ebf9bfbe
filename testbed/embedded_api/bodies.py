"""Request bodies: objects in JSON or YAML, and the patches that change one. Pure functions."""

import json

import jsonpatch
import yaml

from testbed.embedded_api import status
from testbed.embedded_api.status import Json

APPLY, MERGE, STRATEGIC, JSON_PATCH = (
    "application/apply-patch+yaml",
    "application/merge-patch+json",
    "application/strategic-merge-patch+json",
    "application/json-patch+json",
)
_PATCH_TYPES = f"{JSON_PATCH}, {MERGE}, {STRATEGIC}, {APPLY}, application/apply-patch+cbor"


def load(body: bytes, content_type: str) -> Json:
    """The object in a body: JSON, or YAML where its type allows that."""
    try:
        loaded = yaml.safe_load(body) if "yaml" in content_type and not body.startswith(b"{") else json.loads(body)
    except (ValueError, yaml.YAMLError) as error:
        raise status.bad_request(f"error decoding the body: {type(error).__name__}") from None
    if not isinstance(loaded, dict):
        raise status.bad_request("couldn't get version/kind; json parse error: the body is not an object")
    return loaded


def check_patch_type(content_type: str) -> None:
    """415 for a patch of another type than those of `patched`."""
    if content_type not in {MERGE, STRATEGIC, JSON_PATCH}:
        raise status.unknown_format(_PATCH_TYPES)


def patched(old: Json, body: bytes, content_type: str) -> Json:
    """`old` with a merge patch or JSON patch; a strategic merge is taken as a merge, which our kinds need."""
    if content_type == JSON_PATCH:
        try:
            changed: Json = jsonpatch.apply_patch(old, json.loads(body))
        except (jsonpatch.JsonPatchException, jsonpatch.JsonPointerException) as error:
            raise status.StatusError(422, "Invalid", f"the server rejected our request: {error}") from None
        return changed
    return _merge(old, json.loads(body))


def _merge(old: Json, patch: Json) -> Json:
    """RFC 7386."""
    merged = dict(old)
    for key, value in patch.items():
        if value is None:
            merged.pop(key, None)
        elif isinstance(value, dict):
            merged[key] = _merge(old[key] if isinstance(old.get(key), dict) else {}, value)
        else:
            merged[key] = value
    return merged
