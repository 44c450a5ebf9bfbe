"""What one look at the clusters finds."""

from dataclasses import replace

import pytest

from steward.cluster import Access, Cluster
from steward.cluster.eks import EksUnavailableError
from steward.pullsecrets.desired import desired_pull_secrets
from steward.pullsecrets.observe import NAMED, Sighting, Watched, look_at, namespaces_behind, oldest_placed
from steward.state.messages import SyncRequest
from steward.state.placements import Placement
from tests.unit.pullsecrets.rig import CLUSTER, MemoryPlacements, Rig, make_fleet, rig_of
from tests.unit.pullsecrets.samples import EARLIER, NAME, namespace, placed, wish


def look(rig: Rig) -> Sighting:
    desired = desired_pull_secrets(rig.fleet, CLUSTER, rig.records)
    (seen,) = look_at([Watched(rig.cluster.name, lambda: rig.cluster, desired)], rig.book)
    return seen


def asked(seen: Sighting) -> tuple[str, ...] | None:
    return seen.request.namespaces if seen.request else None


def test_nothing_is_asked_for_where_all_is_well(rig: Rig) -> None:
    rig.run()
    rig.api.forget_requests()
    assert look(rig).request is None
    assert [request.path for request in rig.api.requests] == ["/api/v1/namespaces"]


def test_a_new_namespace_is_named_in_the_request(rig: Rig) -> None:
    rig.run()
    rig.api.create_namespace("team-new")
    rig.api.create_namespace("other")
    seen = look(rig)
    assert seen.request == SyncRequest(cluster=CLUSTER, reason="1 namespaces lag behind", namespaces=("team-new",))
    rig.run(seen.request.namespaces)
    assert look(rig).request is None


@pytest.mark.parametrize("change", ["rotated", "left the file", "made again", "labels"])
def test_whatever_lags_behind_is_asked_for(rig: Rig, change: str) -> None:
    rig.run()
    match change:
        case "rotated":
            rig.rotate()
        case "left the file":
            rig.fleet = make_fleet({"name": "another", "namespaces": {"names": ["nowhere"]}})
        case "made again":
            for name in ("team-a", "team-b"):
                rig.api.delete_namespace(name)
                rig.api.create_namespace(name)
        case _:
            rig.fleet = make_fleet({"namespaces": {"names": ["team-*"], "matchLabels": {"team": "x"}}})
    assert asked(look(rig)) == ("team-a", "team-b")


def test_many_namespaces_behind_mean_the_whole_cluster() -> None:
    with rig_of(*(f"team-{number}" for number in range(NAMED + 1))) as rig:
        assert asked(look(rig)) == ()


def test_a_default_account_that_is_not_there_yet_is_asked_for_until_it_names_our_secret() -> None:
    with rig_of(hold_default_service_accounts=True) as rig:
        rig.api.create_namespace("team-a")
        rig.run()
        assert asked(look(rig)) == ("team-a",)
        rig.api.release_default_service_accounts()
        rig.run(["team-a"])
        assert look(rig).request is None


def test_a_cluster_that_cannot_be_reached_is_told_and_the_others_go_on(rig: Rig) -> None:
    dead = Cluster("dead", Access("http://127.0.0.1:1", lambda: "token"))
    desired = desired_pull_secrets(rig.fleet, CLUSTER, rig.records)
    rig.book.kept["dead"] = {("shop", NAME): placed()}
    first, second = look_at(
        [Watched(dead.name, lambda: dead, desired), Watched(rig.cluster.name, lambda: rig.cluster, desired)], rig.book
    )
    assert first.error.startswith("cluster dead: GET /api/v1/namespaces: no answer")
    assert first.request is None
    assert first.oldest_expiry == placed().expires_at
    assert (second.error, asked(second)) == ("", ("team-a", "team-b"))


def test_the_oldest_expiry_is_that_of_the_first_credential_to_end(rig: Rig) -> None:
    assert look(rig).oldest_expiry is None
    rig.run()
    first = rig.credentials["ecr-eu-west-1-self"]
    rig.rotate()
    rig.run(["team-a"])
    assert look(rig).oldest_expiry == int(first.expires_at.timestamp())


def test_a_namespace_that_is_on_its_way_out_does_not_count_as_getting_old(rig: Rig) -> None:
    rig.run()
    old = replace(rig.book.kept[CLUSTER]["team-a", NAME], expires_at=1)
    rig.book.kept[CLUSTER] |= {("team-a", NAME): old, ("team-gone", NAME): placed(uid="uid-gone")}
    assert look(rig).oldest_expiry == 1
    rig.api.terminate_namespace("team-a")
    assert look(rig).oldest_expiry == rig.book.kept[CLUSTER]["team-b", NAME].expires_at


def test_what_is_refused_or_not_written_yet_has_no_age() -> None:
    assert oldest_placed({("a", NAME): placed(""), ("b", NAME): placed(refused="foreign")}) is None
    assert oldest_placed({("a", NAME): placed(""), ("b", NAME): placed()}) == placed().expires_at


@pytest.mark.parametrize(
    ("known", "behind"),
    [
        (placed(accounts=("default",)), False),
        (placed(), True),
        (placed("", ("default",)), True),
        (placed(EARLIER, ("default",)), True),
        (placed(refused="foreign"), False),
    ],
)
def test_what_counts_as_behind(known: object, behind: bool) -> None:
    found = namespaces_behind([namespace()], [wish()], {("shop", NAME): known})  # type: ignore[dict-item]
    assert found == (["shop"] if behind else [])


def test_terminating_and_blocked_namespaces_are_not_behind() -> None:
    assert namespaces_behind([namespace(terminating=True)], [wish()], {}) == []
    assert namespaces_behind([namespace()], [wish(content=None)], {}) == []


def test_what_lies_in_a_cluster_without_a_way_to_it_still_counts_for_freshness() -> None:
    def no_way() -> Cluster:
        raise EksUnavailableError("EKS cluster shop in eu-west-1: AccessDenied")

    book = MemoryPlacements()
    book.save("shop", {("team-a", "pull"): Placement("uid", "layout-revision", 1_800_000_000)}, ["team-a"])
    (seen,) = look_at([Watched("shop", no_way)], book)
    assert seen.oldest_expiry == 1_800_000_000
    assert "AccessDenied" in seen.error
