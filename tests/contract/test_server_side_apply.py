"""Server-side apply: who owns what, when it conflicts, and what it leaves alone."""

import base64

from tests.contract.server import METADATA, OTHER_CONFIG, PULL_SECRET, Json, Room, owners, pull_secret, revision, secret

KEY = ".data..dockerconfigjson"


def test_applying_creates_what_is_not_there(room: Room) -> None:
    answer = room.client.apply(room.secret(), pull_secret(labels={"a": "b"}))

    assert answer.code == 201
    assert answer.object["type"] == PULL_SECRET
    assert answer.object["metadata"]["name"] == "r"
    assert answer.object["metadata"]["namespace"] == room.name
    assert owners(answer.object) == {
        ("steward", "Apply"): {
            "f:data": {"f:.dockerconfigjson": {}},
            "f:metadata": {"f:labels": {"f:a": {}}},
            "f:type": {},
        }
    }


def test_a_managed_field_entry_tells_version_and_time(room: Room) -> None:
    created = room.client.apply(room.secret(), pull_secret()).object["metadata"]

    entry = created["managedFields"][0]
    assert set(entry) == {"manager", "operation", "apiVersion", "time", "fieldsType", "fieldsV1"}
    assert (entry["apiVersion"], entry["fieldsType"]) == ("v1", "FieldsV1")
    assert entry["time"] >= created["creationTimestamp"]


def test_applying_the_same_again_changes_nothing(room: Room) -> None:
    created = room.client.apply(room.secret(), pull_secret())

    again = room.client.apply(room.secret(), pull_secret())

    assert again.code == 200
    assert again.object == created.object


def test_putting_the_same_again_changes_nothing(room: Room) -> None:
    created = room.client.post(room.secrets, pull_secret())

    again = room.client.put(room.secret(), created.object, user_agent="creator")

    assert (again.code, revision(again)) == (200, revision(created))


def test_applying_other_content_keeps_the_uid(room: Room) -> None:
    created = room.client.apply(room.secret(), pull_secret())

    changed = room.client.apply(room.secret(), pull_secret(OTHER_CONFIG))

    assert changed.code == 200
    assert changed.object["metadata"]["uid"] == created.object["metadata"]["uid"]
    assert int(revision(changed)) > int(revision(created))
    assert base64.b64decode(changed.object["data"][".dockerconfigjson"]) == OTHER_CONFIG


def test_applying_can_answer_metadata_only(room: Room) -> None:
    query = {"fieldManager": "steward", "force": "false"}
    answer = room.client.ask(
        "PATCH", room.secret(), pull_secret(), query, Content_Type="application/apply-patch+yaml", Accept=METADATA
    )

    assert answer.code == 201
    assert (answer.object["kind"], answer.object["apiVersion"]) == ("PartialObjectMetadata", "meta.k8s.io/v1")
    assert set(answer.object) == {"kind", "apiVersion", "metadata"}


def test_a_field_of_another_applier_is_a_conflict(room: Room) -> None:
    before = room.client.apply(room.secret(), pull_secret(), manager="t")

    answer = room.client.apply(room.secret(), pull_secret(OTHER_CONFIG))

    assert answer.refusal == (409, "Conflict", f'Apply failed with 1 conflict: conflict with "t": {KEY}')
    assert answer.causes == [("FieldManagerConflict", 'conflict with "t"', KEY)]
    assert room.client.get(room.secret()).object == before.object


def test_a_field_of_an_updater_is_a_conflict_with_its_version(room: Room) -> None:
    room.client.post(room.secrets, pull_secret(), user_agent="kubectl-create/v1.34")

    answer = room.client.apply(room.secret(), pull_secret(OTHER_CONFIG))

    message = f'Apply failed with 1 conflict: conflict with "kubectl-create" using v1: {KEY}'
    assert answer.refusal == (409, "Conflict", message)


