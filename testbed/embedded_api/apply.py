"""Server-side apply and the ownership that every other write changes: pure functions on objects.

Follows the updater of sigs.k8s.io/structured-merge-diff for kinds whose maps are granular and whose lists are
atomic, sets, or keyed, see `fields`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Self

from testbed.embedded_api import fields
from testbed.embedded_api.fields import BRANCH, Path
from testbed.embedded_api.status import Json, StatusError


@dataclass(frozen=True, order=True)
class Manager:
    """Who owns fields; the same name owns separately by `Apply` and by `Update`."""

    operation: str
    name: str
    api_version: str = "v1"
    subresource: str = ""

    def __str__(self) -> str:
        text = f'"{self.name}"' + (f' with subresource "{self.subresource}"' if self.subresource else "")
        return f"{text} using {self.api_version}" if self.operation == "Update" else text


@dataclass
class Ownership:
    """The decoded metadata.managedFields of one object."""

    paths: dict[Manager, set[Path]] = field(default_factory=dict)
    times: dict[Manager, str] = field(default_factory=dict)

    @classmethod
    def of(cls, obj: Json | None) -> Self:
        ownership = cls()
        for entry in (obj or {}).get("metadata", {}).get("managedFields", []):
            manager = Manager(entry["operation"], entry["manager"], entry["apiVersion"], entry.get("subresource", ""))
            ownership.paths[manager] = fields.decode(entry["fieldsV1"])
            ownership.times[manager] = entry["time"]
        return ownership

    def encode(self, before: Self, now: str) -> list[Json]:
        """The entries; an entry whose paths did not change keeps its time."""
        entries = [self._entry(manager, before, now) for manager, paths in self.paths.items() if paths]
        return sorted(entries, key=lambda entry: (entry["operation"], entry["time"], entry["manager"]))

    def _entry(self, manager: Manager, before: Self, now: str) -> Json:
        same = before.paths.get(manager) == self.paths[manager]
        entry = {
            "manager": manager.name,
            "operation": manager.operation,
            "apiVersion": manager.api_version,
            "time": before.times[manager] if same else now,
            "fieldsType": "FieldsV1",
            "fieldsV1": fields.encode(self.paths[manager]),
        }
        return entry | ({"subresource": manager.subresource} if manager.subresource else {})

    def others(self, manager: Manager) -> dict[Manager, set[Path]]:
        return {other: paths for other, paths in self.paths.items() if other != manager}


@dataclass(frozen=True)
class _Difference:
    changed: set[Path]
    removed: set[Path]


def _compare(old: Json, new: Json) -> _Difference:
    before, after = fields.flatten(old), fields.flatten(new)
    changed = {path for path, value in after.items() if path not in before or _differs(before[path], value)}
    return _Difference(changed, set(before) - set(after))


def _differs(old: object, new: object) -> bool:
    """Whether a value changed; an empty map or list and a filled one are the same field with other fields below."""
    if BRANCH in (old, new):
        return not all(value is BRANCH or value in ({}, []) for value in (old, new))
    return old != new


def own_update(old: Json | None, new: Json, manager: Manager, now: str) -> list[Json]:
    """Ownership after a create, PUT or patch by `manager` that turned `old` into `new`.

    Updates of an object that nobody is on record for put nobody on record.
    """
    before = Ownership.of(old)
    if old and not before.paths:
        return []
    difference = _compare(old or {}, new)
    lost = difference.changed | difference.removed
    after = Ownership({other: paths - lost for other, paths in before.others(manager).items()})
    after.paths[manager] = (before.paths.get(manager, set()) - difference.removed) | difference.changed
    return after.encode(before, now)


def apply(live: Json | None, config: Json, manager: Manager, now: str, *, force: bool) -> tuple[Json, list[Json]]:
    """The object that applying `config` gives, and its managedFields; refused with 409 on a conflict.

    Fields that the manager applied before, does not apply now, and nobody else owns are removed.
    """
    before, claimed = _before_apply(live, now), fields.leaves(config)
    others = before.others(manager)
    dropped = before.paths.get(manager, set()) - _with_parents([claimed, *others.values()])
    merged = fields.remove(fields.merge(live or {}, config), dropped)
    difference = _compare(live or {}, merged)
    conflicts = _conflicts(others, difference.changed)
    if conflicts and not force:
        raise _conflict_error(conflicts)
    lost = difference.changed | difference.removed
    after = Ownership({other: paths - lost for other, paths in others.items()} | {manager: claimed})
    return merged, after.encode(before, now)


def _before_apply(live: Json | None, now: str) -> Ownership:
    """Who owns what; an object that nobody is on record for belongs to `before-first-apply`."""
    before = Ownership.of(live)
    if live and not before.paths:
        unknown = Manager("Update", "before-first-apply")
        return Ownership({unknown: set(fields.flatten(live))}, {unknown: now})
    return before


def _with_parents(owned: Iterable[set[Path]]) -> set[Path]:
    """The paths and all that lead to them: a map cannot go while somebody owns a field in it."""
    return {path[:depth] for paths in owned for path in paths for depth in range(1, len(path) + 1)}


def _conflicts(others: dict[Manager, set[Path]], changed: set[Path]) -> list[tuple[Manager, Path]]:
    clashes = [(manager, path) for manager, paths in others.items() for path in paths & changed]
    return sorted(clashes, key=lambda clash: (clash[0].name, clash[0].operation, fields.order(clash[1])))


def _conflict_error(conflicts: list[tuple[Manager, Path]]) -> StatusError:
    causes = [
        {"reason": "FieldManagerConflict", "message": f"conflict with {who}", "field": fields.spell(path)}
        for who, path in conflicts
    ]
    return StatusError(409, "Conflict", _conflict_message(conflicts), details={"causes": causes})


def _conflict_message(conflicts: list[tuple[Manager, Path]]) -> str:
    if len(conflicts) == 1:
        who, path = conflicts[0]
        return f"Apply failed with 1 conflict: conflict with {who}: {fields.spell(path)}"
    lines: list[str] = []
    for who in sorted({who for who, _ in conflicts}, key=lambda manager: (manager.name, manager.operation)):
        lines.append(f"conflicts with {who}:")
        lines += [f"- {fields.spell(path)}" for manager, path in conflicts if manager == who]
    return f"Apply failed with {len(conflicts)} conflicts: " + "\n".join(lines)
