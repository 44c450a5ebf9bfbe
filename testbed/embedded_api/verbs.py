"""The verbs of the API on one store: who may is settled before, what it looks like on the wire comes after."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from testbed.embedded_api import apply, bodies, objects, status
from testbed.embedded_api.apply import Manager
from testbed.embedded_api.resources import NAMESPACES, SERVICE_ACCOUNTS, Resource, Target
from testbed.embedded_api.selectors import field_predicate, label_predicate
from testbed.embedded_api.status import Json
from testbed.embedded_api.store import Page, Scope, Store


@dataclass(frozen=True)
class Call:
    """One request, as far as the verbs need it. `may` raises 403 if its user may not do a verb on the target."""

    target: Target
    params: Mapping[str, str]
    body: bytes
    content_type: str
    user_agent: str
    may: Callable[[str], None]

    @property
    def resource(self) -> Resource:
        return self.target.resource

    @property
    def name(self) -> str:
        return self.target.name or ""

    def manager(self, operation: str) -> Manager:
        """Who will own the fields: ?fieldManager, else the user agent up to its first slash."""
        name = self.params.get("fieldManager") or self.user_agent.split("/")[0][:128] or "unknown"
        return Manager(operation, name, self.resource.api_version)


@dataclass
class Verbs:
    """Get, list, create, update, patch and delete, with the controllers that answer to them."""

    store: Store
    hold_default_service_accounts: bool = False
    held: list[str] = field(default_factory=list)

    def get(self, call: Call) -> tuple[int, Json]:
        return 200, self._existing(call)

    def page(self, call: Call) -> Page:
        """One page, as limit, continue and the selectors ask."""
        params, namespace = call.params, call.target.namespace
        scope = Scope(call.resource, namespace, params.get("labelSelector", ""), params.get("fieldSelector", ""))
        labels, chosen = label_predicate(scope.labels), field_predicate(scope.fields, call.resource)

        def matching() -> list[Json]:
            found = self.store.all_of(call.resource, namespace)
            return [obj for obj in found if labels(obj) and chosen(obj)]

        return self.store.page(scope, matching, int(params.get("limit") or 0), params.get("continue", ""))

    def create(self, call: Call) -> tuple[int, Json]:
        obj = self._decode(bodies.load(call.body, call.content_type), call)
        name = obj["metadata"].get("name", "")
        self._admit_creation(call, name)
        owned = apply.own_update(None, obj, call.manager("Update"), objects.timestamp())
        return 201, self._create(call, _with_managed(obj, owned))

    def update(self, call: Call) -> tuple[int, Json]:
        obj = self._decode(bodies.load(call.body, call.content_type), call)
        return 200, self._update(call, obj, self._existing(call))

    def patch(self, call: Call) -> tuple[int, Json]:
        if call.content_type == bodies.APPLY:
            return self._apply(call)
        bodies.check_patch_type(call.content_type)
        old = self._existing(call)
        patched = bodies.patched(old, call.body, call.content_type)
        return 200, self._update(call, self._decode(patched, call), old)

    def delete(self, call: Call) -> tuple[int, Json]:
        obj = self._existing(call)
        _check_preconditions(obj, json.loads(call.body or b"{}").get("preconditions") or {}, call.resource)
        if call.resource is NAMESPACES:
            return 200, self.terminate(call.name)
        return 200, self._delete(call.resource, obj)

    def terminate(self, namespace: str, *, finish: bool = True) -> Json:
        """Begin the end of a namespace; it is gone once nothing with a finalizer lies in it."""
        obj = self.store.get(NAMESPACES, None, namespace)
        if obj is None:
            raise status.not_found("namespaces", namespace)
        if "deletionTimestamp" not in obj["metadata"]:
            meta = obj["metadata"] | {"deletionTimestamp": objects.timestamp()}
            obj = self.store.put(NAMESPACES, obj | {"metadata": meta, "status": {"phase": "Terminating"}})
        if finish:
            self._empty(namespace)
        return obj

    def make_default_service_account(self, namespace: str) -> None:
        """What kube-controller-manager does a moment after a namespace was made."""
        if self.store.get(SERVICE_ACCOUNTS, namespace, "default"):
            return
        account = objects.decode({"metadata": {"name": "default"}}, SERVICE_ACCOUNTS)
        self.store.put(SERVICE_ACCOUNTS, objects.newborn(account, SERVICE_ACCOUNTS, namespace))

    def release_default_service_accounts(self) -> None:
        """Make the default service accounts that were held back."""
        while self.held:
            self.make_default_service_account(self.held.pop())

    def _existing(self, call: Call) -> Json:
        obj = self.store.get(call.resource, call.target.namespace, call.name)
        if obj is None:
            raise status.not_found(call.resource.qualified, call.name)
        return obj

    def _decode(self, obj: Json, call: Call) -> Json:
        target = call.target
        objects.check_identity(obj, target.resource, target.namespace, target.name)
        return objects.decode(obj, target.resource)

    def _admit_creation(self, call: Call, name: str) -> None:
        """Admission of new content: the namespace is there, and not on its way out."""
        namespace = call.target.namespace
        if namespace is None:
            return
        found = self.store.get(NAMESPACES, None, namespace)
        if found is None:
            raise status.not_found("namespaces", namespace)
        if "deletionTimestamp" in found["metadata"]:
            raise status.terminating(call.resource.qualified, name, namespace)

    def _create(self, call: Call, obj: Json) -> Json:
        resource, namespace = call.resource, call.target.namespace
        born = objects.newborn(obj, resource, namespace)
        name = born["metadata"].get("name", "")
        _refuse_invalid(born, None, resource)
        if there := self.store.get(resource, namespace, name):
            raise status.already_exists(resource.qualified, name, dying="deletionTimestamp" in there["metadata"])
        stored = self.store.put(resource, born)
        if resource is NAMESPACES:
            self.greet(name)
        return stored

    def greet(self, namespace: str) -> None:
        if self.hold_default_service_accounts:
            self.held.append(namespace)
        else:
            self.make_default_service_account(namespace)

    def _update(self, call: Call, obj: Json, old: Json) -> Json:
        _check_update_preconditions(obj, old, call.resource)
        new = objects.successor(obj, old)
        forgotten = obj["metadata"].get("managedFields") == [{}]
        recorded = _with_managed(old, []) if forgotten else old
        owned = apply.own_update(recorded, new, call.manager("Update"), objects.timestamp())
        return self._replace(call.resource, _with_managed(new, owned), old)

    def _apply(self, call: Call) -> tuple[int, Json]:
        """Server-side apply: creates, changes, or leaves alone what is as it should be."""
        if not call.params.get("fieldManager"):
            raise status.invalid(
                "PatchOptions.meta.k8s.io", "", [status.required("fieldManager", "is required for apply patch")]
            )
        config, manager = bodies.load(call.body, call.content_type), call.manager("Apply")
        if (config.get("metadata") or {}).get("managedFields"):
            raise status.bad_request("metadata.managedFields must be nil")
        old = self.store.get(call.resource, call.target.namespace, call.name)
        if old is None:
            call.may("create")
        if old is None and not (config.get("metadata") or {}).get("name"):
            why = f"the name of the object ({call.name} based on URL) was undeterminable: name must be provided"
            raise status.bad_request(why)
        force = call.params.get("force") == "true"
        merged, owned = apply.apply(old, config, manager, objects.timestamp(), force=force)
        new = _with_managed(self._decode(merged, call), owned)
        if old is None:
            self._admit_creation(call, call.name)
            return 201, self._create(call, new)
        return 200, self._replace(call.resource, _with_managed(objects.successor(new, old), owned), old)

    def _replace(self, resource: Resource, new: Json, old: Json) -> Json:
        """Store an update; one that changes nothing keeps its resourceVersion."""
        _refuse_invalid(new, old, resource)
        if new == old:
            return old
        stored = self.store.put(resource, new)
        meta = new["metadata"]
        released = "deletionTimestamp" in meta and not meta.get("finalizers") and resource is not NAMESPACES
        return self._gone(resource, stored) if released else stored

    def _delete(self, resource: Resource, obj: Json) -> Json:
        if not obj["metadata"].get("finalizers"):
            removed = self._gone(resource, obj)
            if resource.returns_deleted:
                return removed
            details = {"name": obj["metadata"]["name"], "kind": resource.plural, "uid": obj["metadata"]["uid"]}
            if resource.group:
                details["group"] = resource.group
            return {"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success", "details": details}
        if "deletionTimestamp" in obj["metadata"]:
            return obj
        dying = {"deletionGracePeriodSeconds": 0, "deletionTimestamp": objects.timestamp()}
        return self.store.put(resource, obj | {"metadata": obj["metadata"] | dying})

    def _gone(self, resource: Resource, obj: Json) -> Json:
        removed = self.store.remove(resource, obj)
        namespace = obj["metadata"].get("namespace", "")
        owner = self.store.get(NAMESPACES, None, namespace)
        if owner and "deletionTimestamp" in owner["metadata"] and not self.store.contents(namespace):
            self.store.remove(NAMESPACES, owner)
        elif owner and resource is SERVICE_ACCOUNTS and obj["metadata"]["name"] == "default":
            self._regreet(owner)
        return removed

    def _regreet(self, namespace: Json) -> None:
        """The service account controller makes a deleted default account again."""
        if "deletionTimestamp" not in namespace["metadata"]:
            self.greet(namespace["metadata"]["name"])

    def _empty(self, namespace: str) -> None:
        """What the namespace controller does: delete what is in it, then itself."""
        for kind, obj in self.store.contents(namespace):
            self._delete(Resource(kind.plural or "", obj["kind"], kind.group or "", kind.version or ""), obj)
        owner = self.store.get(NAMESPACES, None, namespace)
        if owner and not self.store.contents(namespace):
            self.store.remove(NAMESPACES, owner)


def _with_managed(obj: Json, managed: list[Json]) -> Json:
    meta = {key: value for key, value in obj["metadata"].items() if key != "managedFields"}
    return obj | {"metadata": meta | ({"managedFields": managed} if managed else {})}


def _refuse_invalid(new: Json, old: Json | None, resource: Resource) -> None:
    if errors := objects.check(new, old, resource):
        raise status.invalid(resource.kind, new["metadata"].get("name", ""), errors)


def _check_update_preconditions(obj: Json, old: Json, resource: Resource) -> None:
    """409 where the object that was read is not the one that would be overwritten."""
    given, live, name = obj["metadata"], old["metadata"], old["metadata"]["name"]
    if given.get("uid", live["uid"]) != live["uid"]:
        raise status.other_uid(resource.qualified, resource.registry_key(live), given["uid"], live["uid"])
    if given.get("resourceVersion", live["resourceVersion"]) != live["resourceVersion"]:
        raise status.modified(resource.qualified, name)


def _check_preconditions(obj: Json, wanted: Mapping[str, Any], resource: Resource) -> None:
    """409 where a deletion names another uid or resourceVersion than the object has."""
    meta = obj["metadata"]
    endings = {
        "uid": ("UID", "might have been deleted and then recreated"),
        "resourceVersion": ("ResourceVersion", "might have been modified"),
    }
    for key, (title, ending) in endings.items():
        if wanted.get(key) not in (None, meta[key]):
            why = f"the {title} in the precondition ({wanted[key]}) does not match the {title} in record ({meta[key]})"
            kind = f"{resource.kind}.{resource.group}" if resource.group else resource.kind
            raise status.conflict(kind, meta["name"], f"{why}. The object {ending}")
