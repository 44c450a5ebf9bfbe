"""Whom a fleet mints for, and under which hosts each credential may be written. Pure."""

import hashlib
from dataclasses import dataclass
from typing import Literal

from steward.aws import Identity
from steward.fleet import Fleet, Registry
from steward.images.ecr_hosts import PUBLIC_HOSTS, ecr_host


@dataclass(frozen=True, slots=True)
class Principal:
    """One identity at one token endpoint: whatever it can pull, one credential serves.

    An ECR token is valid for every account that lets the identity in, but for one region only
    (eks-anywhere-packages PR 697), hence accounts are no part of it and the region is.
    """

    kind: Literal["ecr", "ecr-public"]
    region: str
    identity: Identity

    @property
    def id(self) -> str:
        """Fit for the name of a secret in Secrets Manager: `ecr-eu-west-1-1a2b3c4d`, or `-self` without a role."""
        if self.identity.role is None:
            return f"{self.kind}-{self.region}-self"
        who = f"{self.identity.role}\n{self.identity.external_id or ''}"
        return f"{self.kind}-{self.region}-{hashlib.sha256(who.encode()).hexdigest()[:12]}"


def principal_of(registry: Registry) -> Principal:
    """The principal that mints for this registry. ECR Public has its token endpoint in us-east-1."""
    if registry.ecr is not None:
        return Principal("ecr", registry.ecr.region, Identity(registry.ecr.role, registry.ecr.external_id))
    public = registry.ecr_public
    assert public is not None  # noqa: S101 - the model holds exactly one kind
    return Principal("ecr-public", "us-east-1", Identity(public.role, public.external_id))


def hosts_of(registry: Registry) -> tuple[str, ...]:
    """Every host whose entry this registry's credential fills, and no host of another region."""
    ecr = registry.ecr
    if ecr is None:
        return PUBLIC_HOSTS
    return tuple(ecr_host(account, ecr.region, form) for account in ecr.accounts for form in ecr.hosts)


def principals_of(fleet: Fleet) -> tuple[Principal, ...]:
    """Every principal that a pull secret of the fleet needs, once."""
    used = {name for secret in fleet.pull_secrets for name in secret.registries}
    return tuple(dict.fromkeys(principal_of(registry) for registry in fleet.registries if registry.name in used))


def credential_hosts(fleet: Fleet, registries: tuple[str, ...]) -> dict[str, str]:
    """Host -> principal id, for the registries that one pull secret names."""
    chosen = [fleet.registry(name) for name in registries]
    return {host: principal_of(registry).id for registry in chosen for host in hosts_of(registry)}
