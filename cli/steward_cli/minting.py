"""Credentials for one run at the laptop: minted when first needed, once per principal, kept in memory only."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from steward.credential import Credential, CredentialRecord, refuse_unfit
from steward.errors import StewardError
from steward.fleet import Fleet
from steward.pullsecrets.desired import Desired, desired_pull_secrets
from steward.registries.principals import Principal, principals_of

LIFETIME = timedelta(hours=12)
"""What ECR and ECR Public document for their tokens; what is minted carries its real expiry."""
UNMINTED = "not minted yet"

Mint = Callable[[Principal, datetime], Credential]


class MintUnsuccessfulError(StewardError):
    """A principal got no credential; `Minting.failed` says why."""


def least_remaining(fleet: Fleet) -> float:
    """Seconds that a credential must still live to be left where it lies: a third of 12 h, and until the next
    rotation, so that running `steward apply` once per rotation keeps a cluster fresh without the stack.
    """
    return max(LIFETIME / 3, fleet.rotation.every).total_seconds()


@dataclass(slots=True)
class Minting:
    """The fleet's principals and what was minted for them in this run. May be shared by threads."""

    fleet: Fleet
    mint: Mint
    failed: dict[str, str] = field(default_factory=dict)
    """Principal id -> why it got no credential."""
    minted: dict[str, Credential] = field(default_factory=dict, repr=False)
    _lock: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def read(self, principal: str) -> Credential:
        """The credential of a principal, minted at the first call. Raises MintUnsuccessfulError, always the same."""
        with self._lock:
            if principal not in self.minted and principal not in self.failed:
                self._try(principal)
            if principal in self.failed:
                raise MintUnsuccessfulError(self.failed[principal])
            return self.minted[principal]

    def _try(self, name: str) -> None:
        principal = next(one for one in principals_of(self.fleet) if one.id == name)
        now = datetime.now(UTC)
        try:
            credential = self.mint(principal, now)
            refuse_unfit(credential, None, now)
        except StewardError as error:
            self.failed[name] = str(error)
        else:
            self.minted[name] = credential

    def desired(self, cluster: str) -> list[Desired]:
        """What the cluster should hold, with contents that stand for what would be minted."""
        now = datetime.now(UTC)
        records = {
            principal.id: CredentialRecord(principal.id, now, now + LIFETIME, UNMINTED)
            for principal in principals_of(self.fleet)
        }
        return desired_pull_secrets(self.fleet, cluster, records)
