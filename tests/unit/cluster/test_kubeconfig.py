"""A kubeconfig file that works, and every way in which one does not."""

import base64
from pathlib import Path

import pytest

from steward.cluster.kubeconfig import KubeconfigError, current_context, kubeconfig_access
from steward.errors import PermanentError

CA = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n"
RIGHT = f"""
apiVersion: v1
kind: Config
current-context: main
contexts:
- {{name: main, context: {{cluster: main, user: token}}}}
- {{name: other, context: {{cluster: other, user: token}}}}
- {{name: certificate, context: {{cluster: main, user: certificate}}}}
- {{name: no-cluster, context: {{cluster: nowhere, user: token}}}}
- {{name: no-ca-file, context: {{cluster: no-ca-file, user: token}}}}
- {{name: bad-ca, context: {{cluster: bad-ca, user: token}}}}
- {{name: insecure, context: {{cluster: insecure, user: token}}}}
clusters:
- name: main
  cluster: {{server: "https://main:6443", certificate-authority-data: {base64.b64encode(CA.encode()).decode()}}}
- {{name: other, cluster: {{server: "https://other:6443"}}}}
- {{name: no-ca-file, cluster: {{server: "https://a", certificate-authority: nowhere.pem}}}}
- {{name: bad-ca, cluster: {{server: "https://a", certificate-authority-data: "%%%a"}}}}
- {{name: insecure, cluster: {{server: "https://a", insecure-skip-tls-verify: true}}}}
users:
- {{name: token, user: {{token: s3cret}}}}
- name: certificate
  user:
    client-certificate-data: {base64.b64encode(b"certificate").decode()}
    client-key-data: {base64.b64encode(b"key").decode()}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "kubeconfig"
    path.write_text(RIGHT)
    return path


def test_the_current_context_is_used(file: Path) -> None:
    access = kubeconfig_access(file)

    assert (current_context(file), access.server, access.ca) == ("main", "https://main:6443", CA)
    assert access.token is not None
    assert access.token() == "s3cret"
    assert "s3cret" not in repr(access)


def test_another_context_is_used_when_it_is_asked_for(file: Path) -> None:
    access = kubeconfig_access(file, "other")

    assert (current_context(file, "other"), access.server, access.ca) == ("other", "https://other:6443", None)


def test_a_client_certificate_is_given_as_files_and_without_a_token(file: Path) -> None:
    access = kubeconfig_access(file, "certificate")

    assert access.token is None
    assert Path(str(access.client_certificate)).read_bytes() == b"certificate"
    assert Path(str(access.client_key)).read_bytes() == b"key"


@pytest.mark.parametrize(
    ("context", "flaw"),
    [
        ("nope", "has no context 'nope'; it has bad-ca, certificate, insecure, main, no-ca-file, no-cluster, other"),
        ("no-cluster", "Expected object with name nowhere"),
        ("no-ca-file", "File does not exist: .*nowhere.pem"),
        ("bad-ca", "is no kubeconfig file"),
        ("insecure", "context insecure has insecure-skip-tls-verify; write certificate-authority-data instead"),
    ],
)
def test_a_context_that_cannot_be_used_says_why(file: Path, context: str, flaw: str) -> None:
    with pytest.raises(KubeconfigError, match=flaw) as caught:
        kubeconfig_access(file, context)

    assert str(file) in str(caught.value)
    assert "s3cret" not in str(caught.value)
    assert isinstance(caught.value, PermanentError)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"users: [{token: s3cret",
        b"\x00\xff\xfe s3cret",
        b"s3cret",
        b"- s3cret",
        b"apiVersion: v1\nkind: Config\n",
        b"current-context: a\ncontexts: null\n",
        b"current-context: a\ncontexts: [s3cret]\n",
        RIGHT.replace("current-context: main", "current-context: nope").encode(),
        RIGHT.replace("current-context: main", "").encode(),
    ],
)
def test_a_file_that_is_no_kubeconfig_is_one_clear_error_without_its_content(file: Path, content: bytes) -> None:
    file.write_bytes(content)

    with pytest.raises(KubeconfigError) as caught:
        kubeconfig_access(file)

    assert str(caught.value).startswith(str(file))
    assert "\n" not in str(caught.value)
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize("name", ["nowhere", "."])
def test_a_path_that_is_no_file_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(KubeconfigError, match=str(tmp_path)):
        current_context(tmp_path / name)