def test_the_same_name_owns_separately_by_updating_and_by_applying(room: Room) -> None:
    room.client.post(room.secrets, pull_secret(), user_agent="steward")

    answer = room.client.apply(room.secret(), pull_secret(OTHER_CONFIG))

    assert answer.refusal[2] == f'Apply failed with 1 conflict: conflict with "steward" using v1: {KEY}'


def test_several_conflicts_are_listed_by_manager(room: Room) -> None:
    room.client.post(room.secrets, secret({"a": b"x"}, kind="Opaque", labels={"l": "theirs"}), user_agent="zoe")
    room.client.apply(room.secret(), secret({"b": b"x"}, kind="Opaque"), manager="anna")
    wanted = secret({"a": b"y", "b": b"y"}, kind="Opaque", labels={"l": "ours"})

    answer = room.client.apply(room.secret(), wanted)

    theirs = 'conflicts with "anna":\n- .data.b\nconflicts with "zoe" using v1:\n- .data.a\n- .metadata.labels.l'
    assert answer.refusal == (409, "Conflict", f"Apply failed with 3 conflicts: {theirs}")
    assert sorted(answer.causes) == [
        ("FieldManagerConflict", 'conflict with "anna"', ".data.b"),
        ("FieldManagerConflict", 'conflict with "zoe" using v1', ".data.a"),
        ("FieldManagerConflict", 'conflict with "zoe" using v1', ".metadata.labels.l"),
    ]


def test_a_foreign_secret_of_another_type_conflicts_on_the_type(room: Room) -> None:
    room.client.post(room.secrets, secret({"a": b"x"}, kind="Opaque"), user_agent="them")

    answer = room.client.apply(room.secret(), pull_secret())

    assert answer.refusal == (409, "Conflict", 'Apply failed with 1 conflict: conflict with "them" using v1: .type')


def test_the_same_value_is_shared_without_conflict(room: Room) -> None:
    room.client.apply(room.secret(), pull_secret(), manager="t")

    answer = room.client.apply(room.secret(), pull_secret())

    assert answer.code == 200
    assert owners(answer.object)["t", "Apply"] == owners(answer.object)["steward", "Apply"]


def test_forcing_takes_the_field_over(room: Room) -> None:
    room.client.apply(room.secret(), pull_secret(), manager="t")

    answer = room.client.apply(room.secret(), pull_secret(OTHER_CONFIG), force=True)

    assert answer.code == 200
    assert owners(answer.object)["t", "Apply"] == {"f:type": {}}
    assert owners(answer.object)["steward", "Apply"] == {"f:data": {"f:.dockerconfigjson": {}}, "f:type": {}}
    loser = room.client.apply(room.secret(), pull_secret(), manager="t")
    assert loser.message == f'Apply failed with 1 conflict: conflict with "steward": {KEY}'


def test_a_manager_without_fields_left_is_forgotten(room: Room) -> None:
    room.client.apply(room.secret(), secret({"a": b"x"}, kind="Opaque"), manager="steward")
    room.client.apply(room.secret(), {"apiVersion": "v1", "kind": "Secret", "data": {"a": "eQ=="}}, "t", force=True)
    room.client.apply(room.secret(), secret({"a": b"z"}, kind="Opaque"), force=True)

    assert set(owners(room.client.get(room.secret()).object)) == {("steward", "Apply")}


def test_what_we_applied_and_no_longer_apply_is_removed(room: Room) -> None:
    room.client.apply(room.secret(), secret({"a": b"1", "b": b"2"}, kind="Opaque", labels={"l": "1", "m": "2"}))

    answer = room.client.apply(room.secret(), secret({"a": b"1"}, kind="Opaque", labels={"m": "2"}))

    assert set(answer.object["data"]) == {"a"}
    assert answer.object["metadata"]["labels"] == {"m": "2"}


