"""The dry run: what carrying a plan out would report, in the same shape. Pure."""

from collections.abc import Iterator

from steward.pullsecrets.plan import AccountStep, NamespacePlan, SecretStep
from steward.pullsecrets.report import Row, Verdict


def foresee(cluster: str, plan: NamespacePlan) -> Iterator[Row]:
    """The rows of one namespace as they would come."""
    namespace = plan.namespace.name
    if plan.skip:
        yield Row(cluster, namespace, "", "skipped", plan.skip)
    for step in plan.secrets:
        if step.action == "delete" and step.known is not None and step.known.refused:
            continue
        yield Row(cluster, namespace, f"Secret/{step.name}", *_foresee_secret(step))
    for account in plan.accounts:
        if account.add or account.remove:
            yield Row(cluster, namespace, f"ServiceAccount/{account.name}", *_foresee_account(account))


def _foresee_secret(step: SecretStep) -> tuple[Verdict, str, int | None]:
    expires_at = step.known.expires_at if step.known and not step.known.refused else None
    match step.action:
        case "apply":
            return "updated" if step.known else "created", step.reason, None
        case "keep":
            return "unchanged", step.reason, expires_at
        case "refused":
            return "conflict", step.reason, None
        case "blocked":
            return "failed", step.reason, expires_at
        case "delete":
            return "deleted", step.reason, None


def _foresee_account(step: AccountStep) -> tuple[Verdict, str]:
    if step.account is None:
        return "waiting", "it does not exist yet"
    edits = [f"add {name}" for name in step.add] + [f"remove {name}" for name in step.remove]
    return "updated", ", ".join(edits)
