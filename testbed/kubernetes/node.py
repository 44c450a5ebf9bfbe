"""A real node: containerd, runc, a bridge and the kubelet, registered with a control plane on this machine."""

import json
import secrets
import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from testbed.kubernetes import binaries
from testbed.kubernetes.api import Api
from testbed.kubernetes.control_plane import ControlPlane
from testbed.kubernetes.debian import NODE_PACKAGES, ToolMissingError, ensure_debian_packages, require_root
from testbed.kubernetes.images import write_archive
from testbed.kubernetes.network import Bridge
from testbed.kubernetes.processes import Service, StartError, free_port
from testbed.kubernetes.reaper import Reaper, cgroup_folders

__all__ = ["Node", "StartError", "ToolMissingError", "ensure_debian_packages"]

_SANDBOX = "docker.io/kubesteward/sandbox:1"
_READY_SECONDS = 90


@dataclass
class Node:
    """Context manager: one Ready node of the control plane, gone with its pods at the end. Needs root.

    `registries` are hosts (`127.0.0.1:PORT`) that are spoken to over plain HTTP; `mirrors` sends what images call a
    registry (`111122223333.dkr.ecr…`) to such a host, with the credential for the name. `kubelet_settings` go into
    the KubeletConfiguration, `taints` are put on the node as it registers. Pods reach each other and this machine over
    a bridge, nothing else: there is no DNS, no kube-proxy and no way out.
    Raises StartError with the end of the log of whatever did not start, ToolMissingError where packages or root miss.
    """

    control_plane: ControlPlane
    registries: Sequence[str] = ()
    mirrors: Mapping[str, str] = field(default_factory=dict)
    name: str = field(default_factory=lambda: f"node-{secrets.token_hex(3)}")
    labels: Mapping[str, str] = field(default_factory=dict)
    taints: Sequence[Mapping[str, str]] = ()
    kubelet_settings: Mapping[str, Any] = field(default_factory=dict)

    data_dir: Path = field(init=False)
    root_dir: Path = field(init=False)
    kubelet_log: Path = field(init=False)
    containerd_log: Path = field(init=False)

    def __enter__(self) -> Self:
        require_root("a Kubernetes node")
        ensure_debian_packages(NODE_PACKAGES)
        self._kubelet_binary = binaries.ensure("kubelet")["kubelet"]
        with ExitStack() as stack:
            self._reaper = stack.enter_context(Reaper())
            self._services: dict[str, Service] = {}
            self._killed = ""
            stack.callback(self._kill_all)
            self._prepare()
            self._start_containerd()
            self._import_sandbox()
            self.start_kubelet()
            self.wait_ready()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def kill_kubelet(self) -> None:
        """SIGKILL; the pods run on."""
        self._services["kubelet"].kill()
        self._killed = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")

    def start_kubelet(self) -> None:
        """Start the kubelet (again); `wait_ready` says when the node is Ready."""
        flags = [
            f"--config={self._file('kubelet.json')}",
            f"--kubeconfig={self._file('kubelet.kubeconfig')}",
            f"--root-dir={self.root_dir}",
            f"--cert-dir={self._file('certificates')}",
            f"--hostname-override={self.name}",
            f"--node-ip={self._bridge.address}",
            f"--node-labels={','.join(f'{key}={value}' for key, value in self.labels.items())}",
            "--v=2",
        ]
        self._services["kubelet"] = Service([self._kubelet_binary, *flags], log=self.kubelet_log, reaper=self._reaper)

    def wait_ready(self) -> None:
        """Return when the control plane says that the node is Ready and lets pods on it."""
        kubelet, path = self._services["kubelet"], f"/api/v1/nodes/{self.name}"
        with Api(self.control_plane) as api:
            kubelet.wait_for(lambda: _is_ready(api.find(path), self._killed), seconds=_READY_SECONDS, what="Ready")

    def image_names(self) -> set[str]:
        """Every name, tag or digest, of the images that containerd holds."""
        return set(self._ctr("images", "list", "--quiet").split())

    def remove_image(self, name: str) -> None:
        """Take the image from containerd, so that the next pod pulls it again."""
        self._ctr("images", "remove", "--sync", name)

    def _prepare(self) -> None:
        self.data_dir = Path(tempfile.mkdtemp(prefix="kubesteward-node-"))
        self._reaper.remove_tree(self.data_dir)
        self.root_dir = self._file("kubelet")
        self.kubelet_log, self.containerd_log = self._file("kubelet.log"), self._file("containerd.log")
        self._bridge = Bridge.create(self._reaper)
        self._write_cni()
        self._write_cgroup()
        self._write_kubelet_settings()
        user = self.control_plane.authority.issue(f"system:node:{self.name}", groups=["system:nodes"])
        self.control_plane.write_certificate_kubeconfig(self._file("kubelet.kubeconfig"), user)
        self._file("containerd.toml").write_text(self._containerd_settings())

    def _file(self, name: str) -> Path:
        return self.data_dir / name

    def _write_cni(self) -> None:
        self._file("cni").mkdir()
        self._file("cni/10-bridge.conflist").write_text(json.dumps(self._bridge.cni(self._file("addresses"))))

    def _write_cgroup(self) -> None:
        """A control group of its own, for two kubelets in one would kill each other's pods as orphans."""
        self._cgroup = f"kubesteward-{self.name}"
        self._reaper.remove_cgroup(self._cgroup)
        for folder in cgroup_folders(self._cgroup):
            folder.mkdir(exist_ok=True)
        # Only where version 2 stands alone: beside version 1 it has no controllers to hand down.
        controllers = Path("/sys/fs/cgroup/cgroup.controllers")
        if controllers.exists():
            wanted = " ".join(f"+{name}" for name in controllers.read_text().split())
            controllers.with_name("cgroup.subtree_control").write_text(wanted)

    def _write_kubelet_settings(self) -> None:
        settings: dict[str, Any] = {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "address": self._bridge.address,
            "port": free_port(),
            "healthzPort": 0,
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": False},
                "x509": {"clientCAFile": str(self.control_plane.authority.certificate)},
            },
            "authorization": {"mode": "AlwaysAllow"},
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{self._cgroup}",
            "clusterDNS": ["10.0.0.10"],
            "containerRuntimeEndpoint": f"unix://{self._socket}",
            "enforceNodeAllocatable": [],
            "evictionHard": {"memory.available": "1Mi", "nodefs.available": "1%", "imagefs.available": "1%"},
            "failCgroupV1": False,
            "failSwapOn": False,
            "featureGates": dict(self.control_plane.feature_gates),
            "imageGCHighThresholdPercent": 100,
            "makeIPTablesUtilChains": False,
            "nodeStatusUpdateFrequency": "2s",
            "podLogsDir": str(self._file("pods")),
            "registerWithTaints": [dict(taint) for taint in self.taints],
            "resolvConf": "",
            "staticPodPath": "",
            **self.kubelet_settings,
        }
        self._file("kubelet.json").write_text(json.dumps(settings))

    @property
    def _socket(self) -> Path:
        return self._file("containerd.sock")

    def _containerd_settings(self) -> str:
        """Version 2, for containerd 1.6 and 1.7. Where a namespace's own `oom_score_adj` cannot be lowered, runc
        says no more than that it "can't get final child's PID from pipe": hence `restrict_oom_score_adj`.
        """
        cri = 'plugins."io.containerd.grpc.v1.cri"'
        lines = [
            "version = 2",
            f'root = "{self._file("containerd/root")}"',
            f'state = "{self._file("containerd/state")}"',
            f'[grpc]\naddress = "{self._socket}"',
            f'[plugins."io.containerd.internal.v1.opt"]\npath = "{self._file("containerd/opt")}"',
            f'[{cri}]\nsandbox_image = "{_SANDBOX}"',
            "restrict_oom_score_adj = true",
            "netns_mounts_under_state_dir = true",
            f'[{cri}.cni]\nbin_dir = "/usr/lib/cni"\nconf_dir = "{self._file("cni")}"',
            f'[{cri}.containerd]\ndefault_runtime_name = "runc"',
            f'[{cri}.containerd.runtimes.runc]\nruntime_type = "io.containerd.runc.v2"',
            *(f'[{cri}.registry.mirrors."{host}"]\nendpoint = ["http://{real}"]' for host, real in self._endpoints()),
        ]
        return "\n".join(lines)

    def _endpoints(self) -> list[tuple[str, str]]:
        return [*((host, host) for host in self.registries), *self.mirrors.items()]

    def _start_containerd(self) -> None:
        command = ["containerd", "--config", str(self._file("containerd.toml"))]
        service = Service(command, log=self.containerd_log, reaper=self._reaper)
        self._services["containerd"] = service
        service.wait_for(self._containerd_answers, seconds=30, what="answering")

    def _containerd_answers(self) -> bool:
        if not self._socket.exists():
            return False
        return subprocess.run(self._ctr_command("version"), capture_output=True, check=False).returncode == 0

    def _import_sandbox(self) -> None:
        archive = write_archive(self._file("sandbox.tar"), self._file("sandbox"), _SANDBOX)
        self._ctr("images", "import", str(archive))
        shutil.rmtree(self._file("sandbox"))

    def _ctr(self, *arguments: str) -> str:
        done = subprocess.run(self._ctr_command(*arguments), capture_output=True, text=True, check=False)
        if done.returncode != 0:
            raise RuntimeError(f"`ctr {' '.join(arguments)}` failed: {done.stderr.strip()}")
        return done.stdout

    def _ctr_command(self, *arguments: str) -> list[str]:
        return ["ctr", "--address", str(self._socket), "--namespace", "k8s.io", *arguments]

    def _kill_all(self) -> None:
        for service in reversed(self._services.values()):
            service.kill()


def _is_ready(node: Any, killed: str) -> bool:
    """Ready, as said by a kubelet that lives, and without the taint that a node has until its controller saw it."""
    if node is None:
        return False
    ready = [
        condition["status"]
        for condition in node["status"].get("conditions", [])
        if condition["type"] == "Ready" and condition["lastHeartbeatTime"] > killed
    ]
    taints = {taint["key"] for taint in node["spec"].get("taints", [])}
    return ready == ["True"] and "node.kubernetes.io/not-ready" not in taints