def test_the_last_label_goes_with_the_labels(room: Room) -> None:
    room.client.apply(room.secret(), pull_secret(labels={"l": "1"}))

    answer = room.client.apply(room.secret(), pull_secret())

    assert "labels" not in answer.object["metadata"]


def test_what_another_manager_owns_too_stays(room: Room) -> None:
    room.client.apply(room.secret(), secret({"a": b"1", "b": b"2"}, kind="Opaque"))
    room.client.apply(room.secret(), secret({"b": b"2"}, kind="Opaque"), manager="t")

    answer = room.client.apply(room.secret(), secret({"a": b"1"}, kind="Opaque"))

    assert set(answer.object["data"]) == {"a", "b"}
    assert owners(answer.object)["t", "Apply"] == {"f:data": {"f:b": {}}, "f:type": {}}


def test_a_key_may_follow_an_empty_map(room: Room) -> None:
    room.client.apply(room.secret(), secret({}, kind="Opaque"))

    answer = room.client.apply(room.secret(), secret({"a": b"1"}, kind="Opaque"))

    assert set(answer.object["data"]) == {"a"}


def test_a_map_that_we_drop_stays_while_others_have_fields_in_it(room: Room) -> None:
    room.client.apply(room.secret(), _annotated({"x": "1"}), manager="t")
    room.client.apply(room.secret(), _annotated({}))

    answer = room.client.apply(room.secret(), pull_secret())

    assert answer.object["metadata"]["annotations"] == {"x": "1"}


def _annotated(annotations: Json) -> Json:
    body = pull_secret()
    return body | {"metadata": body["metadata"] | {"annotations": annotations}}


def test_an_object_without_a_record_belongs_to_before_first_apply(room: Room) -> None:
    created = room.client.post(room.secrets, pull_secret()).object
    unrecorded = created | {"metadata": created["metadata"] | {"managedFields": [{}]}}
    assert "managedFields" not in room.client.put(room.secret(), unrecorded).object["metadata"]

    answer = room.client.apply(room.secret(), pull_secret(OTHER_CONFIG))

    message = f'Apply failed with 1 conflict: conflict with "before-first-apply" using v1: {KEY}'
    assert answer.refusal == (409, "Conflict", message)


def test_an_update_puts_nobody_on_record_who_was_not(room: Room) -> None:
    account = room.client.get(room.account()).object
    assert "managedFields" not in account["metadata"]

    answer = room.client.put(room.account(), account | {"imagePullSecrets": [{"name": "ours"}]})

    assert "managedFields" not in answer.object["metadata"]


def test_creating_by_applying_needs_the_name_in_the_body(room: Room) -> None:
    answer = room.client.apply(room.secret(), {"apiVersion": "v1", "kind": "Secret"})

    message = "the name of the object (r based on URL) was undeterminable: name must be provided"
    assert answer.refusal == (400, "BadRequest", message)


def test_an_emptied_map_is_no_conflict_with_its_other_owners(room: Room) -> None:
    room.client.apply(room.secret(), pull_secret(labels={"l": "1"}))
    body = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "r", "labels": {}}}
    assert room.client.apply(room.secret(), body, manager="t").code == 200

    answer = room.client.apply(room.secret(), pull_secret())

    assert answer.code == 200
    assert owners(answer.object)["t", "Apply"] == {"f:metadata": {"f:labels": {}}}


def test_references_of_a_service_account_are_owned_one_by_one(room: Room) -> None:
    body: Json = {
        "apiVersion": "v1",
        "kind": "ServiceAccount",
        "metadata": {"name": "robot"},
        "secrets": [{"name": "a"}],
    }
    account = room.account("robot")
    room.client.apply(account, body | {"imagePullSecrets": [{"name": "ours"}]})
    room.client.apply(account, body | {"secrets": [{"name": "b"}]}, manager="t")

    answer = room.client.apply(account, body | {"imagePullSecrets": [{"name": "theirs"}]}, manager="t")

    assert answer.message == 'Apply failed with 1 conflict: conflict with "steward": .imagePullSecrets'
    found = room.client.get(account).object
    assert [reference["name"] for reference in found["secrets"]] == ["a", "b"]
    assert owners(found)["steward", "Apply"] == {"f:imagePullSecrets": {}, "f:secrets": {'k:{"name":"a"}': {}}}


