"""Which Secrets an API server refuses, with which code, reason and words (as kube-apiserver 1.34.4 has them)."""

import json

import pytest

from tests.contract.server import (
    GOOD_CONFIG,
    OTHER_CONFIG,
    PULL_SECRET,
    Room,
    pull_secret,
    revision,
    secret,
)

MIB = 1024 * 1024
REDACTED = 'Secret "r" is invalid: data[.dockerconfigjson]: Invalid value: "<secret contents redacted>": '
END = "unexpected end of JSON input"
IMMUTABLE = "Forbidden: field is immutable when `immutable` is set"

BROKEN_DOCUMENTS = {
    "words": (b"not json", "invalid character 'o' in literal null (expecting 'u')"),
    "base64 twice": (b"eyJhdXRocyI6e319", "invalid character 'e' looking for beginning of value"),
    "empty": (b"", END),
    "truncated": (GOOD_CONFIG[:-3], END),
    "truncated key": (b'{"auths', END),
    "array": (b"[]", "json: cannot unmarshal array into Go value of type map[string]interface {}"),
    "string": (b'"x"', "json: cannot unmarshal string into Go value of type map[string]interface {}"),
    "number": (b"12.5e3", "json: cannot unmarshal number into Go value of type map[string]interface {}"),
    "bool": (b" true", "json: cannot unmarshal bool into Go value of type map[string]interface {}"),
    "two documents": (b"{}{}", "invalid character '{' after top-level value"),
    "trailing comma": (b'{"a":1,}', "invalid character '}' looking for beginning of object key string"),
    "single quotes": (b"{'a':1}", "invalid character '\\'' looking for beginning of object key string"),
    "no colon": (b'{"a" 1}', "invalid character '1' after object key"),
    "no comma": (b'{"a":1 "b":2}', "invalid character '\"' after object key:value pair"),
    "array without comma": (b'{"a":[1 2]}', "invalid character '2' after array element"),
    "line break in a string": (b'{"a":"x\ny"}', "invalid character '\\n' in string literal"),
    "wrong escape": (b'{"a":"\\x"}', "invalid character 'x' in string escape code"),
    "wrong unicode escape": (b'{"a":"\\u12g4"}', "invalid character 'g' in \\u hexadecimal character escape"),
    "minus alone": (b'{"a":-}', "invalid character '}' in numeric literal"),
    "fraction without digits": (b'{"a":1.}', "invalid character '}' after decimal point in numeric literal"),
    "exponent without digits": (b'{"a":1e+}', "invalid character '}' in exponent of numeric literal"),
    "leading zero": (b'{"a":01}', "invalid character '1' after object key:value pair"),
    "NaN": (b'{"a":NaN}', "invalid character 'N' looking for beginning of value"),
    "yaml": (b"auths:\n", "invalid character 'a' looking for beginning of value"),
    "byte order mark": (b"\xef\xbb\xbf{}", "invalid character 'ï' looking for beginning of value"),
    "control byte": (b"\x00{}", "invalid character '\\x00' looking for beginning of value"),
    "no-break space": (b"\xa0{}", "invalid character '\\u00a0' looking for beginning of value"),
}

USELESS_DOCUMENTS = [b"{}", b"null", b'{"auths":[]}', b'{"auths":{"h":{"auth":"%%%"}}}', b'{"h":{"auth":"dTpw"}}']


@pytest.mark.parametrize(("document", "complaint"), BROKEN_DOCUMENTS.values(), ids=list(BROKEN_DOCUMENTS))
def test_a_pull_secret_must_hold_a_json_object(room: Room, document: bytes, complaint: str) -> None:
    answer = room.client.post(room.secrets, pull_secret(document))

    assert answer.refusal == (422, "Invalid", REDACTED + complaint)
    assert answer.causes == [
        ("FieldValueInvalid", f'Invalid value: "<secret contents redacted>": {complaint}', "data[.dockerconfigjson]")
    ]


@pytest.mark.parametrize("document", USELESS_DOCUMENTS)
def test_a_pull_secret_may_hold_a_useless_object(room: Room, document: bytes) -> None:
    assert room.client.post(room.secrets, pull_secret(document)).code == 201


