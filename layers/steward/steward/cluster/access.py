"""What it takes to talk to one API server."""

from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Access:
    """Address, authority and identity. `token` is called for each new connection attempt and after a 401."""

    server: str
    """https://host[:port]; http:// only for this machine."""
    token: Callable[[], str] | None = field(default=None, repr=False)
    ca: str | None = field(default=None, repr=False)
    """PEM of the cluster's authority; None: the public ones."""
    client_certificate: str | None = field(default=None, repr=False)
    """Path of a client certificate, for kubeconfig users."""
    client_key: str | None = field(default=None, repr=False)
