"""What the kubelet reads out of a Secret, and what everybody may read beside it."""

import base64
import json
from datetime import UTC, datetime, timedelta

from hypothesis import assume, given
from hypothesis import strategies as st

from steward.credential import Credential
from steward.images.docker_config import Content, name_content, render_docker_config, render_secret, same_layout

NOW = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

PASSWORDS = st.one_of(
    st.text(min_size=1),
    st.sampled_from(["a:b:c", ":", 'quo"te', "back\\slash", "line\nbreak\n", "\u00e4\u4e2d\U0001f511", "=" * 9, " "]),
    st.text("ab:=+/", min_size=2000, max_size=2800),
)
USERS = st.one_of(st.just("AWS"), st.text(min_size=1).filter(lambda text: ":" not in text))
HOSTS = st.sampled_from(["a.example", "a.example/path", "b.example:5000", "https://index.docker.io/v1/"])
REVISIONS = st.dictionaries(st.sampled_from(["p", "q", "r"]), st.uuids().map(str), min_size=3)
LAYOUTS = st.dictionaries(HOSTS, st.sampled_from(["p", "q", "r"]), min_size=1)


def credential(username: str, password: str) -> Credential:
    return Credential("p", username, password, NOW, NOW + timedelta(hours=12), "r-1")


def read_as_the_kubelet_does(config: bytes) -> dict[str, tuple[str, str]]:
    """`auth` wins over the two fields (kubernetes `pkg/credentialprovider/config.go`, decodeDockerConfigFieldAuth)."""
    auths = json.loads(config)["auths"]
    decoded = {host: base64.b64decode(entry["auth"], validate=True).decode() for host, entry in auths.items()}
    return {host: (text.partition(":")[0], text.partition(":")[2]) for host, text in decoded.items()}


@given(st.dictionaries(HOSTS, st.tuples(USERS, PASSWORDS), min_size=1))
def test_the_kubelet_reads_every_user_and_password_back(entries: dict[str, tuple[str, str]]) -> None:
    config = render_docker_config({host: credential(*pair) for host, pair in entries.items()})

    assert read_as_the_kubelet_does(config) == entries
    assert {host: (entry["username"], entry["password"]) for host, entry in json.loads(config)["auths"].items()} == (
        entries
    )


@given(st.dictionaries(HOSTS, PASSWORDS, min_size=2))
def test_equal_input_gives_equal_bytes_in_whatever_order(entries: dict[str, str]) -> None:
    forwards = {host: credential("AWS", password) for host, password in entries.items()}

    assert render_docker_config(forwards) == render_docker_config(dict(reversed(forwards.items())))


def test_no_field_is_written_that_would_count_as_a_new_credential_to_the_kubelet() -> None:
    entry = json.loads(render_docker_config({"a.example": credential("AWS", "s3cret")}))["auths"]["a.example"]

    assert set(entry) == {"username", "password", "auth"}


@given(PASSWORDS)
def test_the_secret_carries_the_config_once_encoded_and_its_password_nowhere_else(password: str) -> None:
    config = render_docker_config({"a.example": credential("AWS", password)})
    content = Content(name_content({"a.example": "p"}, {"p": "r-1"}), NOW)

    manifest = json.loads(render_secret("registry", content, config))

    assert base64.b64decode(manifest.pop("data")[".dockerconfigjson"], validate=True) == config
    assert manifest == {
        "apiVersion": "v1",
        "kind": "Secret",
        "type": "kubernetes.io/dockerconfigjson",
        "metadata": {
            "name": "registry",
            "labels": {"app.kubernetes.io/managed-by": "kubesteward"},
            "annotations": {"kubesteward.io/content": content.name, "kubesteward.io/expires-at": NOW.isoformat()},
        },
    }


@given(LAYOUTS, LAYOUTS, REVISIONS, REVISIONS)
def test_a_contents_name_changes_exactly_with_layout_or_used_revision(
    layout: dict[str, str], other: dict[str, str], revisions: dict[str, str], renewed: dict[str, str]
) -> None:
    used = {principal: revisions[principal] for principal in layout.values()}
    used_then = {principal: renewed[principal] for principal in other.values()}

    same = name_content(layout, revisions) == name_content(other, renewed)

    assert same is (layout == other and used == used_then)
    assert same_layout(name_content(layout, revisions), name_content(other, renewed)) is (layout == other)


@given(LAYOUTS, REVISIONS, st.uuids().map(str))
def test_the_renewal_of_a_credential_that_is_not_in_it_changes_nothing(
    layout: dict[str, str], revisions: dict[str, str], renewed: str
) -> None:
    assume("r" not in layout.values())

    assert name_content(layout, revisions) == name_content(layout, revisions | {"r": renewed})


@given(LAYOUTS, REVISIONS)
def test_a_contents_name_fits_an_annotation_and_does_not_depend_on_order(
    layout: dict[str, str], revisions: dict[str, str]
) -> None:
    name = name_content(layout, revisions)

    assert name == name_content(dict(reversed(layout.items())), dict(reversed(revisions.items())))
    assert len(name) == 25
    assert set(name) <= set("0123456789abcdef-")


def test_a_credential_shows_no_password() -> None:
    assert "s3cret" not in repr(credential("AWS", "s3cret"))
    assert "s3cret" not in str(credential("AWS", "s3cret"))
