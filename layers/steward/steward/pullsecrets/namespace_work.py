"""One namespace, from its plan to what became of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from steward.cluster import Applied, Cluster, ClusterError, ClusterUnavailableError
from steward.cluster.errors import (
    ConflictError,
    FieldConflictError,
    ImmutableError,
    NamespaceTerminatingError,
    NotFoundError,
)
from steward.errors import StewardError, TemporaryError
from steward.images.docker_config import Content
from steward.pullsecrets.breaker import Breaker
from steward.pullsecrets.ownership import foreign_because
from steward.pullsecrets.plan import AccountStep, NamespacePlan, SecretStep
from steward.pullsecrets.report import Row, Verdict
from steward.pullsecrets.service_accounts import with_pull_secrets
from steward.state.placements import Placement

ACCOUNT_TRIES = 6

Manifests = Mapping[str, tuple[Content, bytes]]
"""Name of a pull secret -> its content and the body to apply."""


@dataclass(slots=True)
class Outcome:
    """What became of one namespace: rows to report, and what lies there now (None: nothing of ours any more)."""

    namespace: str
    rows: list[Row] = field(default_factory=list)
    placements: dict[str, Placement | None] = field(default_factory=dict)


class NamespaceWork:
    """One namespace from its plan to its outcome: entries of service accounts follow the Secrets they name."""

    def __init__(self, cluster: Cluster, plan: NamespacePlan, manifests: Manifests) -> None:
        self._cluster = cluster
        self._plan = plan
        self._manifests = manifests
        self._outcome = Outcome(plan.namespace.name)
        self._still_named: set[str] = set()
        """Secrets that a service account still names although it should not: they are deleted next time."""

    def run(self, breaker: Breaker) -> Outcome:
        """Does what is planned and answers what became of it; it raises nothing that the package foresees."""
        asks = needs_requests(self._plan)
        if asks and (refusal := breaker.refusal()):
            self._tell("", "failed", refusal, temporary=True)
            return self._outcome
        try:
            self._run()
        except NamespaceTerminatingError:
            self._tell("", "skipped", "the namespace is terminating")
        except ClusterUnavailableError as error:
            breaker.heard(answered=False)
            self._tell("", "failed", str(error), temporary=True)
        except StewardError as error:
            self._tell("", "failed", str(error), temporary=isinstance(error, TemporaryError))
        else:
            if asks:
                breaker.heard(answered=True)
        return self._outcome

    def _run(self) -> None:
        if self._plan.skip:
            return self._tell("", "skipped", self._plan.skip)
        usable = {step.name for step in self._plan.secrets if self._put(step)}
        for account in self._plan.accounts:
            self._edit_account(account, usable)
        for step in self._plan.secrets:
            if step.action == "delete":
                self._delete(step)
        return None

    def _put(self, step: SecretStep) -> bool:
        """Writes the Secret if the plan says so; whether service accounts may name it."""
        match step.action:
            case "keep" if step.known is not None:
                self._tell(f"Secret/{step.name}", "unchanged", step.reason, expires_at=step.known.expires_at)
                self._outcome.placements[step.name] = step.known
                return True
            case "apply":
                return self._apply(step)
            case "refused":
                self._tell(f"Secret/{step.name}", "conflict", step.reason)
            case "blocked":
                expires_at = step.known.expires_at if step.known else None
                self._tell(f"Secret/{step.name}", "failed", step.reason, expires_at=expires_at)
            case _:
                pass
        return False

    def _apply(self, step: SecretStep) -> bool:
        content, manifest = self._manifests[step.name]
        try:
            applied, reason = self._apply_or_repair(step, manifest)
        except NamespaceTerminatingError:
            raise
        except (FieldConflictError, ImmutableError) as error:
            self._refuse(step, content, str(error))
        except NotFoundError:
            self._tell(f"Secret/{step.name}", "skipped", "the namespace is gone")
        except ClusterError as error:
            self._tell(f"Secret/{step.name}", "failed", str(error))
        else:
            self._placed(step, content, applied, reason)
            return True
        return False

    def _apply_or_repair(self, step: SecretStep, manifest: bytes) -> tuple[Applied, str]:
        """Without force first. With force only over an edit of an object that is ours (promise 2)."""
        namespace = self._plan.namespace.name
        try:
            return self._cluster.apply_secret(namespace, step.name, manifest), step.reason
        except FieldConflictError as conflict:
            metadata = self._cluster.secret_metadata(namespace, step.name)
            foreign = foreign_because(metadata, conflict.managers) if metadata else ""
            if foreign:
                message = f"left alone: {foreign}. Rename the pull secret, or delete that Secret"
                raise FieldConflictError(message, conflict.managers) from conflict
            applied = self._cluster.apply_secret(namespace, step.name, manifest, force=True)
            return applied, f"mended what {', '.join(conflict.managers)} had changed"

    def _refuse(self, step: SecretStep, content: Content, reason: str) -> None:
        self._tell(f"Secret/{step.name}", "conflict", reason)
        accounts = step.known.service_accounts if step.known else ()
        self._outcome.placements[step.name] = Placement(
            self._plan.namespace.uid,
            content.name,
            0,
            service_accounts=accounts,
            refused=reason,
        )

    def _placed(self, step: SecretStep, content: Content, applied: Applied, reason: str) -> None:
        expires_at = int(content.expires_at.timestamp())
        same = step.known is not None and step.known.resource_version == applied.resource_version
        verdict: Verdict = "created" if applied.created else "unchanged" if same else "updated"
        self._tell(f"Secret/{step.name}", verdict, "as it should be" if same else reason, expires_at=expires_at)
        accounts = step.known.service_accounts if step.known else ()
        self._outcome.placements[step.name] = Placement(
            self._plan.namespace.uid,
            content.name,
            expires_at,
            applied.resource_version,
            accounts,
        )

    def _edit_account(self, step: AccountStep, usable: set[str]) -> None:
        add = [name for name in step.add if name in usable]
        holds = [name for name in step.holds if name in usable]
        if step.account is None:
            if add:
                self._tell(f"ServiceAccount/{step.name}", "waiting", "it does not exist yet")
            return
        try:
            changed = bool(add or step.remove) and self._replace_account(step, add)
        except NotFoundError:
            self._tell(f"ServiceAccount/{step.name}", "waiting", "it was deleted meanwhile")
            return
        except ClusterUnavailableError:
            # The edit may have come through without its answer: an entry that nobody remembers is never removed.
            self._remember_account(step.name, [*holds, *add], [])
            raise
        except ClusterError as error:
            temporary = isinstance(error, ConflictError)
            self._tell(f"ServiceAccount/{step.name}", "failed", str(error), temporary=temporary)
            self._remember_account(step.name, holds, [])
            self._still_named.update(step.remove)
            return
        self._tell_account(step, add, changed=changed)
        self._remember_account(step.name, [*holds, *add], step.remove)

    def _replace_account(self, step: AccountStep, add: list[str]) -> bool:
        """Reads again and tries again while others write to it; whether anything had to change."""
        account = step.account
        for attempt in range(1, ACCOUNT_TRIES + 1):
            edited = with_pull_secrets(account or {}, add, step.remove)
            if edited is None:
                return False
            try:
                self._cluster.replace_service_account(edited)
            except ConflictError:
                if attempt == ACCOUNT_TRIES:
                    raise
                account = self._cluster.service_account(self._plan.namespace.name, step.name)
            else:
                return True
        return False

    def _tell_account(self, step: AccountStep, add: list[str], *, changed: bool) -> None:
        edits = [f"added {name}" for name in add] + [f"removed {name}" for name in step.remove]
        if add or step.remove:
            reason = ", ".join(edits) if changed else "somebody else did it meanwhile"
            self._tell(f"ServiceAccount/{step.name}", "updated" if changed else "unchanged", reason)

    def _remember_account(self, account: str, holding: Sequence[str], removed: Sequence[str]) -> None:
        placements = self._outcome.placements
        for secret in {*holding, *removed}:
            placement = placements.get(secret) or self._known(secret)
            if placement is not None:
                names = (
                    {*placement.service_accounts, account}
                    if secret in holding
                    else {*placement.service_accounts} - {account}
                )
                same = names == {*placement.service_accounts}
                placements[secret] = placement if same else replace(placement, service_accounts=tuple(sorted(names)))

    def _known(self, secret: str) -> Placement | None:
        return next((step.known for step in self._plan.secrets if step.name == secret), None)

    def _delete(self, step: SecretStep) -> None:
        what = f"Secret/{step.name}"
        if step.name in self._still_named:
            return self._tell(what, "waiting", "a service account still names it")
        if step.known is None or not step.known.refused:
            try:
                self._tell(what, *self._delete_ours(step))
            except ClusterError as error:
                return self._tell(what, "failed", str(error))
        self._outcome.placements[step.name] = None
        return None

    def _delete_ours(self, step: SecretStep) -> tuple[Verdict, str]:
        """Deletes the very object that was looked at and found to be ours."""
        namespace = self._plan.namespace.name
        metadata = self._cluster.secret_metadata(namespace, step.name)
        if metadata is None:
            return "unchanged", "already gone"
        if foreign := foreign_because(metadata):
            return "conflict", f"left alone: {foreign}"
        try:
            self._cluster.delete_secret(namespace, step.name, metadata["uid"])
        except (NotFoundError, ConflictError):
            return "unchanged", "already gone"
        return "deleted", step.reason

    def _tell(
        self,
        what: str,
        verdict: Verdict,
        reason: str,
        *,
        expires_at: int | None = None,
        temporary: bool = False,
    ) -> None:
        row = Row(self._cluster.name, self._plan.namespace.name, what, verdict, reason, expires_at, temporary)
        self._outcome.rows.append(row)


def needs_requests(plan: NamespacePlan) -> bool:
    """Whether carrying this plan out sends anything."""
    return any(step.action in {"apply", "delete"} for step in plan.secrets) or any(
        step.account is not None and (step.add or step.remove) for step in plan.accounts
    )
