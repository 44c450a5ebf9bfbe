"""What holds for every plan, whatever is wished for and whatever lies there."""

from collections.abc import Iterable
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from steward.fleet.selection import chooses_namespace
from steward.pullsecrets.desired import Desired
from steward.pullsecrets.plan import NamespacePlan, Observed, plan
from steward.pullsecrets.service_accounts import with_pull_secrets
from steward.state.placements import Key, Placement
from tests.unit.pullsecrets.samples import CURRENT, EARLIER, account, namespace, placed, wish

ROOMS, SECRETS, ACCOUNTS, FOREIGN = ("a", "b", "c"), ("one", "two"), ("default", "ci", "web"), ("x", "y")

names = st.sampled_from([["*"], ["a"], ["b", "c"], ["nowhere"]])
choices = st.one_of(
    st.sampled_from(["default", "all", "none"]),
    st.lists(st.sampled_from(ACCOUNTS), min_size=1, unique=True),
)
contents = st.sampled_from([CURRENT, None])
wishes = st.tuples(*(st.none() | st.builds(wish, st.just(name), choices, contents, names=names) for name in SECRETS))
given_to = st.lists(st.sampled_from(ACCOUNTS), unique=True).map(tuple)
known = st.builds(placed, st.sampled_from([CURRENT, EARLIER, ""]), given_to, refused=st.sampled_from(["", "foreign"]))
entries = st.lists(st.sampled_from(SECRETS + FOREIGN), max_size=4)


@st.composite
def worlds(draw: st.DrawFn) -> Observed:
    """Namespaces with service accounts, and what we remember of them, of which some may be out of date."""
    rooms = [namespace(name, terminating=draw(st.booleans())) for name in draw(st.sets(st.sampled_from(ROOMS)))]
    keys = draw(st.sets(st.tuples(st.sampled_from(ROOMS), st.sampled_from(SECRETS))))
    placements: dict[Key, Placement] = {
        key: replace(draw(known), namespace_uid=draw(st.sampled_from([f"uid-{key[0]}", "earlier"]))) for key in keys
    }
    accounts = {
        room.name: [
            account(name, *draw(entries), within=room.name) for name in draw(st.sets(st.sampled_from(ACCOUNTS)))
        ]
        for room in rooms
    }
    return Observed(rooms, placements, accounts)


def settle(plans: Iterable[NamespacePlan], world: Observed) -> Observed:
    """The world after everything planned has succeeded."""
    placements, accounts = dict(world.placements), {room: list(found) for room, found in world.accounts.items()}
    for made in plans:
        room = made.namespace.name
        for step in made.secrets:
            if step.action == "apply":
                given = step.known.service_accounts if step.known else ()
                placements[room, step.name] = placed(CURRENT, given, uid=made.namespace.uid)
        for edit in made.accounts:
            for secret in edit.add + edit.holds if edit.account else ():
                held = placements[room, secret]
                placements[room, secret] = replace(held, service_accounts=(*held.service_accounts, edit.name))
            found = accounts.get(room, [])
            accounts[room] = [
                (with_pull_secrets(each, edit.add, edit.remove) or each)
                if each["metadata"]["name"] == edit.name
                else each
                for each in found
            ]
        for step in made.secrets:
            if step.action == "delete":
                del placements[room, step.name]
    return Observed(world.namespaces, placements, accounts)


def foreign(entry_list: Iterable[dict[str, Any]]) -> list[str]:
    return [entry["name"] for entry in entry_list if entry["name"] in FOREIGN]


@given(wishes, worlds(), st.booleans())
def test_after_a_plan_is_carried_out_a_second_one_has_nothing_to_do(
    wished: tuple[Desired | None, ...], world: Observed, repair: bool
) -> None:
    desired = [each for each in wished if each]
    after = settle(plan(desired, world, repair=repair), world)
    second = plan(desired, after)
    assert [step for made in second for step in made.secrets if step.action in {"apply", "delete"}] == []
    assert [step for made in second for step in made.accounts if step.account and (step.add or step.remove)] == []


@given(wishes, worlds(), st.booleans())
def test_foreign_entries_keep_their_number_and_order(
    wished: tuple[Desired | None, ...], world: Observed, repair: bool
) -> None:
    after = settle(plan([each for each in wished if each], world, repair=repair), world)
    for room, accounts in world.accounts.items():
        for before, edited in zip(accounts, after.accounts[room], strict=True):
            assert foreign(edited.get("imagePullSecrets", [])) == foreign(before.get("imagePullSecrets", []))


@given(wishes, worlds(), st.booleans())
def test_nothing_is_planned_where_nothing_is_chosen_and_nothing_is_ours(
    wished: tuple[Desired | None, ...], world: Observed, repair: bool
) -> None:
    desired = [each for each in wished if each]
    ours = {(key[0], placement.namespace_uid) for key, placement in world.placements.items()}
    for made in plan(desired, world, repair=repair):
        room = made.namespace
        chosen = any(chooses_namespace(each.declared.namespaces, room.name, room.labels) for each in desired)
        assert chosen or (room.name, room.uid) in ours


@given(wishes, worlds(), st.booleans())
def test_only_entries_that_we_gave_are_removed(
    wished: tuple[Desired | None, ...], world: Observed, repair: bool
) -> None:
    for made in plan([each for each in wished if each], world, repair=repair):
        for step in made.accounts:
            for secret in step.remove:
                assert step.name in world.placements[made.namespace.name, secret].service_accounts


@given(wishes, worlds())
def test_a_repair_writes_everything_that_is_kept_otherwise(wished: tuple[Desired | None, ...], world: Observed) -> None:
    desired = [each for each in wished if each]
    usual, repair = plan(desired, world), plan(desired, world, repair=True)
    for plain, thorough in zip(usual, repair, strict=True):
        for usually, then in zip(plain.secrets, thorough.secrets, strict=True):
            assert then.action == ("apply" if usually.action in {"keep", "refused"} else usually.action)