def test_what_others_added_is_left_alone(room: Room) -> None:
    room.client.apply(room.secret(), pull_secret())
    current = room.client.get(room.secret()).object
    current["metadata"]["annotations"] = {"theirs": "1"}
    room.client.put(room.secret(), current)

    answer = room.client.apply(room.secret(), pull_secret(OTHER_CONFIG))

    assert answer.object["metadata"]["annotations"] == {"theirs": "1"}
    assert owners(answer.object)["editor", "Update"] == {"f:metadata": {"f:annotations": {".": {}, "f:theirs": {}}}}


def test_an_edit_takes_ownership_from_us(room: Room) -> None:
    room.client.apply(room.secret(), pull_secret())
    edited = room.client.get(room.secret()).object | {"data": pull_secret(OTHER_CONFIG)["data"]}
    room.client.put(room.secret(), edited)

    answer = room.client.apply(room.secret(), pull_secret())

    assert answer.refusal == (409, "Conflict", f'Apply failed with 1 conflict: conflict with "editor" using v1: {KEY}')


def test_creating_owns_every_field(room: Room) -> None:
    created = room.client.post(room.secrets, pull_secret(labels={"a": "b"})).object

    assert owners(created) == {
        ("creator", "Update"): {
            "f:data": {".": {}, "f:.dockerconfigjson": {}},
            "f:metadata": {"f:labels": {".": {}, "f:a": {}}},
            "f:type": {},
        }
    }


def test_removing_a_required_key_by_applying_is_refused(room: Room) -> None:
    room.client.apply(room.secret(), pull_secret())
    without: Json = {"apiVersion": "v1", "kind": "Secret", "type": PULL_SECRET}

    answer = room.client.apply(room.secret(), without)

    assert answer.refusal == (422, "Invalid", 'Secret "r" is invalid: data[.dockerconfigjson]: Required value')


def test_applying_needs_a_field_manager(room: Room) -> None:
    answer = room.client.ask("PATCH", room.secret(), pull_secret(), Content_Type="application/apply-patch+yaml")

    required = "fieldManager: Required value: is required for apply patch"
    assert answer.refusal == (422, "Invalid", f'PatchOptions.meta.k8s.io "" is invalid: {required}')


def test_applied_managed_fields_are_refused(room: Room) -> None:
    current = room.client.apply(room.secret(), pull_secret()).object

    answer = room.client.apply(room.secret(), current)

    assert answer.refusal == (400, "BadRequest", "metadata.managedFields must be nil")


def test_applying_yaml_is_the_same_as_applying_json(room: Room) -> None:
    text = b"apiVersion: v1\nkind: Secret\nmetadata:\n  name: r\ntype: Opaque\ndata:\n  a: aGk=\n"

    answer = room.client.apply(room.secret(), text)

    assert (answer.code, answer.object["data"]) == (201, {"a": "aGk="})


def test_an_unknown_patch_type_is_refused(room: Room) -> None:
    answer = room.client.ask("PATCH", room.secret(), {}, Content_Type="text/plain")

    assert (answer.code, answer.object["reason"]) == (415, "UnsupportedMediaType")


def test_a_merge_patch_changes_what_it_names(room: Room) -> None:
    room.client.post(room.secrets, pull_secret(labels={"a": "1", "b": "2"}))
    patch = {"metadata": {"labels": {"a": None, "c": "3"}}}

    answer = room.client.ask("PATCH", room.secret(), patch, Content_Type="application/merge-patch+json")

    assert (answer.code, answer.object["metadata"]["labels"]) == (200, {"b": "2", "c": "3"})
