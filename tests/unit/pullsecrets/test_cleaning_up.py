"""What leaves the selection or the file: our Secret and our entry go, and nothing else."""

from typing import Any

import pytest

from steward.cluster.errors import ForbiddenError
from tests.unit.pullsecrets.rig import MemoryPlacements, Rig, make_fleet, verdicts
from tests.unit.pullsecrets.samples import NAME

NOWHERE = make_fleet({"namespaces": {"names": ["nowhere-*"]}})
ANOTHER_FILE = make_fleet({"name": "another", "namespaces": {"names": ["nowhere-*"]}})


@pytest.mark.parametrize("fleet", [NOWHERE, ANOTHER_FILE])
def test_exactly_our_secret_and_our_entry_go(rig: Rig, fleet: object) -> None:
    neighbour = {"metadata": {"name": "theirs"}, "type": "Opaque", "data": {"a": "Yg=="}}
    rig.api.create("secrets", "team-a", neighbour)
    entries = {"imagePullSecrets": [{"name": "x"}, {"name": "theirs"}, {"name": "x"}]}
    account = {"metadata": {"name": "default"}, **entries}
    rig.ask("PUT", "/api/v1/namespaces/team-a/serviceaccounts/default", account)
    rig.run()
    uid = rig.api.get("secrets", "team-a", NAME)["metadata"]["uid"]  # type: ignore[index]
    seen: list[str] = []
    delete = rig.cluster.delete_secret
    rig.cluster.delete_secret = lambda *given: (seen.append(given[-1]), delete(*given))[1]  # type: ignore[method-assign,func-returns-value]
    rig.fleet = fleet  # type: ignore[assignment]
    report = rig.run()
    assert verdicts(report, "Secret/") == {"team-a": "deleted", "team-b": "deleted"}
    assert uid in seen
    assert [secret["metadata"]["name"] for secret in rig.api.objects("secrets")] == ["theirs"]
    assert rig.entries("team-a") == ["x", "theirs", "x"]
    assert rig.entries("team-b") == []
    rig.api.forget_requests()
    assert rig.run().rows == []
    assert rig.api.writes == ()


def test_a_namespace_whose_labels_change_leaves_the_selection(rig: Rig) -> None:
    rig.fleet = make_fleet({"namespaces": {"matchLabels": {"pull": "yes"}}})
    rig.api.create_namespace("shop", labels={"pull": "yes"})
    assert verdicts(rig.run(), "Secret/") == {"shop": "created"}
    patch = {"Content-Type": "application/merge-patch+json"}
    rig.ask("PATCH", "/api/v1/namespaces/shop", {"metadata": {"labels": {"pull": None}}}, **patch)
    assert verdicts(rig.run(), "Secret/") == {"shop": "deleted"}
    assert rig.password("shop") is None


def test_one_pull_secret_of_two_leaves_the_file(rig: Rig) -> None:
    rig.fleet = make_fleet({}, {"name": "second"})
    rig.run()
    assert rig.entries("team-a") == [NAME, "second"]
    rig.fleet = make_fleet({"name": "second"})
    rig.run()
    assert rig.entries("team-a") == ["second"]
    assert [secret["metadata"]["name"] for secret in rig.api.objects("secrets", "team-a")] == ["second"]


def test_accounts_no_longer_chosen_lose_our_entry_and_the_secret_stays(rig: Rig) -> None:
    rig.api.create("serviceaccounts", "team-a", {"metadata": {"name": "ci"}})
    rig.fleet = make_fleet({"serviceAccounts": "all"})
    rig.run()
    assert rig.entries("team-a", "ci") == [NAME]
    rig.fleet = make_fleet({"serviceAccounts": "default"})
    rig.run()
    assert (rig.entries("team-a", "ci"), rig.entries("team-a")) == ([], [NAME])
    assert rig.password("team-a")


