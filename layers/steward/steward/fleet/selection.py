"""Which namespaces and clusters an entry of the fleet file chooses. Pure."""

from collections.abc import Iterable, Mapping
from fnmatch import fnmatchcase

from steward.fleet.model import Fleet, LabelExpression, NamespaceSelection, PullSecret


def matches_any(name: str, patterns: Iterable[str]) -> bool:
    """Whether a glob (`*`, `?`, `[…]`, the whole name) matches."""
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def chooses_namespace(selection: NamespaceSelection, name: str, labels: Mapping[str, str]) -> bool:
    """Whether a namespace is chosen: name and every label condition, and not excluded."""
    return (
        matches_any(name, selection.names)
        and not matches_any(name, selection.exclude)
        and all(labels.get(key) == value for key, value in selection.match_labels.items())
        and all(_holds(expression, labels) for expression in selection.match_expressions)
    )


def _holds(expression: LabelExpression, labels: Mapping[str, str]) -> bool:
    """Kubernetes' label selector semantics: NotIn also holds where the label is absent."""
    match expression.operator:
        case "In":
            return labels.get(expression.key) in expression.values
        case "NotIn":
            return labels.get(expression.key) not in expression.values
        case "Exists":
            return expression.key in labels
        case "DoesNotExist":
            return expression.key not in labels


def pull_secrets_for(fleet: Fleet, cluster: str) -> tuple[PullSecret, ...]:
    """The pull secrets that a cluster should hold."""
    return tuple(secret for secret in fleet.pull_secrets if matches_any(cluster, secret.clusters))
