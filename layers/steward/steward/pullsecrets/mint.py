"""The use case: renew what is due, keep what is good, and ask for the clusters that are concerned."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from steward.credential import Credential, CredentialRecord, is_due, refuse_unfit
from steward.errors import StewardError
from steward.fleet import Fleet
from steward.fleet.selection import pull_secrets_for
from steward.registries.principals import Principal, credential_hosts, principals_of
from steward.state.vault import Vault

Mint = Callable[[Principal, datetime], Credential]


@dataclass(slots=True)
class Minted:
    """What a run of minting did, by principal id."""

    renewed: list[str] = field(default_factory=list)
    fresh: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def due_principals(
    fleet: Fleet,
    records: Mapping[str, CredentialRecord],
    now: datetime,
    *,
    rotate: bool = False,
) -> list[Principal]:
    """Whose credential has to be minted now: `rotate` means everybody's. Pure."""
    return [
        principal
        for principal in principals_of(fleet)
        if rotate or principal.id not in records or is_due(records[principal.id], fleet.rotation.every, now)
    ]


def mint_due(fleet: Fleet, vault: Vault, mint: Mint, now: datetime, *, rotate: bool = False) -> Minted:
    """Mints once per due principal and stores what is fit. A failure keeps the old credential and stops no other."""
    records = vault.records()
    due = due_principals(fleet, records, now, rotate=rotate)
    minted = Minted(fresh=[principal.id for principal in principals_of(fleet) if principal not in due])
    for principal in due:
        try:
            credential = mint(principal, now)
            refuse_unfit(credential, records.get(principal.id), now)
            vault.store(credential)
        except StewardError as error:
            minted.failed[principal.id] = str(error)
        else:
            minted.renewed.append(principal.id)
    return minted


def concerned_clusters(fleet: Fleet, clusters: Iterable[str], renewed: Iterable[str]) -> list[str]:
    """Clusters that hold a pull secret with a renewed credential in it. Pure."""
    changed = set(renewed)
    return [
        cluster
        for cluster in clusters
        if any(
            changed & set(credential_hosts(fleet, secret.registries).values())
            for secret in pull_secrets_for(fleet, cluster)
        )
    ]