def test_applying_is_validated_like_creating(room: Room) -> None:
    answer = room.client.apply(room.secret(), pull_secret(b"not json"))

    assert answer.refusal == (422, "Invalid", REDACTED + "invalid character 'o' in literal null (expecting 'u')")
    assert room.client.get(room.secret()).code == 404


def test_a_broken_update_leaves_the_secret_as_it_was(room: Room) -> None:
    before = room.client.apply(room.secret(), pull_secret())

    assert room.client.apply(room.secret(), pull_secret(b"not json")).code == 422
    assert room.client.get(room.secret()).object == before.object


@pytest.mark.parametrize("data", [{}, {".dockercfg": b"{}"}])
def test_a_pull_secret_needs_its_key(room: Room, data: dict[str, bytes]) -> None:
    answer = room.client.post(room.secrets, secret(data))

    required = "data[.dockerconfigjson]: Required value"
    assert answer.refusal == (422, "Invalid", f'Secret "r" is invalid: {required}')
    assert answer.causes == [("FieldValueRequired", "Required value", "data[.dockerconfigjson]")]
    assert answer.object["details"]["kind"] == "Secret"
    assert answer.object["details"]["name"] == "r"


BROKEN_BASE64 = {
    '{"auths":{}}': 0,
    "QUJD{}": 4,
    "QUJ": 0,
    "QUJDR": 4,
    "QUJDQU\n": 5,
    "QUI=QUI=": 4,
    "Q===": 1,
    "====": 0,
    "QU=x": 2,
    "QU=": 3,
    "QU==\n=": 5,
    "QUI=\n!": 5,
    "Q U=": 1,
    "QUJD\nQUI=\n!": 10,
    "QUJ_": 3,
}


@pytest.mark.parametrize(("value", "at"), BROKEN_BASE64.items())
def test_data_must_be_base64(room: Room, value: str, at: int) -> None:
    answer = room.client.post(room.secrets, pull_secret() | {"data": {".dockerconfigjson": value}})

    message = f'Secret in version "v1" cannot be handled as a Secret: illegal base64 data at input byte {at}'
    assert answer.refusal == (400, "BadRequest", message)


@pytest.mark.parametrize("value", ["aGk=", "aG\nk=\n", "aGl=", ""])
def test_line_breaks_and_loose_bits_in_base64_are_cleaned_up(room: Room, value: str) -> None:
    answer = room.client.post(room.secrets, pull_secret(kind="Opaque") | {"data": {"a": value}})

    assert answer.object["data"] == {"a": "aGk=" if value else ""}


def test_data_must_be_text(room: Room) -> None:
    answer = room.client.post(room.secrets, pull_secret() | {"data": {".dockerconfigjson": 1}})

    why = "json: cannot unmarshal number into Go struct field Secret.data of type []uint8"
    assert answer.refusal == (400, "BadRequest", f'Secret in version "v1" cannot be handled as a Secret: {why}')


def test_applied_data_must_be_base64_too(room: Room) -> None:
    answer = room.client.apply(room.secret(), pull_secret() | {"data": {".dockerconfigjson": "{}"}})

    assert answer.code in {400, 500}
    assert "illegal base64 data at input byte 0" in answer.message


def test_a_body_must_be_json(room: Room) -> None:
    answer = room.client.post(room.secrets, b"not json")

    assert (answer.code, answer.object["reason"]) == (400, "BadRequest")


def test_a_body_of_another_kind_is_refused(room: Room) -> None:
    answer = room.client.post(room.secrets, {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "r"}})

    why = "converting (v1.ConfigMap) to (core.Secret): unknown conversion"
    assert answer.refusal == (400, "BadRequest", f'ConfigMap in version "v1" cannot be handled as a Secret: {why}')


def test_the_type_never_changes(room: Room) -> None:
    room.client.post(room.secrets, pull_secret())

    answer = room.client.put(room.secret(), pull_secret(kind="Opaque"))

    complaint = 'Invalid value: "Opaque": field is immutable'
    assert answer.refusal == (422, "Invalid", f'Secret "r" is invalid: type: {complaint}')
    assert answer.causes == [("FieldValueInvalid", complaint, "type")]


