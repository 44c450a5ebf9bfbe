"""Which clusters a command is about, and how each is reached."""

import difflib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

from steward.cluster import Cluster
from steward.cluster.fleet_access import connect, expand
from steward.cluster.kubeconfig import current_context, kubeconfig_access
from steward.errors import PermanentError
from steward.fleet import Cluster as DeclaredCluster
from steward.fleet import Fleet
from steward.state.vault import read_bearer_token

_EKS_CONTEXT = re.compile(r"arn:[^:]+:eks:(?P<region>[^:]+):\d{12}:cluster/(?P<name>.+)")
"""How `aws eks update-kubeconfig` names a context."""


class BadInputError(PermanentError):
    """What was asked for cannot be meant: which option, and what to write instead."""


@dataclass(frozen=True, slots=True)
class Target:
    """A cluster by its name in the fleet. `connect` may raise a StewardError."""

    name: str
    connect: Callable[[], Cluster]


def fleet_targets(fleet: Fleet, only: str | None) -> tuple[list[Target], list[str]]:
    """The fleet's clusters by their own access, discovered ones included, and what could not be discovered.

    Raises BadInputError if `only` names none of them.
    """
    declared, errors = expand(fleet)
    if only is not None:
        named = [one for one in declared if one.name == only]
        if not named and not errors:
            raise _unknown(only, (one.name for one in declared))
        declared = named
    return [_reach(one) for one in declared], errors


def _reach(declared: DeclaredCluster) -> Target:
    return Target(declared.name, lambda: connect(declared, read_bearer_token))


def kubeconfig_target(fleet: Fleet, kubeconfig: Path, context: str | None, only: str | None) -> Target:
    """The one cluster behind a kubeconfig's context. Raises KubeconfigError or BadInputError."""
    name = _name_in_fleet(fleet, current_context(kubeconfig, context), only)
    access = kubeconfig_access(kubeconfig, context)
    return Target(name, lambda: Cluster(name, access))


def _name_in_fleet(fleet: Fleet, context: str, only: str | None) -> str:
    """`only` if given, else the context's own name, else the one cluster there is."""
    declared = [one.name for one in fleet.clusters]
    if only is not None:
        if only in declared or only.startswith(tuple(_discovered_prefixes(fleet))):
            return only
        raise _unknown(only, declared)
    if context in declared:
        return context
    if name := _eks_name(fleet, context):
        return name
    if len(declared) == 1 and not fleet.discover:
        return declared[0]
    raise BadInputError(
        f"which cluster of the fleet is the context {context}? Write --cluster NAME; the fleet has "
        f"{', '.join(declared) or 'only discovered clusters (named <region>-<EKS name>)'}",
    )


def _eks_name(fleet: Fleet, context: str) -> str | None:
    found = _EKS_CONTEXT.fullmatch(context)
    if found is None:
        return None
    for one in fleet.clusters:
        if one.eks is not None and (one.eks.name, one.eks.region) == (found["name"], found["region"]):
            return one.name
    prefix = f"{found['region']}-"
    return prefix + found["name"] if prefix in set(_discovered_prefixes(fleet)) else None


def _discovered_prefixes(fleet: Fleet) -> Iterator[str]:
    return (f"{region}-" for rule in fleet.discover for region in rule.regions)


def _unknown(name: str, known: Iterable[str]) -> BadInputError:
    names = sorted(known)
    close = difflib.get_close_matches(name, names, n=1) or names
    return BadInputError(f"--cluster {name}: the fleet has no such cluster; write one of {', '.join(close)}")
