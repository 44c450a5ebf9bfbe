"""One Kubernetes cluster seen from outside: reached, read in pages, written by server-side apply."""

from steward.cluster.access import Access
from steward.cluster.client import Applied, Cluster, Namespace
from steward.cluster.errors import ClusterError, ClusterUnavailableError

__all__ = ["Access", "Applied", "Cluster", "ClusterError", "ClusterUnavailableError", "Namespace"]
