"""Field paths: which manager owns which field, in the `FieldsV1` notation of metadata.managedFields.

A path is a tuple of components as FieldsV1 spells them: `f:name` for a field, `v:"x"` for an item of a set,
`k:{"uid":"x"}` for an item of a list with keys, which is one value itself. All other lists are one value (atomic).
"""

import json
from collections.abc import Iterable, Iterator

from testbed.embedded_api.status import Json

type Path = tuple[str, ...]

BRANCH = object()
"""The value of a path that only leads to others."""

_SETS = {("f:metadata", "f:finalizers")}
_KEYED = {("f:metadata", "f:ownerReferences"): "uid", ("f:secrets",): "name"}
_UNOWNED = {
    *((f"f:{name}",) for name in ("apiVersion", "kind", "metadata", "status")),
    *(
        ("f:metadata", f"f:{name}")
        for name in (
            "name", "namespace", "uid", "resourceVersion", "creationTimestamp", "managedFields", "generation",
            "selfLink", "deletionTimestamp", "deletionGracePeriodSeconds",
        )
    ),
}  # fmt: skip


def flatten(obj: Json) -> dict[Path, object]:
    """Every path of an object that a manager can own, with its value (`BRANCH` above other paths)."""
    return {path: value for path, value in _walk(obj, ()) if not _is_unowned(path)}


def leaves(obj: Json) -> set[Path]:
    """What applying `obj` claims: its leaves."""
    return {path for path, value in flatten(obj).items() if value is not BRANCH}


def _is_unowned(path: Path) -> bool:
    return path in _UNOWNED or path[:1] == ("f:status",) or path[:2] in _UNOWNED


def _walk(value: object, path: Path) -> Iterator[tuple[Path, object]]:
    if value == [] and (path in _SETS or path in _KEYED):
        yield path, BRANCH
        return
    is_item = bool(path) and path[-1].startswith("k:")
    children = [] if is_item else list(_children(value, path))
    if path:
        yield path, BRANCH if children else value
    for component, child in children:
        yield from _walk(child, (*path, component))


def _children(value: object, path: Path) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        yield from ((f"f:{key}", child) for key, child in value.items() if child is not None)
    elif isinstance(value, list) and path in _SETS:
        yield from ((f"v:{json.dumps(item)}", item) for item in value)
    elif isinstance(value, list) and path in _KEYED:
        key = _KEYED[path]
        yield from ((f"k:{json.dumps({key: item.get(key)}, separators=(',', ':'))}", item) for item in value)


def encode(paths: Iterable[Path]) -> Json:
    """The paths as FieldsV1; a path that is owned itself and leads to others carries `.`."""
    tree: Json = {}
    for path in sorted(paths):
        node = tree
        for component in path:
            node = node.setdefault(component, {})
        node["."] = {}
    _drop_lone_dots(tree)
    return tree


def _drop_lone_dots(tree: Json) -> None:
    for child in tree.values():
        if set(child) == {"."}:
            child.clear()
        else:
            _drop_lone_dots(child)


def decode(tree: Json, prefix: Path = ()) -> set[Path]:
    """The paths of a FieldsV1 tree; the reverse of `encode`."""
    paths: set[Path] = set()
    for component, child in tree.items():
        if component == ".":
            paths.add(prefix)
        elif child:
            paths |= decode(child, (*prefix, component))
        else:
            paths.add((*prefix, component))
    return paths


def order(path: Path) -> tuple[tuple[bool, str], ...]:
    """The sort key of conflicts: on each level the fields that end there come before those that go deeper."""
    return tuple((index < len(path) - 1, component) for index, component in enumerate(path))


def spell(path: Path) -> str:
    """The path as conflicts show it: `.data..dockerconfigjson`, `.metadata.finalizers[="x"]`."""
    return "".join(_spell_component(component) for component in path)


def _spell_component(component: str) -> str:
    kind, text = component[0], component[2:]
    if kind == "f":
        return f".{text}"
    if kind == "v":
        return f"[={text}]"
    return "[" + ",".join(f"{key}={json.dumps(value)}" for key, value in json.loads(text).items()) + "]"


def merge(live: Json, config: Json, path: Path = ()) -> Json:
    """`live` with everything that `config` says laid over it; sets and keyed lists are joined."""
    merged = dict(live)
    for key, value in config.items():
        if value is not None:
            merged[key] = _merge_value(live.get(key), value, (*path, f"f:{key}"))
    return merged


def _merge_value(old: object, new: object, path: Path) -> object:
    if isinstance(old, dict) and isinstance(new, dict):
        return merge(old, new, path)
    if isinstance(old, list) and isinstance(new, list) and (path in _SETS or path in _KEYED):
        before, after = dict(_children(old, path)), dict(_children(new, path))
        return [after.get(component, before.get(component)) for component in _joined(list(before), list(after))]
    return new


def _joined(old: list[str], new: list[str]) -> list[str]:
    """Both lists in one: the order of `new`, with what only `old` has as far to the front as its neighbours allow."""
    joined: list[str] = []
    rest = list(old)
    for index, component in enumerate(new):
        awaited = next((later for later in new[index:] if later in old), None)
        while rest and rest[0] != awaited:
            head = rest.pop(0)
            joined += [] if head in new else [head]
        joined.append(component)
        if component == awaited:
            rest = rest[1:]
    return joined + [component for component in rest if component not in new]


def remove(obj: Json, paths: Iterable[Path]) -> Json:
    """`obj` without the given paths; what they leave empty stays, empty."""
    result = obj
    for path in sorted(paths, key=len, reverse=True):
        result = _remove(result, path, ())
    return result


def _remove(node: Json, path: Path, above: Path) -> Json:
    name = path[0].removeprefix("f:")
    here = (*above, path[0])
    if name not in node:
        return node
    rest = path[1:]
    if not rest:
        return {key: value for key, value in node.items() if key != name}
    child = node[name]
    if isinstance(child, dict):
        return node | {name: _remove(child, rest, here)}
    if isinstance(child, list):
        return node | {name: [item for part, item in _children(child, here) if part != rest[0]]}
    return node
