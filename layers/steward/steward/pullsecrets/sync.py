"""The use case: bring one cluster into line. Observe, plan, act, remember, report."""

import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from steward.cluster import Cluster, Namespace
from steward.cluster.errors import NotFoundError
from steward.credential import Credential
from steward.errors import StewardError
from steward.images.docker_config import Content, same_layout
from steward.pullsecrets.act import carry_out
from steward.pullsecrets.desired import Desired, render
from steward.pullsecrets.foresee import foresee
from steward.pullsecrets.namespace_work import Manifests, Outcome
from steward.pullsecrets.plan import NamespacePlan, Observed, SecretStep, plan
from steward.pullsecrets.report import Report, Row
from steward.state.placements import Key, Placement, PlacementBook

FEW = 25
"""Up to so many named namespaces are asked for one by one; beyond that whole lists are cheaper."""

ReadCredential = Callable[[str], Credential]


@dataclass(frozen=True, slots=True)
class Sync:
    """One cluster, what it should hold, and where that is remembered."""

    cluster: Cluster
    desired: Sequence[Desired]
    book: PlacementBook

    def foresee(self, *, repair: bool = False) -> Report:
        """The dry run. Raises the errors of steward.cluster.errors when the cluster cannot be read."""
        plans = self.look(repair=repair)
        return Report(self.cluster.name, [row for made in plans for row in foresee(self.cluster.name, made)])

    def look(self, *, repair: bool = False) -> list[NamespacePlan]:
        """What has to happen, and in which namespaces."""
        observed = observe(self.cluster, self.desired, self.book.load(self.cluster.name))
        return plan(self.desired, observed, repair=repair)

    def run(
        self,
        read: ReadCredential,
        *,
        deadline: float,
        namespaces: Collection[str] = (),
        repair: bool = False,
        told: Callable[[Outcome], None] = lambda _: None,
    ) -> Report:
        """Brings the cluster into line and answers a row per object. `told` hears of each namespace as it is done.

        A cluster that cannot be read gives a report with one failed row: every run has a report.
        """
        placements = self.book.load(self.cluster.name)
        try:
            observed = observe(self.cluster, self.desired, placements, namespaces)
        except StewardError as error:
            return Report.of_unreadable(self.cluster.name, error)
        plans = plan(self.desired, observed, repair=repair)
        manifests = self._render(plans, read)
        remembered = forget_gone(placements, observed, whole=not namespaces)
        self._intend(plans, remembered)
        return Report(
            self.cluster.name,
            list(self._act(plans, manifests, remembered, placements, deadline, told)),
        )

    def _render(self, plans: Sequence[NamespacePlan], read: ReadCredential) -> Manifests:
        """Bodies of what will be written; where nothing will be, no credential is even read.

        A pull secret whose credential cannot be read is blocked in `plans`, and the others go on.
        """
        needed = {step.name for made in plans for step in made.secrets if step.action == "apply"}
        manifests, unreadable = {}, {}
        for wish in self.desired:
            if wish.name in needed:
                try:
                    manifests[wish.name] = render(wish, read)
                except StewardError as error:
                    unreadable[wish.name] = str(error)
        for made in plans:
            made.secrets = [_blocked(step, unreadable) for step in made.secrets]
        return manifests

    def _intend(
        self,
        plans: Sequence[NamespacePlan],
        remembered: dict[Key, Placement],
    ) -> None:
        """Remembers first writes before they are made, so that a function killed half-way leaves no orphan."""
        touched = set()
        for made in plans:
            for step in made.secrets:
                if step.action == "apply" and step.known is None:
                    accounts = tuple(each.name for each in made.accounts if each.account and step.name in each.add)
                    intent = Placement(made.namespace.uid, "", 0, service_accounts=accounts)
                    remembered[made.namespace.name, step.name] = intent
                    touched.add(made.namespace.name)
        if touched:
            self.book.save(self.cluster.name, remembered, touched)

    def _act(
        self,
        plans: Sequence[NamespacePlan],
        manifests: Manifests,
        remembered: dict[Key, Placement],
        before: Mapping[Key, Placement],
        deadline: float,
        told: Callable[[Outcome], None],
    ) -> Iterator[Row]:
        try:
            for outcome in carry_out(self.cluster, plans, manifests, deadline):
                _remember(remembered, outcome)
                told(outcome)
                yield from outcome.rows
        finally:
            changed = {key[0] for key in remembered.keys() | before.keys() if remembered.get(key) != before.get(key)}
            if changed:
                self.book.save(self.cluster.name, remembered, changed)


