"""An embedded Kubernetes API server on kmock: the semantics that kubesteward relies on, without a cluster.

    with EmbeddedApi() as api:
        api.create_namespace("shop", labels={"team": "a"})
        api.fault(too_many_requests(retry_after=1), verb="patch", times=3)
        ...                                     # talk to api.url with api.token, or use api.kubeconfig
        assert len(api.writes) == 4

tests/contract runs the same tests on it and on a real kube-apiserver 1.34, so that it cannot drift.
"""

from testbed.embedded_api.embedded import EmbeddedApi
from testbed.embedded_api.faults import HANG, RESET, Answer, Fault, html, refusal, server_error, too_many_requests
from testbed.embedded_api.server import AuditedRequest

__all__ = [
    "HANG",
    "RESET",
    "Answer",
    "AuditedRequest",
    "EmbeddedApi",
    "Fault",
    "html",
    "refusal",
    "server_error",
    "too_many_requests",
]
