"""The HTTP side: kmock's handler, its array of objects and its discovery, with the verbs of a real API server.

kmock 0.8 fails on `/api/v1/namespaces`, knows no PUT and no apply, and words its refusals in its own way: requests
for objects are answered by `verbs`, and all others (discovery, version, health) by kmock's reactions.
"""

import asyncio
import contextlib
import json
import socket
import struct
from collections.abc import Mapping
from dataclasses import dataclass

import kmock
from aiohttp import web

from testbed.embedded_api import resources, status, wire
from testbed.embedded_api.access import Access
from testbed.embedded_api.faults import Answer, Breakage, Fault
from testbed.embedded_api.resources import Target
from testbed.embedded_api.status import Json, StatusError
from testbed.embedded_api.store import Store
from testbed.embedded_api.verbs import Call, Verbs

MAX_BODY = 3 * 1024 * 1024
"""Bytes of a request body that kube-apiserver reads."""

_PUBLIC = {"/healthz", "/livez", "/readyz", "/version"}
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)
WRITES = frozenset({"create", "update", "patch", "delete"})


@dataclass
class AuditedRequest:
    """One request as an audit log tells it; `status` stays 0 while, or if, there is no answer."""

    verb: str
    path: str
    query: Mapping[str, str]
    user: str = ""
    status: int = 0

    @property
    def is_write(self) -> bool:
        return self.verb in WRITES


class ApiServer(kmock.KubernetesScaffold):
    """An aiohttp handler that answers as kube-apiserver does, and remembers what it was asked."""

    def __init__(self, *, hold_default_service_accounts: bool = False) -> None:
        super().__init__()
        resources.declare(self.resources)
        self.store = Store(kmock.ObjectsArray())
        self.verbs = Verbs(self.store, hold_default_service_accounts=hold_default_service_accounts)
        self.access = Access()
        self.faults: list[Fault] = []
        self.audit: list[AuditedRequest] = []
        self.stopped = asyncio.Event()
        version = {"major": "1", "minor": "34", "gitVersion": "v1.34.4+embedded"}
        self["get /version"] << version
        for path in _PUBLIC - {"/version"}:
            self[f"get {path}"] << b"ok"

    async def __call__(self, raw: web.BaseRequest) -> web.StreamResponse:
        """Answer one request; every request is audited, faults come before everything else."""
        target = resources.locate(raw.path)
        entry = AuditedRequest(_verb(raw, target), raw.path, dict(raw.query))
        self.audit.append(entry)
        fault = next((fault for fault in self.faults if fault.strikes(entry.verb, entry.path)), None)
        match fault.effect if fault else None:
            case Breakage() as breakage:
                return await self._break(raw, breakage)
            case Answer() as wrong:
                answer: web.StreamResponse = await _wrong(raw, wrong)
            case None:
                answer = await self._answer(raw, target, entry)
        entry.status = answer.status
        return answer

    async def _break(self, raw: web.BaseRequest, effect: Breakage) -> web.StreamResponse:
        """No answer at all; what is returned goes nowhere, since the connection is reset by then."""
        if effect is Breakage.HANG:
            await self.stopped.wait()
        _reset(raw)
        return web.Response()

    async def _answer(self, raw: web.BaseRequest, target: Target | None, entry: AuditedRequest) -> web.StreamResponse:
        try:
            entry.user = self.access.authenticate(raw.headers.get("Authorization"))
            if target is None:
                return await self._pass_on(raw, entry)
            self.access.authorize(entry.user, entry.verb, target)
            return self._serve(raw, target, entry, await _read(raw))
        except StatusError as error:
            return _respond(error.code, error.body())

    def _serve(self, raw: web.BaseRequest, target: Target, entry: AuditedRequest, body: bytes) -> web.Response:
        if target.subresource:
            raise status.not_found(target.resource.qualified, f"{target.name}/{target.subresource}")
        form = wire.negotiate(raw.headers.get("Accept", ""), listing=entry.verb == "list")
        call = Call(
            target=target,
            params=entry.query,
            body=body,
            content_type=raw.content_type,
            user_agent=raw.headers.get("User-Agent", ""),
            may=lambda verb: self.access.authorize(entry.user, verb, target),
        )
        if entry.verb == "list":
            return _respond(200, wire.render_list(self.verbs.page(call), form, target.resource))
        serve = {
            "get": self.verbs.get,
            "create": self.verbs.create,
            "update": self.verbs.update,
            "patch": self.verbs.patch,
            "delete": self.verbs.delete,
        }.get(entry.verb)
        if serve is None:
            raise status.method_not_allowed()
        code, obj = serve(call)
        return _respond(code, wire.render(obj, form))

    async def _pass_on(self, raw: web.BaseRequest, entry: AuditedRequest) -> web.StreamResponse:
        """Discovery, version and health, by kmock's own reactions."""
        if entry.user == "system:anonymous" and entry.path not in _PUBLIC:
            raise status.StatusError(
                403, "Forbidden", f'forbidden: User "{entry.user}" cannot {entry.verb} path "{entry.path}"', details={}
            )
        try:
            request = await kmock.Request._parse(raw)  # noqa: SLF001 - the only maker of requests that kmock has
            return await self._react(request)
        except (kmock.KubernetesError, NotImplementedError):
            if entry.path.startswith(("/api/v1/", "/apis/")):
                raise status.unknown_resource() from None
            return web.Response(status=404, text="404 page not found\n")

    async def _react(self, request: kmock.Request) -> web.StreamResponse:
        """Let kmock answer. It searches all the requests it has seen for this one, so only this one is kept."""
        self._requests[:] = [request]
        return await self._handle(request)


def _verb(raw: web.BaseRequest, target: Target | None) -> str:
    """The verb as audit logs and RBAC name it; the method in lower case where there is none."""
    if target is None:
        return raw.method.lower()
    if raw.method == "GET" and raw.query.get("watch") in {"1", "true"}:
        return "watch"
    if target.name is None:
        return {"GET": "list", "POST": "create", "DELETE": "deletecollection"}.get(raw.method, raw.method.lower())
    return {"PUT": "update"}.get(raw.method, raw.method.lower())


async def _wrong(raw: web.BaseRequest, answer: Answer) -> web.Response:
    await _read(raw)
    body = answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode()
    headers = {"Content-Type": "application/json"} | answer.headers
    return web.Response(status=answer.status, body=body, headers=headers)


async def _read(raw: web.BaseRequest) -> bytes:
    body = bytearray()
    async for chunk in raw.content.iter_chunked(1 << 16):
        if len(body) <= MAX_BODY:
            body += chunk
    if len(body) > MAX_BODY:
        raise status.too_large(MAX_BODY)
    return bytes(body)


def _respond(code: int, body: Json) -> web.Response:
    return web.Response(status=code, body=json.dumps(body).encode(), content_type="application/json")


def _reset(raw: web.BaseRequest) -> None:
    """Close the connection with a TCP reset: no linger, nothing flushed."""
    if raw.transport is None:
        return
    sock = raw.transport.get_extra_info("socket")
    with contextlib.suppress(OSError):
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    raw.transport.abort()
