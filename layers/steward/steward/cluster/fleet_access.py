"""From an entry of the fleet file to a Cluster that can be asked."""

from collections.abc import Callable, Iterator

from steward.aws import Identity
from steward.cluster.access import Access
from steward.cluster.client import Cluster
from steward.cluster.eks import EksUnavailableError, discover, eks_access
from steward.fleet import Cluster as DeclaredCluster
from steward.fleet import Discovery, EksCluster, Fleet

ReadToken = Callable[[str], str]
"""Name of a Secrets Manager secret -> the bearer token in it."""


def connect(declared: DeclaredCluster, read_token: ReadToken) -> Cluster:
    """The cluster behind an entry. EKS is asked for its endpoint here; the cluster itself at the first request."""
    if declared.eks is not None:
        eks = declared.eks
        return Cluster(declared.name, eks_access(eks.name, eks.region, Identity(eks.role, eks.external_id)))
    server = declared.server
    assert server is not None  # noqa: S101 - the model holds exactly one way
    return Cluster(declared.name, Access(server.url, lambda: read_token(server.token_secret), server.ca))


def expand(fleet: Fleet) -> tuple[list[DeclaredCluster], list[str]]:
    """The declared clusters and those that `discover` finds now, and what could not be listed.

    A name that stands twice means what is declared; of two discovered by different roles the first, and an error
    says so. A region that does not answer hides only its own clusters.
    """
    declared = {cluster.name for cluster in fleet.clusters}
    found = {cluster.name: cluster for cluster in fleet.clusters}
    errors: list[str] = []
    for rule, region in [(each, region) for each in fleet.discover for region in each.regions]:
        try:
            for cluster in _discovered(rule, region):
                first = found.setdefault(cluster.name, cluster)
                if first != cluster and first.name not in declared:
                    errors.append(_two_of_a_name(first, cluster))
        except EksUnavailableError as error:
            errors.append(str(error))
    return list(found.values()), errors


def _discovered(rule: Discovery, region: str) -> Iterator[DeclaredCluster]:
    for name in discover(region, Identity(rule.role, rule.external_id), rule.tags):
        eks = EksCluster(name=name, region=region, role=rule.role, external_id=rule.external_id)
        yield DeclaredCluster.model_construct(name=f"{region}-{name}", eks=eks, server=None)


def _two_of_a_name(first: DeclaredCluster, other: DeclaredCluster) -> str:
    roles = [cluster.eks.role or "the function's own role" for cluster in (first, other) if cluster.eks]
    return f"{first.name} is discovered by {' and by '.join(roles)}: only the first is kept; declare the other by name"
