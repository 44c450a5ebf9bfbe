"""Every refusal and failure of the package, in one tree.

    StewardError
    ├── PermanentError            trying again changes nothing: a person has to act
    │   ├── FleetInvalidError     the fleet file is wrong (steward.fleet.problems)
    │   ├── CredentialRefusedError  what a registry handed out is not fit to be written (steward.credential)
    │   └── ClusterError …        403, 404, 409, 413, 422 of an API server (steward.cluster.errors)
    └── TemporaryError            the same call may succeed later: the queue delivers it again
        ├── LeaseTakenError       somebody else syncs this cluster right now (steward.state.leases)
        └── ClusterUnavailableError …  no connection, 429, 5xx, not JSON (steward.cluster.errors)

The two branches decide what becomes of a queue message: a temporary failure is handed back to the queue, a
permanent one is recorded and reported, because five more deliveries would fail in the same way. The message of
every error says what is wrong, where, and what to do; none of them carries a secret value.
"""


class StewardError(Exception):
    """Base of all errors raised on purpose by this package."""


class PermanentError(StewardError):
    """Trying again changes nothing: a person has to act first."""


class TemporaryError(StewardError):
    """The same call may succeed later."""
