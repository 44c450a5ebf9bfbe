"""The equipment itself: a control plane, a node and a private registry that behave as the field's own do."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from testbed.kubernetes import binaries
from testbed.kubernetes.api import Api, ApiError
from testbed.kubernetes.control_plane import ControlPlane, StartError
from testbed.kubernetes.debian import ToolMissingError
from testbed.kubernetes.node import Node
from testbed.kubernetes.registry import PrivateRegistry, PushError

pytestmark = pytest.mark.cluster

SECRETS = "/api/v1/namespaces/default/secrets"
PODS = "/api/v1/namespaces/default/pods"
EVENTS = "/api/v1/namespaces/default/events?limit=500&fieldSelector=involvedObject.name={}"
WHO = {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"}


@pytest.fixture(scope="module")
def control_plane() -> Iterator[ControlPlane]:
    with ControlPlane(audit=True, tokens={"a-token": ("somebody", ["developers"])}) as control_plane:
        yield control_plane


@pytest.fixture(scope="module")
def api(control_plane: ControlPlane) -> Iterator[Api]:
    with Api(control_plane) as api:
        yield api


@pytest.fixture(scope="module")
def registry() -> Iterator[PrivateRegistry]:
    with PrivateRegistry(users={"AWS": "first"}) as registry:
        yield registry


@pytest.fixture(scope="module")
def node(control_plane: ControlPlane, registry: PrivateRegistry) -> Iterator[Node]:
    with Node(control_plane, registries=[registry.host], labels={"pool": "tests"}) as node:
        yield node


def run_pod(api: Api, node: Node, name: str, image: str, **container: Any) -> None:
    spec = {
        "nodeName": node.name,
        "terminationGracePeriodSeconds": 1,
        "imagePullSecrets": [{"name": f"{name}-pull"}],
        "containers": [{"name": "app", "image": image, **container}],
    }
    api.post(PODS, {"metadata": {"name": name}, "spec": spec})


def write_pull_secret(api: Api, name: str, docker_config: str) -> None:
    kind = "kubernetes.io/dockerconfigjson"
    data = {".dockerconfigjson": docker_config}
    api.post(SECRETS, {"metadata": {"name": name}, "type": kind, "stringData": data})


def restart_kubelet(node: Node) -> None:
    node.kill_kubelet()
    node.start_kubelet()
    node.wait_ready()


def is_running(pod: Any) -> bool:
    return bool(pod["status"]["phase"] == "Running")


def event_with(reason: str, text: str) -> Callable[[Any], bool]:
    return lambda events: any(event["reason"] == reason and text in event["message"] for event in events["items"])


def test_a_private_image_is_not_pulled_without_a_secret_and_the_event_says_why(
    api: Api, node: Node, registry: PrivateRegistry
) -> None:
    registry.push("team/without:1")

    run_pod(api, node, "without", f"{registry.host}/team/without:1")

    api.wait_for(EVENTS.format("without"), event_with("Failed", "401 Unauthorized"))
    api.wait_for(EVENTS.format("without"), event_with("FailedToRetrieveImagePullSecret", "without-pull"))
    assert api.get(f"{PODS}/without")["status"]["phase"] == "Pending"


def test_a_private_image_is_pulled_with_a_secret(api: Api, node: Node, registry: PrivateRegistry) -> None:
    registry.push("team/with:1")
    write_pull_secret(api, "with-pull", registry.docker_config())

    run_pod(api, node, "with", f"{registry.host}/team/with:1")

    pod = api.wait_for(f"{PODS}/with", is_running)
    assert pod["status"]["containerStatuses"][0]["imageID"].startswith(f"{registry.host}/team/with@sha256:")
    assert f"{registry.host}/team/with:1" in node.image_names()


def test_a_rotated_password_lets_nobody_in_who_has_the_old_one(api: Api, node: Node, registry: PrivateRegistry) -> None:
    registry.push("team/rotated:1")
    write_pull_secret(api, "rotated-pull", registry.docker_config())
    registry.accept({"AWS": "second"})

    run_pod(api, node, "rotated", f"{registry.host}/team/rotated:1")

    api.wait_for(EVENTS.format("rotated"), event_with("Failed", "401 Unauthorized"))
    config = {".dockerconfigjson": registry.docker_config()}
    api.patch(f"{SECRETS}/rotated-pull", {"stringData": config})
    assert is_running(api.wait_for(f"{PODS}/rotated", is_running, seconds=90))


def test_the_digest_that_push_answers_is_the_one_that_the_kubelet_pulls(
    api: Api, node: Node, registry: PrivateRegistry
) -> None:
    digest = registry.push("team/digest:1")
    write_pull_secret(api, "digest-pull", registry.docker_config())

    run_pod(api, node, "digest", f"{registry.host}/team/digest@{digest}")

    pod = api.wait_for(f"{PODS}/digest", is_running)
    assert pod["status"]["containerStatuses"][0]["imageID"].endswith(digest)


def test_a_failing_hook_is_reported_as_the_field_reports_it(api: Api, node: Node, registry: PrivateRegistry) -> None:
    registry.push("team/hook:1")
    write_pull_secret(api, "hook-pull", registry.docker_config())
    hook = {"postStart": {"exec": {"command": ["sh", "-c", "echo no database; exit 3"]}}}

    run_pod(api, node, "hook", f"{registry.host}/team/hook:1", lifecycle=hook)

    api.wait_for(EVENTS.format("hook"), event_with("FailedPostStartHook", "PostStartHook failed"))
    assert "no database" in node.kubelet_log.read_text()


def test_a_pod_takes_arguments_and_its_log_is_read_through_the_api(
    api: Api, node: Node, registry: PrivateRegistry
) -> None:
    registry.push("team/args:1")
    write_pull_secret(api, "args-pull", registry.docker_config())

    run_pod(api, node, "args", f"{registry.host}/team/args:1", args=["sh", "-c", "echo hello; sleep 3600"])

    api.wait_for(f"{PODS}/args", is_running)
    assert api.get_text(f"{PODS}/args/log") == "hello\n"


def test_a_kubelet_reads_the_credentials_of_its_root_dir_as_it_starts(
    api: Api, node: Node, registry: PrivateRegistry
) -> None:
    registry.push("team/node-config:1")
    config = node.root_dir / "config.json"
    config.write_text(registry.docker_config())
    # A running one keeps what it last found there, or that nothing was, for five minutes.
    restart_kubelet(node)
    try:
        run_pod(api, node, "node-config", f"{registry.host}/team/node-config:1")
        pod = api.wait_for(f"{PODS}/node-config", is_running)
    finally:
        config.unlink()
        restart_kubelet(node)
    assert pod["spec"]["imagePullSecrets"] == [{"name": "node-config-pull"}]


def test_a_pod_outlives_its_kubelet(api: Api, node: Node, registry: PrivateRegistry) -> None:
    registry.push("team/survivor:1")
    write_pull_secret(api, "survivor-pull", registry.docker_config())
    run_pod(api, node, "survivor", f"{registry.host}/team/survivor:1")
    before = api.wait_for(f"{PODS}/survivor", is_running)["status"]["containerStatuses"][0]["containerID"]

    restart_kubelet(node)

    after = api.wait_for(f"{PODS}/survivor", is_running)["status"]["containerStatuses"][0]
    assert (after["containerID"], after["restartCount"]) == (before, 0)


def test_a_nodes_labels_are_those_asked_for(api: Api, node: Node) -> None:
    assert api.get(f"/api/v1/nodes/{node.name}")["metadata"]["labels"]["pool"] == "tests"


def test_only_the_accepted_users_push(registry: PrivateRegistry) -> None:
    accepted = registry.docker_config()
    with PrivateRegistry(users={"AWS": "other"}) as other:
        other.push("team/own:1")
        other.docker_config = lambda: accepted.replace(registry.host, other.host)  # type: ignore[method-assign]
        with pytest.raises(PushError, match=r"could not push team/app:1 to 127\.0\.0\.1"):
            other.push("team/app:1")


def test_a_token_stands_for_its_user_and_groups(control_plane: ControlPlane) -> None:
    with Api(control_plane, token="a-token") as somebody:
        review = somebody.post("/apis/authentication.k8s.io/v1/selfsubjectreviews", WHO)
        with pytest.raises(ApiError, match='User "somebody" cannot list resource "secrets"') as refused:
            somebody.get(SECRETS)
    assert review["status"]["userInfo"]["groups"] == ["developers", "system:authenticated"]
    assert refused.value.status == 403


def test_the_audit_log_says_who_did_what_and_no_secret(control_plane: ControlPlane, api: Api) -> None:
    write_pull_secret(api, "audited", json.dumps({"auths": {"registry.example": {"auth": "aHVzaDpodXNo"}}}))
    assert control_plane.audit_log is not None
    log = control_plane.audit_log.read_text()
    entries = [json.loads(line) for line in log.splitlines()]
    created = [entry for entry in entries if entry["verb"] == "create" and entry["requestURI"] == SECRETS]
    assert {entry["user"]["username"] for entry in created} == {"testbed-admin"}
    assert "aHVzaDpodXNo" not in log


def test_an_api_server_that_was_killed_comes_back_with_its_data(control_plane: ControlPlane, api: Api) -> None:
    made = api.post("/api/v1/namespaces", {"metadata": {"name": "kept"}})

    control_plane.kill_api_server()
    control_plane.start_api_server()
    control_plane.wait_ready()

    assert api.get("/api/v1/namespaces/kept")["metadata"]["uid"] == made["metadata"]["uid"]


def test_a_wait_that_is_in_vain_shows_no_secret(api: Api) -> None:
    write_pull_secret(api, "unseen", json.dumps({"auths": {"registry.example": {"auth": "aHVzaDpodXNo"}}}))
    with pytest.raises(TimeoutError, match='"name": "unseen"') as timeout:
        api.wait_for(f"{SECRETS}/unseen", lambda _: False, seconds=0)
    assert '"data"' not in str(timeout.value)


def test_a_control_plane_that_does_not_start_says_why_and_leaves_nothing() -> None:
    broken = ControlPlane(api_server_flags=["--no-such-flag"])
    with pytest.raises(StartError, match="unknown flag: --no-such-flag"), broken:
        pass
    assert not broken.data_dir.exists()


TO_BE_KILLED = """
import json, sys
from testbed.kubernetes.control_plane import ControlPlane
from testbed.kubernetes.node import Node
with ControlPlane() as control_plane, Node(control_plane) as node:
    print(json.dumps([str(control_plane.data_dir), str(node.data_dir)]), flush=True)
    sys.stdin.read()
"""


def test_nothing_is_left_when_the_tests_are_killed() -> None:
    command = [sys.executable, "-c", TO_BE_KILLED]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as victim:
        assert victim.stdout is not None
        folders = [Path(folder) for folder in json.loads(victim.stdout.readline())]
        assert all(folder.exists() for folder in folders)
        os.kill(victim.pid, signal.SIGKILL)

    deadline = time.monotonic() + 30
    while (left := traces(folders)) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert left == []


def traces(folders: list[Path]) -> list[str]:
    """Processes and mounts that name one of the folders, and the folders."""
    commands = [path.read_text(errors="replace") for path in Path("/proc").glob("[0-9]*/cmdline") if path.exists()]
    mounts = Path("/proc/self/mounts").read_text().splitlines()
    left = [text for text in commands + mounts if any(str(folder) in text for folder in folders)]
    return left + [str(folder) for folder in folders if folder.exists()]


def test_without_go_the_error_says_what_to_install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KUBESTEWARD_CACHE", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(ToolMissingError, match=r"Go is needed to build etcd .* install Go 1\.24 or newer"):
        binaries.ensure("etcd")