def test_another_object_in_the_place_of_the_one_looked_at_is_not_deleted(rig: Rig) -> None:
    rig.run()
    look = rig.cluster.secret_metadata

    def replaced(namespace: str, name: str) -> dict[str, object] | None:
        metadata = look(namespace, name)
        rig.ask("DELETE", f"/api/v1/namespaces/{namespace}/secrets/{name}", {})
        rig.ask("POST", f"/api/v1/namespaces/{namespace}/secrets", {"metadata": {"name": name}})
        return metadata

    rig.cluster.secret_metadata = replaced  # type: ignore[method-assign]
    rig.fleet = NOWHERE
    assert verdicts(rig.run(), "Secret/") == {"team-a": "unchanged", "team-b": "unchanged"}
    assert len(rig.api.objects("secrets")) == 2


def test_what_others_have_deleted_already_is_forgotten(rig: Rig) -> None:
    rig.run()
    rig.ask("DELETE", f"/api/v1/namespaces/team-a/secrets/{NAME}", {})
    rig.fleet = NOWHERE
    assert verdicts(rig.run(), "Secret/") == {"team-a": "unchanged", "team-b": "deleted"}
    assert rig.placement("team-a") is None


@pytest.mark.parametrize("verb", ["get", "delete"])
def test_a_secret_that_may_not_be_deleted_is_told_and_tried_again(rig: Rig, verb: str) -> None:
    rig.run()
    rig.fleet = NOWHERE
    rig.api.deny(verb=verb, resource="secrets", namespace="team-a")
    assert verdicts(rig.run(), "Secret/") == {"team-a": "failed", "team-b": "deleted"}
    rig.api.allow_everything()
    assert verdicts(rig.run(), "Secret/") == {"team-a": "deleted"}


def test_a_secret_is_not_deleted_while_an_account_still_names_it(rig: Rig) -> None:
    rig.run()
    rig.fleet = NOWHERE
    rig.api.deny(verb="update", resource="serviceaccounts", namespace="team-a")
    report = rig.run()
    assert verdicts(report, "ServiceAccount/") == {"team-a": "failed", "team-b": "updated"}
    assert verdicts(report, "Secret/") == {"team-a": "waiting", "team-b": "deleted"}
    rig.api.allow_everything()
    rig.run()
    assert (rig.entries("team-a"), rig.password("team-a")) == ([], None)


class KilledError(BaseException):
    """The function was killed: nothing that follows is executed."""


@pytest.mark.parametrize("after", ["apply_secret", "replace_service_account"])
def test_a_function_killed_after_a_first_write_leaves_no_orphan(rig: Rig, after: str) -> None:
    write = getattr(rig.cluster, after)

    def killed(*arguments: object, **options: object) -> None:
        write(*arguments, **options)
        rig.book.dead = True
        raise KilledError

    setattr(rig.cluster, after, killed)
    with pytest.raises(KilledError):
        rig.run(["team-a"])
    assert rig.password("team-a")
    setattr(rig.cluster, after, write)
    rig.book = MemoryPlacements(rig.book.kept)
    rig.fleet = NOWHERE
    assert verdicts(rig.run(), "Secret/") == {"team-a": "deleted"}
    assert (rig.password("team-a"), rig.entries("team-a")) == (None, [])


def test_a_function_killed_after_a_first_write_is_finished_by_the_next(rig: Rig) -> None:
    apply = rig.cluster.apply_secret
    rig.cluster.apply_secret = _killing(rig)  # type: ignore[method-assign]
    with pytest.raises(KilledError):
        rig.run()
    rig.cluster.apply_secret = apply  # type: ignore[method-assign]
    rig.book.dead = False
    assert set(verdicts(rig.run(), "Secret/")) == {"team-a", "team-b"}
    assert rig.run().counts() == {"unchanged": 2}
    assert rig.entries("team-b") == [NAME]


def _killing(rig: Rig) -> Any:
    def killed(*_: object, **__: object) -> None:
        rig.book.dead = True
        raise KilledError

    return killed


def test_a_first_write_is_remembered_before_it_is_made(rig: Rig) -> None:
    known: list[bool] = []

    def refused(namespace: str, *_: object, **__: object) -> None:
        known.append(rig.placement(namespace) is not None)
        raise ForbiddenError("no")

    rig.cluster.apply_secret = refused  # type: ignore[method-assign,assignment]
    rig.run()
    assert known == [True, True]
