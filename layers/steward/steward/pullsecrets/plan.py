"""What has to happen in a cluster: (desired, observed) -> one plan per namespace, each step with its reason. Pure."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from steward.cluster import Namespace
from steward.fleet.selection import chooses_namespace
from steward.images.docker_config import Content, same_layout
from steward.pullsecrets.desired import Desired
from steward.pullsecrets.service_accounts import chosen_accounts, names_pull_secret
from steward.state.placements import Key, Placement


@dataclass(frozen=True, slots=True)
class Observed:
    """What is there. `placements` is what we remember to have written, `accounts` namespace -> service accounts."""

    namespaces: Sequence[Namespace]
    placements: Mapping[Key, Placement]
    accounts: Mapping[str, Sequence[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class SecretStep:
    """What becomes of one Secret. `known` is our placement of it, if it is of this very namespace."""

    name: str
    action: Literal["apply", "keep", "refused", "blocked", "delete"]
    reason: str
    known: Placement | None = None


@dataclass(frozen=True, slots=True)
class AccountStep:
    """What becomes of one service account's list; `account` is None while it does not exist."""

    name: str
    account: dict[str, Any] | None
    add: tuple[str, ...]
    remove: tuple[str, ...]
    holds: tuple[str, ...]
    """Pull secrets it already names as it should."""


@dataclass(slots=True)
class NamespacePlan:
    """Everything about one namespace. `skip` says why nothing is done in it."""

    namespace: Namespace
    skip: str = ""
    secrets: list[SecretStep] = field(default_factory=list)
    accounts: list[AccountStep] = field(default_factory=list)


def plan(desired: Sequence[Desired], observed: Observed, *, repair: bool = False) -> list[NamespacePlan]:
    """One plan for each namespace that is chosen or holds something of ours. `repair` writes everything again."""
    held = _by_namespace(observed.placements)
    plans = (
        _plan_namespace(
            namespace,
            desired,
            held.get(namespace.name, {}),
            observed.accounts.get(namespace.name, ()),
            repair,
        )
        for namespace in observed.namespaces
    )
    return [made for made in plans if made.skip or made.secrets or made.accounts]


def _by_namespace(placements: Mapping[Key, Placement]) -> dict[str, dict[str, Placement]]:
    held: dict[str, dict[str, Placement]] = {}
    for (namespace, secret), placement in placements.items():
        held.setdefault(namespace, {})[secret] = placement
    return held


def _plan_namespace(
    namespace: Namespace,
    desired: Sequence[Desired],
    held: Mapping[str, Placement],
    accounts: Iterable[dict[str, Any]],
    repair: bool,
) -> NamespacePlan:
    chosen = [wish for wish in desired if chooses_namespace(wish.declared.namespaces, namespace.name, namespace.labels)]
    held = {name: placement for name, placement in held.items() if placement.namespace_uid == namespace.uid}
    if namespace.terminating:
        return NamespacePlan(namespace, skip="the namespace is terminating" if chosen or held else "")
    secrets = [_plan_secret(wish, held.get(wish.name), repair) for wish in chosen]
    leaving = _plan_leaving(held, chosen, desired)
    return NamespacePlan(
        namespace, "", secrets + leaving, _plan_accounts(chosen, secrets, held, leaving, list(accounts))
    )


def _plan_secret(wish: Desired, known: Placement | None, repair: bool) -> SecretStep:
    lacking = f", without the entries of {', '.join(wish.missing)}: no credential yet" if wish.missing else ""
    if wish.content is None:
        return SecretStep(wish.name, "blocked", f"no credential of {', '.join(wish.missing)} yet", known)
    if known is None:
        return SecretStep(wish.name, "apply", f"not there yet{lacking}")
    if not known.content:
        return SecretStep(wish.name, "apply", f"a first write was cut off{lacking}", known)
    if known.content != wish.content.name:
        return SecretStep(wish.name, "apply", f"{_what_changed(known, wish.content)}{lacking}", known)
    if repair:
        return SecretStep(wish.name, "apply", f"written again to mend what others changed{lacking}", known)
    if known.refused:
        return SecretStep(wish.name, "refused", known.refused, known)
    return SecretStep(wish.name, "keep", f"holds the current credential{lacking}", known)


def _what_changed(known: Placement, content: Content) -> str:
    same = same_layout(known.content, content.name)
    return "the credential was renewed" if same else "the fleet file names other registries"


def _plan_leaving(
    held: Mapping[str, Placement],
    chosen: Sequence[Desired],
    desired: Sequence[Desired],
) -> list[SecretStep]:
    """Our Secrets that should no longer be here. What was refused is not ours and stays."""
    staying = {wish.name for wish in chosen}
    declared = {wish.name for wish in desired}
    return [
        SecretStep(
            name,
            "delete",
            "the namespace left the selection" if name in declared else "the pull secret left the file",
            known,
        )
        for name, known in held.items()
        if name not in staying
    ]


def _plan_accounts(
    chosen: Sequence[Desired],
    secrets: Sequence[SecretStep],
    held: Mapping[str, Placement],
    leaving: Sequence[SecretStep],
    accounts: Sequence[dict[str, Any]],
) -> list[AccountStep]:
    existing = {account["metadata"]["name"]: account for account in accounts}
    usable = {step.name for step in secrets if step.action in {"apply", "keep"}}
    wanted = {wish.name: chosen_accounts(wish.declared, existing) for wish in chosen if wish.name in usable}
    gone = {step.name for step in leaving} | {step.name for step in secrets if step.action == "refused"}
    ours = {name: placement.service_accounts for name, placement in held.items()}
    concerned = sorted({name for names in (*wanted.values(), *ours.values()) for name in names})
    steps = (_plan_account(name, existing.get(name), wanted, ours, gone) for name in concerned)
    return [step for step in steps if step.add or step.remove or step.holds]


def _plan_account(
    name: str,
    account: dict[str, Any] | None,
    wanted: Mapping[str, Sequence[str]],
    ours: Mapping[str, Sequence[str]],
    gone: set[str],
) -> AccountStep:
    wishes = [secret for secret, names in wanted.items() if name in names]
    stale = [
        secret
        for secret, names in ours.items()
        if name in names and (secret in gone or secret in wanted) and secret not in wishes
    ]
    if account is None:
        return AccountStep(name, None, tuple(wishes), (), ())
    return AccountStep(
        name,
        account,
        tuple(secret for secret in wishes if not names_pull_secret(account, secret)),
        tuple(secret for secret in stale if names_pull_secret(account, secret)),
        tuple(secret for secret in wishes if names_pull_secret(account, secret)),
    )
