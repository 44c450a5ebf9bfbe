"""EmbeddedApi: the embedded API server in a thread of the calling process."""

import asyncio
import base64
import json
import secrets
import tempfile
import threading
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import Any, Self

from aiohttp import web

from testbed.embedded_api import objects
from testbed.embedded_api.access import Denial
from testbed.embedded_api.faults import Answer, Breakage, Fault
from testbed.embedded_api.resources import KINDS, NAMESPACES, Resource
from testbed.embedded_api.server import ApiServer, AuditedRequest
from testbed.embedded_api.status import Json

USER = "embedded-admin"
_FIRST_NAMESPACES = ("default", "kube-node-lease", "kube-public", "kube-system")


class EmbeddedApi:
    """Context manager: a Kubernetes API on 127.0.0.1 that lives as long as the `with` block.

    `port` 0 takes a free one. With `hold_default_service_accounts`, new namespaces get their `default` account
    only when `release_default_service_accounts` is called. All methods may be called from any thread.
    """

    url: str
    token: str
    kubeconfig: Path

    def __init__(self, *, port: int = 0, hold_default_service_accounts: bool = False) -> None:
        self._port = port
        self._hold = hold_default_service_accounts

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="embedded-api-")))
            self._start(stack)
            self.token = self.add_user(USER)
            self.kubeconfig = self._write_kubeconfig(folder / "kubeconfig")
            for name in _FIRST_NAMESPACES:
                self.create_namespace(name)
            self._server.verbs.hold_default_service_accounts = self._hold
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    @property
    def requests(self) -> tuple[AuditedRequest, ...]:
        """Every request since the start or the last `forget_requests`, oldest first."""
        return tuple(self._server.audit)

    @property
    def writes(self) -> tuple[AuditedRequest, ...]:
        return tuple(request for request in self.requests if request.is_write)

    def forget_requests(self) -> None:
        self._do(self._server.audit.clear)

    def add_user(self, user: str, token: str = "") -> str:
        """A bearer token for `user`, who may do everything that no denial forbids."""
        token = token or secrets.token_urlsafe(24)
        self._do(lambda: self._server.access.users.update({token: user}))
        return token

    def revoke(self, token: str) -> None:
        """Requests with this token are answered 401 from now on."""
        self._do(lambda: self._server.access.users.pop(token, None))

    def deny(
        self, verb: str | None = None, resource: str | None = None, namespace: str | None = None, user: str = USER
    ) -> None:
        """403, as RBAC words it, for what matches; None means any."""
        self._do(lambda: self._server.access.denials.append(Denial(user, verb, resource, namespace)))

    def allow_everything(self) -> None:
        """Lift every denial."""
        self._do(self._server.access.denials.clear)

    def fault(
        self, effect: Answer | Breakage, *, path: str = "*", verb: str | None = None, times: int | None = 1
    ) -> Fault:
        """Have the next `times` matching requests (None: all) get `effect`; `path` is a glob, `verb` as audited."""
        fault = Fault(effect, path, verb, times)
        self._do(lambda: self._server.faults.append(fault))
        return fault

    def clear_faults(self) -> None:
        self._do(self._server.faults.clear)

    def create_namespace(self, name: str, labels: Mapping[str, str] | None = None) -> Json:
        """A namespace and, unless they are held, its default service account."""
        return self.create("namespaces", None, {"metadata": {"name": name, "labels": dict(labels or {})}})

    def delete_namespace(self, name: str) -> None:
        """As DELETE does it: contents first; what holds a finalizer keeps the namespace terminating."""
        self._do(lambda: self._server.verbs.terminate(name))

    def terminate_namespace(self, name: str) -> None:
        """Leave the namespace terminating, as if something in it took its time."""
        self._do(lambda: self._server.verbs.terminate(name, finish=False))

    def release_default_service_accounts(self) -> None:
        self._do(self._server.verbs.release_default_service_accounts)

    def expire_continue_tokens(self) -> None:
        """Answer 410 to every continue token given so far, as after a compaction of etcd."""
        self._do(self._server.store.forget_snapshots)

    def create(self, plural: str, namespace: str | None, obj: Json) -> Json:
        """Put an object of any served kind there without a request: no audit, no validation, no ownership.

        Raises ValueError if there is one of its name.
        """
        kind = _kind(plural)

        def put() -> Json:
            born = objects.newborn(objects.decode(obj, kind), kind, namespace)
            if self._server.store.get(kind, namespace, born["metadata"]["name"]):
                raise ValueError(f"{plural} {born['metadata']['name']!r} is there already: delete it first")
            stored = self._server.store.put(kind, born)
            if kind is NAMESPACES:
                self._server.verbs.greet(stored["metadata"]["name"])
            return stored

        return self._do(put)

    def get(self, plural: str, namespace: str | None, name: str) -> Json | None:
        """An object as stored, None if there is none; without a request."""
        return self._do(lambda: self._server.store.get(_kind(plural), namespace, name))

    def objects(self, plural: str, namespace: str | None = None) -> list[Json]:
        """All objects of a kind; without a request."""
        return self._do(lambda: self._server.store.all_of(_kind(plural), namespace))

    def secret(self, namespace: str, name: str) -> dict[str, bytes] | None:
        """The decoded data of a Secret, None if there is none."""
        found = self.get("secrets", namespace, name)
        return {key: base64.b64decode(value) for key, value in found.get("data", {}).items()} if found else None

    def _do[T](self, action: Callable[[], T]) -> T:
        """Run `action` in the server's loop, where all state is changed."""

        async def run() -> T:
            return action()

        return asyncio.run_coroutine_threadsafe(run(), self._loop).result(timeout=30)

    def _start(self, stack: ExitStack) -> None:
        started = threading.Event()
        failures: list[BaseException] = []

        def run() -> None:
            try:
                asyncio.run(self._run(started))
            except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
                failures.append(error)
                started.set()

        thread = threading.Thread(target=run, name="embedded-api", daemon=True)
        thread.start()
        started.wait()
        if failures:
            raise failures[0]
        stack.callback(thread.join)
        stack.callback(lambda: self._do(self._server.stopped.set))

    async def _run(self, started: threading.Event) -> None:
        self._loop = asyncio.get_running_loop()
        self._server = ApiServer()
        async with self._server:
            runner = web.ServerRunner(web.Server(self._server), shutdown_timeout=1)
            await runner.setup()
            try:
                site = web.TCPSite(runner, "127.0.0.1", self._port)
                await site.start()
                self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
                started.set()
                await self._server.stopped.wait()
            finally:
                await runner.cleanup()

    def _write_kubeconfig(self, path: Path) -> Path:
        config: dict[str, Any] = {
            "apiVersion": "v1",
            "kind": "Config",
            "clusters": [{"name": "embedded", "cluster": {"server": self.url}}],
            "users": [{"name": "embedded", "user": {"token": self.token}}],
            "contexts": [{"name": "embedded", "context": {"cluster": "embedded", "user": "embedded"}}],
            "current-context": "embedded",
        }
        path.touch(mode=0o600)
        path.write_text(json.dumps(config))
        return path


def _kind(plural: str) -> Resource:
    return next(kind for kind in KINDS if kind.plural == plural)