def test_forcing_does_not_change_the_type_either(room: Room) -> None:
    room.client.post(room.secrets, secret({"a": b"x"}, kind="Opaque"))

    answer = room.client.apply(room.secret(), pull_secret(), force=True)

    assert answer.refusal == (
        422,
        "Invalid",
        f'Secret "r" is invalid: type: Invalid value: "{PULL_SECRET}": field is immutable',
    )


def test_an_immutable_secret_keeps_its_data(room: Room) -> None:
    room.client.post(room.secrets, pull_secret(immutable=True))

    answer = room.client.put(room.secret(), pull_secret(OTHER_CONFIG, immutable=True))

    assert answer.refusal == (422, "Invalid", f'Secret "r" is invalid: data: {IMMUTABLE}')


def test_an_immutable_secret_stays_immutable(room: Room) -> None:
    room.client.post(room.secrets, pull_secret(immutable=True))

    answer = room.client.put(room.secret(), pull_secret(OTHER_CONFIG))

    both = f"[immutable: {IMMUTABLE}, data: {IMMUTABLE}]"
    assert answer.refusal == (422, "Invalid", f'Secret "r" is invalid: {both}')
    assert [field for _, _, field in answer.causes] == ["immutable", "data"]


def test_the_labels_of_an_immutable_secret_may_change(room: Room) -> None:
    room.client.post(room.secrets, pull_secret(immutable=True))

    answer = room.client.put(room.secret(), pull_secret(immutable=True, labels={"a": "b"}))

    assert (answer.code, answer.object["metadata"]["labels"]) == (200, {"a": "b"})


@pytest.mark.parametrize("padding", [MIB - len(GOOD_CONFIG), MIB - len(GOOD_CONFIG) + 1])
def test_data_may_be_one_mebibyte(room: Room, padding: int) -> None:
    answer = room.client.post(room.secrets, secret({".dockerconfigjson": GOOD_CONFIG, "x": b"x" * padding}))

    too_long = 'Secret "r" is invalid: data: Too long: may not be more than 1048576 bytes'
    if padding + len(GOOD_CONFIG) == MIB:
        assert answer.code == 201
    else:
        assert answer.refusal == (422, "Invalid", too_long)
        assert answer.causes[0][0] == "FieldValueTooLong"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH"])
def test_a_body_may_be_three_mebibytes(room: Room, method: str) -> None:
    body = json.dumps(pull_secret()).encode().ljust(3 * MIB + 1)
    path = room.secrets if method == "POST" else room.secret()
    kind = "application/apply-patch+yaml" if method == "PATCH" else "application/json"

    answer = room.client.ask(method, path, body, {"fieldManager": "t"}, Content_Type=kind)

    assert answer.refusal == (413, "RequestEntityTooLarge", "Request entity too large: limit is 3145728")


def test_a_body_of_exactly_three_mebibytes_is_read(room: Room) -> None:
    body = json.dumps(pull_secret()).encode().ljust(3 * MIB)

    assert room.client.post(room.secrets, body).code == 201


def test_a_name_must_be_a_subdomain(room: Room) -> None:
    answer = room.client.post(room.secrets, pull_secret(name="R_"))

    assert answer.refusal[:2] == (422, "Invalid")
    assert answer.message.startswith(
        'Secret "R_" is invalid: metadata.name: Invalid value: "R_": a lowercase RFC 1123 subdomain must consist of'
    )


def test_a_name_is_needed(room: Room) -> None:
    answer = room.client.post(room.secrets, pull_secret(name=""))

    required = "metadata.name: Required value: name or generateName is required"
    assert answer.refusal == (422, "Invalid", f'Secret "" is invalid: {required}')


def test_string_data_becomes_data(room: Room) -> None:
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "r"}, "stringData": {"a": "hi"}}

    answer = room.client.post(room.secrets, body)

    assert (answer.object["type"], answer.object["data"]) == ("Opaque", {"a": "aGk="})
    assert "stringData" not in answer.object


def test_a_refused_write_changes_no_revision(room: Room) -> None:
    before = revision(room.client.post(room.secrets, pull_secret()))

    room.client.put(room.secret(), pull_secret(b"not json"))

    assert revision(room.client.get(room.secret())) == before
