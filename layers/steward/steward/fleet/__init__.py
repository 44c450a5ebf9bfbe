"""What the user declared: `fleet.yaml`, read, checked and asked."""

from steward.fleet.load import read_fleet
from steward.fleet.model import (
    Cluster,
    Discovery,
    EcrRegistry,
    EksCluster,
    Fleet,
    NamespaceSelection,
    PullSecret,
    Registry,
    ServerCluster,
)
from steward.fleet.problems import FleetInvalidError, Problem

__all__ = [
    "Cluster",
    "Discovery",
    "EcrRegistry",
    "EksCluster",
    "Fleet",
    "FleetInvalidError",
    "NamespaceSelection",
    "Problem",
    "PullSecret",
    "Registry",
    "ServerCluster",
    "read_fleet",
]
