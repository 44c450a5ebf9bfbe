"""A registry credential: what it is, when it is due for renewal, and what makes one unfit to be used."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from steward.errors import PermanentError

LEAST_LIFETIME = timedelta(minutes=5)
"""A credential that lives shorter than the kubelet caches a node's configuration is of no use to anybody."""


class CredentialRefusedError(PermanentError):
    """What a registry handed out must not replace what is there (promise 1): it names the principal and the flaw."""


@dataclass(frozen=True, slots=True)
class Credential:
    """User name and password that one principal may use until `expires_at`.

    `revision` names this very minting (a UUID). It is not derived from the password, so it may appear in
    tables, annotations and logs, and two credentials differ exactly when their revisions do.
    """

    principal: str
    username: str
    password: str = field(repr=False)
    issued_at: datetime
    expires_at: datetime
    revision: str

    @property
    def lifetime(self) -> timedelta:
        return self.expires_at - self.issued_at


@dataclass(frozen=True, slots=True)
class CredentialRecord:
    """What may be known about a credential without holding it."""

    principal: str
    issued_at: datetime
    expires_at: datetime
    revision: str

    @classmethod
    def of(cls, credential: Credential) -> "CredentialRecord":
        return cls(credential.principal, credential.issued_at, credential.expires_at, credential.revision)


def is_due(record: CredentialRecord, every: timedelta, now: datetime) -> bool:
    """Whether it is time to mint again: after `every`, or a third of the real lifetime where that is shorter.

    A third leaves two more tries before the expiry, whatever lifetime the registry really granted.
    """
    lifetime = record.expires_at - record.issued_at
    return now >= record.issued_at + min(every, lifetime / 3)


def refuse_unfit(credential: Credential, current: CredentialRecord | None, now: datetime) -> None:
    """Raises CredentialRefusedError unless `credential` is at least as good as `current`."""
    who = f"credential of {credential.principal}"
    if not credential.username or not credential.password.strip():
        raise CredentialRefusedError(f"{who}: the registry answered an empty user name or password; kept the old one")
    if credential.expires_at <= now:
        raise CredentialRefusedError(
            f"{who}: already expired at {credential.expires_at:%Y-%m-%dT%H:%M:%SZ}, "
            f"and it is {now:%Y-%m-%dT%H:%M:%SZ} here; kept the old one. "
            "Check this machine's clock and the registry's answer",
        )
    if credential.expires_at - now < LEAST_LIFETIME:
        raise CredentialRefusedError(
            f"{who}: it would live {int((credential.expires_at - now).total_seconds())} s only, "
            f"less than {int(LEAST_LIFETIME.total_seconds())} s; kept the old one",
        )
    if current is not None and credential.expires_at < current.expires_at:
        raise CredentialRefusedError(
            f"{who}: expires at {credential.expires_at:%Y-%m-%dT%H:%M:%SZ}, before the one it should replace "
            f"({current.expires_at:%Y-%m-%dT%H:%M:%SZ}); kept the old one",
        )
