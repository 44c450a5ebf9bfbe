"""A real control plane on this machine's loopback: etcd, kube-apiserver, kube-controller-manager."""

import csv
import json
import secrets
import tempfile
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import urllib3

from testbed.kubernetes import binaries
from testbed.kubernetes.api import Api, ApiError
from testbed.kubernetes.certificates import Authority, Certificate, write_key_pair
from testbed.kubernetes.processes import Service, StartError, free_port
from testbed.kubernetes.reaper import Reaper

__all__ = ["ControlPlane", "StartError"]

_AUDIT_POLICY = {
    "apiVersion": "audit.k8s.io/v1",
    "kind": "Policy",
    "omitStages": ["RequestReceived"],
    "rules": [{"level": "Metadata"}],
}
_READY_SECONDS = 60


@dataclass(kw_only=True)
class ControlPlane:
    """Context manager: a Kubernetes API of this process's own, gone without a trace at its end or its process's.

    `tokens` maps bearer tokens to (user, groups), besides the admin's. `token_webhook` is a kubeconfig file
    for `--authentication-token-webhook-config-file`. `api_server_flags` are added as they are.
    Raises StartError with the end of the log of whatever did not start, ToolMissingError where Go is missing.
    """

    audit: bool = False
    tokens: Mapping[str, tuple[str, Sequence[str]]] = field(default_factory=dict)
    controller_manager: bool = True
    scheduler: bool = False
    feature_gates: Mapping[str, bool] = field(default_factory=dict)
    token_webhook: Path | None = None
    api_server_flags: Sequence[str] = ()

    url: str = field(init=False)
    ca_pem: str = field(init=False)
    admin_token: str = field(init=False, repr=False)
    data_dir: Path = field(init=False)
    kubeconfig: Path = field(init=False)
    audit_log: Path | None = field(init=False, default=None)
    authority: Authority = field(init=False, repr=False)

    def __enter__(self) -> Self:
        self._binaries = binaries.ensure(*self._programs())
        with ExitStack() as stack:
            self._reaper = stack.enter_context(Reaper())
            self._services: dict[str, Service] = {}
            stack.callback(self._kill_all)
            self._prepare()
            self._start_etcd()
            self.start_api_server()
            for name in self._controllers():
                self._start_controller(name)
            self.wait_ready()
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def kill_api_server(self) -> None:
        """SIGKILL: connections break, nothing is said goodbye to, etcd keeps what it has."""
        self._services["kube-apiserver"].kill()

    def start_api_server(self) -> None:
        """Start it (again) on its port, with the same data; `wait_ready` says when it answers."""
        self._start("kube-apiserver", self._api_server_flags())

    def wait_ready(self) -> None:
        """Return when the API server is ready, and pods can be made in `default` if controllers run."""
        with Api(self) as api:
            server = self._services["kube-apiserver"]
            server.wait_for(lambda: _answers(api, "/readyz"), seconds=_READY_SECONDS, what="ready")
            if self.controller_manager:
                account = "/api/v1/namespaces/default/serviceaccounts/default"
                manager = self._services["kube-controller-manager"]
                manager.wait_for(lambda: _answers(api, account), seconds=_READY_SECONDS, what="at work")

    def write_kubeconfig(self, path: Path, user: Mapping[str, str]) -> Path:
        """A kubeconfig file (in JSON, which is YAML) for this server and a user, as `{"token": ...}`."""
        cluster = {"server": self.url, "certificate-authority": str(self.authority.certificate)}
        content: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "testbed", "cluster": cluster}],
            "users": [{"name": "testbed", "user": dict(user)}],
            "contexts": [{"name": "testbed", "context": {"cluster": "testbed", "user": "testbed"}}],
            "current-context": "testbed",
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps(content))
        return path

    def write_certificate_kubeconfig(self, path: Path, certificate: Certificate) -> Path:
        """A kubeconfig file for a user that is known by a certificate of this control plane's authority."""
        files = {"client-certificate": str(certificate.certificate), "client-key": str(certificate.key)}
        return self.write_kubeconfig(path, files)

    def _controllers(self) -> list[str]:
        wanted = {"kube-controller-manager": self.controller_manager, "kube-scheduler": self.scheduler}
        return [name for name, on in wanted.items() if on]

    def _programs(self) -> list[str]:
        return ["etcd", "kube-apiserver", *self._controllers()]

    def _prepare(self) -> None:
        self.data_dir = Path(tempfile.mkdtemp(prefix="kubesteward-"))
        self._reaper.remove_tree(self.data_dir)
        self._port, self._etcd = free_port(), f"http://127.0.0.1:{free_port()}"
        self.url = f"https://127.0.0.1:{self._port}"
        self.authority = Authority(self.data_dir)
        self.ca_pem = self.authority.pem
        self.admin_token = secrets.token_urlsafe(24)
        self._account_key, self._account_public = write_key_pair(self.data_dir, "service-accounts")
        self._server = self.authority.issue("kube-apiserver", hosts=["127.0.0.1", "localhost"])
        self._to_kubelets = self.authority.issue("kube-apiserver-kubelet-client", groups=["system:masters"])
        self.kubeconfig = self.write_kubeconfig(self.data_dir / "kubeconfig", {"token": self.admin_token})
        self._write_tokens()
        if self.audit:
            self.audit_log = self.data_dir / "audit.log"
            self._file("audit-policy.json").write_text(json.dumps(_AUDIT_POLICY))

    def _file(self, name: str) -> Path:
        return self.data_dir / name

    def _write_tokens(self) -> None:
        """A static token file: token, user, uid and the groups in one quoted field."""
        everybody = {self.admin_token: ("testbed-admin", ["system:masters"]), **self.tokens}
        path = self._file("tokens.csv")
        path.touch(mode=0o600)
        with path.open("w", newline="") as handle:
            for token, (user, groups) in everybody.items():
                csv.writer(handle).writerow([token, user, user, ",".join(groups)])

    def _start(self, name: str, flags: Sequence[str]) -> None:
        log = self._file(f"{name}.log")
        self._services[name] = Service([self._binaries[name], *flags], log=log, reaper=self._reaper)

    def _start_etcd(self) -> None:
        peers = f"http://127.0.0.1:{free_port()}"
        flags = [
            f"--data-dir={self._file('etcd')}",
            f"--listen-client-urls={self._etcd}",
            f"--advertise-client-urls={self._etcd}",
            f"--listen-peer-urls={peers}",
            f"--initial-advertise-peer-urls={peers}",
            f"--initial-cluster=default={peers}",
            "--unsafe-no-fsync",
            "--log-level=warn",
        ]
        self._start("etcd", flags)

    def _api_server_flags(self) -> list[str]:
        flags = [
            f"--etcd-servers={self._etcd}",
            "--bind-address=127.0.0.1",
            f"--secure-port={self._port}",
            # Found by looking for a default route otherwise; nothing is told this address (no reconciler).
            "--advertise-address=192.0.2.1",
            "--endpoint-reconciler-type=none",
            "--service-cluster-ip-range=10.0.0.0/24",
            f"--client-ca-file={self.authority.certificate}",
            f"--tls-cert-file={self._server.certificate}",
            f"--tls-private-key-file={self._server.key}",
            "--kubelet-preferred-address-types=InternalIP",
            f"--kubelet-client-certificate={self._to_kubelets.certificate}",
            f"--kubelet-client-key={self._to_kubelets.key}",
            f"--token-auth-file={self._file('tokens.csv')}",
            "--authorization-mode=Node,RBAC",
            "--enable-admission-plugins=NodeRestriction",
            "--allow-privileged",
            "--service-account-issuer=https://kubernetes.default.svc",
            f"--service-account-key-file={self._account_public}",
            f"--service-account-signing-key-file={self._account_key}",
            *self._gates(),
        ]
        if self.audit_log:
            flags += [f"--audit-policy-file={self._file('audit-policy.json')}"]
            flags += [f"--audit-log-path={self.audit_log}"]
        if self.token_webhook:
            flags += [f"--authentication-token-webhook-config-file={self.token_webhook}"]
        return [*flags, *self.api_server_flags]

    def _start_controller(self, name: str) -> None:
        certificate = self.authority.issue(f"system:{name}")
        kubeconfig = self.write_certificate_kubeconfig(self._file(f"{name}.kubeconfig"), certificate)
        flags = [f"--kubeconfig={kubeconfig}", "--leader-elect=false", "--secure-port=0", *self._gates()]
        if name == "kube-controller-manager":
            flags += [
                f"--service-account-private-key-file={self._account_key}",
                f"--root-ca-file={self.authority.certificate}",
                "--use-service-account-credentials",
                # The default of 20 a second makes the controllers' start 3 s longer.
                "--kube-api-qps=500",
                "--kube-api-burst=1000",
            ]
        self._start(name, flags)

    def _gates(self) -> list[str]:
        gates = ",".join(f"{name}={str(on).lower()}" for name, on in self.feature_gates.items())
        return [f"--feature-gates={gates}"] if gates else []

    def _kill_all(self) -> None:
        for service in self._services.values():
            service.kill()


def _answers(api: Api, path: str) -> bool:
    try:
        api.get_text(path)
    except (ApiError, urllib3.exceptions.NewConnectionError, urllib3.exceptions.ProtocolError):
        return False
    return True
