"""What one entry says about another: names used twice, names that exist nowhere, a rotation that comes too late.

Works on the plain data of the file, so that these findings appear together with the wrong values that would
have kept a typed model from existing.
"""

import difflib
from collections import Counter
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

from steward.fleet.problems import Problem
from steward.fleet.values import parse_duration, write_duration

SHORTEST_LIFETIMES = {"ecr": timedelta(hours=12), "ecrPublic": timedelta(hours=12)}
"""Documented lifetime of what each kind of registry hands out; the real expiry rules at run time."""

TICK = timedelta(minutes=5)
"""mint_credentials runs this often, so a renewal can come this much later than its due time."""


def find_reference_problems(raw: Any) -> Iterator[Problem]:
    """Every problem between the entries of the file's plain data."""
    if not isinstance(raw, dict):
        return
    for kind in ("clusters", "registries", "pullSecrets"):
        yield from _duplicates(kind, _entries(raw, kind))
    if not _entries(raw, "clusters") and not _entries(raw, "discover"):
        yield Problem("clusters", "", "write at least one cluster, or discover EKS clusters by region")
    yield from _unknown_registries(raw)
    yield from _unknown_clusters(raw)
    yield from _two_credentials_for_a_host(raw)
    yield from _rotation_too_slow(raw)


def _entries(raw: dict[str, Any], kind: str) -> list[dict[str, Any]]:
    found = raw.get(kind)
    return [entry if isinstance(entry, dict) else {} for entry in found] if isinstance(found, list) else []


def _duplicates(kind: str, entries: list[dict[str, Any]]) -> Iterator[Problem]:
    counts = Counter(entry["name"] for entry in entries if isinstance(entry.get("name"), str))
    seen: set[str] = set()
    for index, entry in enumerate(entries):
        name = entry.get("name")
        if isinstance(name, str) and counts[name] > 1 and name in seen:
            yield Problem(f"{kind}[{index}].name", repr(name), "is used before; write a name of its own")
        elif isinstance(name, str):
            seen.add(name)


def _unknown_registries(raw: dict[str, Any]) -> Iterator[Problem]:
    known = sorted({str(entry["name"]) for entry in _entries(raw, "registries") if "name" in entry})
    for index, secret in enumerate(_entries(raw, "pullSecrets")):
        named = secret.get("registries")
        for position, name in enumerate(named if isinstance(named, list) else []):
            if name not in known:
                close = difflib.get_close_matches(str(name), known, n=1) or known
                instead = f"names no registry; write one of {', '.join(close) or 'those under registries'}"
                yield Problem(f"pullSecrets[{index}].registries[{position}]", repr(name), instead)


def _unknown_clusters(raw: dict[str, Any]) -> Iterator[Problem]:
    """Plain names only, and only where no discovery may still bring a cluster of that name."""
    known = sorted({str(entry["name"]) for entry in _entries(raw, "clusters") if "name" in entry})
    if _entries(raw, "discover") or not known:
        return
    for index, secret in enumerate(_entries(raw, "pullSecrets")):
        named = secret.get("clusters")
        for position, name in enumerate(named if isinstance(named, list) else []):
            if isinstance(name, str) and not set("*?[") & set(name) and name not in known:
                close = difflib.get_close_matches(name, known, n=1) or known
                instead = f"names no cluster; write one of {', '.join(close)}, or a glob"
                yield Problem(f"pullSecrets[{index}].clusters[{position}]", repr(name), instead)


def _two_credentials_for_a_host(raw: dict[str, Any]) -> Iterator[Problem]:
    """A Secret has one entry per host: two principals for one would overwrite each other."""
    registries = {str(entry.get("name")): entry for entry in _entries(raw, "registries")}
    for index, secret in enumerate(_entries(raw, "pullSecrets")):
        named = secret.get("registries")
        first: dict[str, tuple[str, Any]] = {}
        for position, name in enumerate(named if isinstance(named, list) else []):
            for host, principal in _claims(registries.get(str(name), {})):
                other, holder = first.setdefault(host, (str(name), principal))
                if holder != principal:
                    path = f"pullSecrets[{index}].registries[{position}]"
                    instead = f"fills {host} with another role than {other} does; name one of them in this pull secret"
                    yield Problem(path, repr(name), instead)
                    break


def _claims(registry: dict[str, Any]) -> Iterator[tuple[str, Any]]:
    """(what the entry stands for, who mints it) for everything that a registry fills."""
    for kind in SHORTEST_LIFETIMES:
        declared = registry.get(kind)
        if isinstance(declared, dict):
            who = (str(declared.get("role")), str(declared.get("externalId")))
            accounts = declared.get("accounts") if kind == "ecr" else [""]
            for account in accounts if isinstance(accounts, list) else []:
                yield f"{kind} {account} {declared.get('region', '')}".strip(), who


def _rotation_too_slow(raw: dict[str, Any]) -> Iterator[Problem]:
    rotation = raw.get("rotation")
    written = rotation.get("every") if isinstance(rotation, dict) else None
    kinds = [kind for entry in _entries(raw, "registries") for kind in SHORTEST_LIFETIMES if kind in entry]
    try:
        every = parse_duration(written)
    except ValueError:
        return
    if not isinstance(every, timedelta) or not kinds:
        return
    shortest = min(kinds, key=lambda kind: SHORTEST_LIFETIMES[kind])
    lifetime = SHORTEST_LIFETIMES[shortest]
    if every > (longest := lifetime / 2 - TICK):
        yield Problem(
            "rotation.every",
            repr(written),
            f"leaves fewer than two tries before a credential of kind {shortest} expires after "
            f"{write_duration(lifetime)}; write {write_duration(longest)} or less",
        )
