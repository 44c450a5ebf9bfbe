"""The list `imagePullSecrets` of a service account, edited without losing anybody's entry. Pure."""

from collections.abc import Collection
from typing import Any

from steward.fleet import PullSecret


def with_pull_secrets(account: dict[str, Any], add: Collection[str], remove: Collection[str]) -> dict[str, Any] | None:
    """The account with our entries added at the end and removed where they should go; None if nothing changes.

    Foreign entries keep their place, fields and duplicates.
    """
    before = account.get("imagePullSecrets") or []
    kept = [entry for entry in before if entry.get("name") not in remove or entry.get("name") in add]
    present = {entry.get("name") for entry in kept}
    after = [*kept, *({"name": name} for name in add if name not in present)]
    return None if after == before else {**account, "imagePullSecrets": after}


def names_pull_secret(account: dict[str, Any], secret: str) -> bool:
    return any(entry.get("name") == secret for entry in account.get("imagePullSecrets") or [])


def chosen_accounts(declared: PullSecret, existing: Collection[str]) -> tuple[str, ...]:
    """Names of the service accounts of one namespace that should name this pull secret, existing or not."""
    match declared.service_accounts:
        case "none":
            return ()
        case "default":
            return ("default",)
        case "all":
            return tuple(sorted(existing))
        case names:
            return tuple(names)
