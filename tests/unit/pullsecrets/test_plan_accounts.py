"""What is planned for the service accounts of one namespace."""

from typing import Any

import pytest

from steward.pullsecrets.desired import Desired
from steward.pullsecrets.plan import NamespacePlan, Observed, plan
from steward.state.placements import Placement
from tests.unit.pullsecrets.samples import NAME, account, edits, namespace, placed, wish

ADD, REMOVE = ((NAME,), ()), ((), (NAME,))


def plan_accounts(
    wishes: list[Desired], accounts: list[dict[str, Any]], known: Placement | None = None
) -> NamespacePlan:
    placements = {("shop", NAME): known} if known else {}
    plans = plan(wishes, Observed([namespace()], placements, {"shop": accounts}))
    return plans[0] if plans else NamespacePlan(namespace())


@pytest.mark.parametrize(
    ("choice", "expected"),
    [
        pytest.param("default", {"default": ADD}, id="default"),
        pytest.param("all", {"ci": ADD, "default": ADD, "web": ADD}, id="all"),
        pytest.param("none", {}, id="none"),
        pytest.param(["web", "ci"], {"ci": ADD, "web": ADD}, id="names"),
    ],
)
def test_the_chosen_accounts_get_our_entry(choice: Any, expected: dict[str, Any]) -> None:
    accounts = [account("default"), account("web", "foreign"), account("ci")]
    assert edits(plan_accounts([wish(accounts=choice)], accounts)) == expected


@pytest.mark.parametrize("choice", ["default", ["default"], ["web", "default"]])
def test_an_account_that_does_not_exist_is_waited_for(choice: Any) -> None:
    made = plan_accounts([wish(accounts=choice)], [account("web")])
    waiting = [step for step in made.accounts if step.account is None]
    assert [(step.name, step.add) for step in waiting] == [("default", (NAME,))]


def test_all_waits_for_nobody() -> None:
    assert plan_accounts([wish(accounts="all")], []).accounts == []


def test_an_account_that_already_names_our_secret_is_not_edited() -> None:
    made = plan_accounts([wish()], [account("default", "foreign", NAME)], placed())
    assert edits(made) == {}
    assert [step.holds for step in made.accounts] == [(NAME,)]


@pytest.mark.parametrize(("before", "after"), [("all", "default"), (["web", "default"], "default"), ("all", "none")])
def test_an_account_no_longer_chosen_loses_the_entry_we_gave_it(before: Any, after: Any) -> None:
    given = ("default", "web")
    accounts = [account(name, "foreign", NAME) for name in given]
    assert edits(plan_accounts([wish(accounts=before)], accounts, placed(accounts=given))) == {}
    edited = edits(plan_accounts([wish(accounts=after)], accounts, placed(accounts=given)))
    assert edited == ({"web": REMOVE} if after == "default" else {"default": REMOVE, "web": REMOVE})


def test_an_entry_that_we_did_not_give_is_never_taken() -> None:
    accounts = [account("default", NAME), account("web", NAME)]
    assert edits(plan_accounts([wish(accounts="default")], accounts, placed(accounts=("default",)))) == {}
    assert edits(plan_accounts([], accounts, placed(accounts=()))) == {}


def test_an_entry_given_for_one_secret_says_nothing_about_another() -> None:
    """We wrote `second` into web; that web names our other Secret too is somebody else's doing."""
    known = {("shop", NAME): placed(accounts=("default",)), ("shop", "second"): placed(accounts=("web",))}
    accounts = [account("default", NAME), account("web", "second", NAME)]
    (made,) = plan([wish(), wish("second", ["web"])], Observed([namespace()], known, {"shop": accounts}))
    assert edits(made) == {}


@pytest.mark.parametrize("known", [placed(accounts=("default",)), placed("", ("default",))])
def test_what_leaves_the_file_leaves_the_accounts(known: Placement) -> None:
    assert edits(plan_accounts([], [account("default", "foreign", NAME)], known)) == {"default": REMOVE}


def test_an_account_of_ours_that_is_gone_needs_no_edit() -> None:
    assert plan_accounts([], [], placed(accounts=("default",))).accounts == []
    assert edits(plan_accounts([], [account("default", "foreign")], placed(accounts=("default",)))) == {}


@pytest.mark.parametrize("wishes", [[wish()], []])
def test_entries_we_gave_are_taken_back_from_a_secret_that_became_foreign(wishes: list[Desired]) -> None:
    known = placed(accounts=("default",), refused="left alone: it was written by helm")
    assert edits(plan_accounts(wishes, [account("default", NAME)], known)) == {"default": REMOVE}


def test_accounts_are_not_pointed_at_a_foreign_secret() -> None:
    known = placed(refused="left alone: it was written by helm")
    assert plan_accounts([wish()], [account()], known).accounts == []


def test_accounts_are_not_pointed_at_a_secret_that_cannot_be_written_yet() -> None:
    assert plan_accounts([wish(content=None)], [account()]).accounts == []


def test_a_blocked_renewal_leaves_the_entries_where_they_are() -> None:
    made = plan_accounts([wish(content=None)], [account("default", NAME)], placed(accounts=("default",)))
    assert edits(made) == {}


def test_two_pull_secrets_share_one_edit_of_an_account() -> None:
    made = plan_accounts([wish(), wish("second")], [account("default", "foreign")])
    assert edits(made) == {"default": ((NAME, "second"), ())}


def test_one_pull_secret_leaves_while_another_comes() -> None:
    made = plan_accounts([wish("second")], [account("default", NAME)], placed(accounts=("default",)))
    assert edits(made) == {"default": (("second",), (NAME,))}