def _blocked(step: SecretStep, unreadable: Mapping[str, str]) -> SecretStep:
    if step.action == "apply" and step.name in unreadable:
        return replace(step, action="blocked", reason=unreadable[step.name])
    return step


def observe(
    cluster: Cluster,
    desired: Sequence[Desired],
    placements: Mapping[Key, Placement],
    only: Collection[str] = (),
) -> Observed:
    """Reads namespaces and, where any pull secret concerns them, service accounts: a few whole lists, or a few
    namespaces one by one.
    """
    few = bool(only) and len(only) <= FEW
    namespaces = list(_named(cluster, only)) if few else [n for n in cluster.namespaces() if not only or n.name in only]
    wanted = any(wish.declared.service_accounts != "none" for wish in desired)
    recorded = any(placement.service_accounts for placement in placements.values())
    accounts: dict[str, list[dict[str, object]]] = {}
    if wanted or recorded:
        for account in _accounts(cluster, [n.name for n in namespaces] if few else None):
            accounts.setdefault(account["metadata"]["namespace"], []).append(account)  # type: ignore[index]
    if only:
        placements = {key: placement for key, placement in placements.items() if key[0] in only}
    return Observed(namespaces, placements, accounts)


def _named(cluster: Cluster, names: Collection[str]) -> Iterator[Namespace]:
    for name in names:
        try:
            yield cluster.namespace(name)
        except NotFoundError:
            continue


def _accounts(cluster: Cluster, namespaces: Sequence[str] | None) -> Iterator[dict[str, object]]:
    if namespaces is None:
        yield from cluster.service_accounts()
    for namespace in namespaces or ():
        yield from cluster.service_accounts(namespace)


def forget_gone(placements: Mapping[Key, Placement], observed: Observed, *, whole: bool) -> dict[Key, Placement]:
    """The placements without those of namespaces that no longer exist (or exist anew): their Secrets went with them."""
    living = {namespace.name: namespace.uid for namespace in observed.namespaces}
    looked_at = set(living) if not whole else {key[0] for key in placements}
    return {
        key: placement
        for key, placement in placements.items()
        if key[0] not in looked_at or living.get(key[0]) == placement.namespace_uid
    }


def _remember(remembered: dict[Key, Placement], outcome: Outcome) -> None:
    for secret, placement in outcome.placements.items():
        if placement is None:
            remembered.pop((outcome.namespace, secret), None)
        else:
            remembered[outcome.namespace, secret] = placement


def accept_fresh(
    placements: Mapping[Key, Placement],
    contents: Mapping[str, Content],
    now: float,
    least: float,
) -> dict[Key, Placement]:
    """For runs that hold no credential yet: what lies there with the right layout and at least `least` seconds
    left counts as current, so that looking costs no token and a second run writes nothing. What is refused now
    would be refused again, whatever the content.
    """
    return {
        (namespace, secret): replace(placement, content=contents[secret].name)
        if secret in contents and (placement.refused or _is_fresh(placement, contents[secret], now, least))
        else placement
        for (namespace, secret), placement in placements.items()
    }


def _is_fresh(placement: Placement, content: Content, now: float, least: float) -> bool:
    return same_layout(placement.content, content.name) and placement.expires_at - now >= least


def in_seconds(seconds: float) -> float:
    """A deadline, as `run` takes it."""
    return time.monotonic() + seconds
