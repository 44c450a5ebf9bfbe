"""Short ways to say what is wished for, what is there and what is remembered."""

from datetime import UTC, datetime
from typing import Any

from steward.cluster import Namespace
from steward.fleet import PullSecret
from steward.images.docker_config import Content
from steward.pullsecrets.desired import Desired
from steward.pullsecrets.plan import NamespacePlan
from steward.state.placements import Placement

HOST = "111122223333.dkr.ecr.eu-west-1.amazonaws.com"
PRINCIPAL = "ecr-eu-west-1-self"
OTHER_PRINCIPAL = "ecr-us-east-1-self"
CURRENT, EARLIER = "layout-current", "layout-earlier"
EXPIRES = datetime(2030, 1, 1, tzinfo=UTC)
NAME = "regcred"


def declare(name: str = NAME, accounts: Any = "default", **namespaces: Any) -> PullSecret:
    """A pull secret as the fleet file declares it; `namespaces` are fields of its namespace selection."""
    return PullSecret.model_validate(
        {"name": name, "registries": ["ecr"], "serviceAccounts": accounts, "namespaces": namespaces},
    )


def wish(name: str = NAME, accounts: Any = "default", content: str | None = CURRENT, **namespaces: Any) -> Desired:
    """A pull secret that should hold `content`; None: there is no credential yet."""
    declared = declare(name, accounts, **namespaces)
    if content is None:
        return Desired(declared, {}, None, (PRINCIPAL,))
    return Desired(declared, {HOST: PRINCIPAL}, Content(content, EXPIRES))


def namespace(name: str = "shop", uid: str = "", *, terminating: bool = False, **labels: str) -> Namespace:
    return Namespace(name, uid or f"uid-{name}", labels, terminating)


def placed(
    content: str = CURRENT, accounts: tuple[str, ...] = (), *, uid: str = "uid-shop", refused: str = ""
) -> Placement:
    expires_at = int(EXPIRES.timestamp()) if content and not refused else 0
    return Placement(uid, content, expires_at, "7", accounts, refused)


def account(name: str = "default", *secrets: str, within: str = "shop") -> dict[str, Any]:
    """A service account whose imagePullSecrets are `secrets`."""
    listed = {"imagePullSecrets": [{"name": secret} for secret in secrets]} if secrets else {}
    return {"metadata": {"name": name, "namespace": within, "resourceVersion": "3"}, **listed}


def steps(plan: NamespacePlan) -> dict[str, str]:
    """Secret -> action."""
    return {step.name: step.action for step in plan.secrets}


def edits(plan: NamespacePlan) -> dict[str, tuple[tuple[str, ...], tuple[str, ...]]]:
    """Service account -> (entries to add, entries to remove), where there are any."""
    return {step.name: (step.add, step.remove) for step in plan.accounts if step.add or step.remove}
