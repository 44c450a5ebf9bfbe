"""What kube-apiserver refuses in a Secret, with its words (`ValidateSecret` and the decoder before it)."""

import base64
import re

from testbed.embedded_api.gojson import GoJsonError, check_object
from testbed.embedded_api.status import (
    FieldError,
    Json,
    bad_request,
    forbidden_value,
    invalid_value,
    required,
    too_long,
)

MAX_DATA = 1024 * 1024
"""Bytes that the decoded values of one Secret may hold."""

_PULL_TYPES = {
    "kubernetes.io/dockerconfigjson": ".dockerconfigjson",
    "kubernetes.io/dockercfg": ".dockercfg",
}
_IMMUTABLE = "field is immutable when `immutable` is set"
_ALPHABET = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/")
_BASE64 = re.compile("(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?")
_LINE_BREAKS = b"\r\n"
_GO_KINDS = {bool: "bool", int: "number", float: "number", list: "array", dict: "object"}


def decode(obj: Json) -> Json:
    """The Secret as stored: data checked and spelled canonically, stringData folded in, the type defaulted."""
    data = {key: _decode_value(value) for key, value in (obj.get("data") or {}).items()}
    plain = {key: value.encode() for key, value in (obj.get("stringData") or {}).items()}
    rest = {key: value for key, value in obj.items() if key not in {"data", "stringData"}}
    encoded = {key: base64.b64encode(value).decode() for key, value in (data | plain).items()}
    return rest | {"type": obj.get("type") or "Opaque"} | ({"data": encoded} if encoded else {})


def _decode_value(value: object) -> bytes:
    if value is None:
        return b""
    if not isinstance(value, str):
        kind = _GO_KINDS[type(value)]
        raise _undecodable(f"json: cannot unmarshal {kind} into Go struct field Secret.data of type []uint8")
    text = value.replace("\r", "").replace("\n", "")
    if not _BASE64.fullmatch(text):
        raise _undecodable(f"illegal base64 data at input byte {_corrupt_at(value.encode())}")
    return base64.b64decode(text)


def _undecodable(why: str) -> Exception:
    return bad_request(f'Secret in version "v1" cannot be handled as a Secret: {why}')


def _corrupt_at(text: bytes) -> int:
    """The offset that the decoder of Go's `encoding/base64` complains about; line breaks are skipped."""
    digits: list[int] = []
    for at, byte in enumerate(text):
        if byte in _ALPHABET:
            digits = [*digits[len(digits) // 4 * 4 :], at]
        elif byte == ord("="):
            return _corrupt_padding(text, at, len(digits) % 4)
        elif byte not in _LINE_BREAKS:
            return at
    return len(text) - len(digits) % 4


def _corrupt_padding(text: bytes, at: int, digits: int) -> int:
    """The offset for a padding that begins at `at`, after so many digits of the last group of four."""
    if digits < 2:
        return at
    rest = [index for index in range(at + 1, len(text)) if text[index] not in _LINE_BREAKS]
    if digits == 2:
        if not rest:
            return len(text)
        if text[rest[0]] != ord("="):
            return rest[0] - 1
        rest = rest[1:]
    return rest[0] if rest else len(text)


def check(secret: Json) -> list[FieldError]:
    """What is wrong with a Secret as `decode` gives it."""
    data = {key: base64.b64decode(value) for key, value in secret.get("data", {}).items()}
    errors = []
    if sum(map(len, data.values())) > MAX_DATA:
        errors.append(too_long("data", MAX_DATA))
    key = _PULL_TYPES.get(secret["type"])
    if key:
        errors += _check_docker_config(key, data.get(key))
    return errors


def _check_docker_config(key: str, document: bytes | None) -> list[FieldError]:
    field = f"data[{key}]"
    if document is None:
        return [required(field)]
    try:
        check_object(document)
    except GoJsonError as error:
        return [invalid_value(field, "<secret contents redacted>", str(error))]
    return []


def check_update(new: Json, old: Json) -> list[FieldError]:
    """What is wrong with replacing `old` by `new`."""
    errors = []
    if new["type"] != old["type"]:
        errors.append(invalid_value("type", new["type"], "field is immutable"))
    if old.get("immutable"):
        if not new.get("immutable"):
            errors.append(forbidden_value("immutable", _IMMUTABLE))
        if new.get("data", {}) != old.get("data", {}):
            errors.append(forbidden_value("data", _IMMUTABLE))
    return errors + check(new)
