"""What is planned for the Secrets of one namespace."""

import pytest

from steward.cluster import Namespace
from steward.pullsecrets.desired import Desired
from steward.pullsecrets.plan import NamespacePlan, Observed, plan
from steward.state.placements import Placement
from tests.unit.pullsecrets.samples import CURRENT, EARLIER, NAME, PRINCIPAL, edits, namespace, placed, steps, wish

FOREIGN = "left alone: it was written by helm"


def plan_one(
    wishes: list[Desired],
    known: Placement | None = None,
    where: Namespace | None = None,
    *,
    repair: bool = False,
) -> NamespacePlan | None:
    """The plan of one namespace that holds `known` under our name; None if there is nothing to plan."""
    where = where or namespace()
    placements = {(where.name, NAME): known} if known else {}
    plans = plan(wishes, Observed([where], placements, {}), repair=repair)
    assert len(plans) <= 1
    return plans[0] if plans else None


@pytest.mark.parametrize(
    ("wished", "known", "repair", "action", "reason"),
    [
        pytest.param(wish(), None, False, "apply", "not there yet", id="created"),
        pytest.param(wish(), placed(EARLIER), False, "apply", "renewed", id="renewed"),
        pytest.param(wish(), placed(), False, "keep", "holds the current credential", id="kept"),
        pytest.param(wish(), placed(), True, "apply", "mend what others changed", id="repaired"),
        pytest.param(wish(), placed(""), False, "apply", "a first write was cut off", id="cut off"),
        pytest.param(wish(), placed(refused=FOREIGN), False, "refused", FOREIGN, id="still refused"),
        pytest.param(wish(), placed(EARLIER, refused=FOREIGN), False, "apply", "renewed", id="refused, now renewed"),
        pytest.param(wish(), placed(refused=FOREIGN), True, "apply", "mend", id="refused, tried by the repair"),
        pytest.param(wish(content=None), None, False, "blocked", f"no credential of {PRINCIPAL} yet", id="blocked"),
        pytest.param(wish(content=None), placed(), True, "blocked", "no credential", id="blocked, whatever lies there"),
        pytest.param(wish(), placed(uid="earlier"), False, "apply", "not there yet", id="namespace made again"),
        pytest.param(wish(), placed(refused=FOREIGN, uid="earlier"), False, "apply", "not there yet", id="made anew"),
    ],
)
def test_a_chosen_namespace_gets_its_step(
    wished: Desired, known: Placement | None, repair: bool, action: str, reason: str
) -> None:
    made = plan_one([wished], known, repair=repair)
    assert made is not None
    assert [step.action for step in made.secrets] == [action]
    assert reason in made.secrets[0].reason


def test_a_namespace_made_again_forgets_what_lay_in_the_old_one() -> None:
    made = plan_one([wish()], placed(uid="earlier"))
    assert made is not None
    assert made.secrets[0].known is None


@pytest.mark.parametrize("repair", [False, True])
@pytest.mark.parametrize(
    ("wishes", "reason"),
    [
        ([wish(names=["other-*"])], "the namespace left the selection"),
        ([wish(exclude=["shop"])], "the namespace left the selection"),
        ([wish(matchLabels={"team": "a"})], "the namespace left the selection"),
        ([wish("another", names=["nowhere"])], "the pull secret left the file"),
        ([], "the pull secret left the file"),
    ],
)
def test_our_secret_is_deleted_where_it_should_no_longer_be(wishes: list[Desired], reason: str, repair: bool) -> None:
    made = plan_one(wishes, placed(), repair=repair)
    assert made is not None
    assert [(step.action, step.reason) for step in made.secrets] == [("delete", reason)]


def test_an_interrupted_first_write_is_cleaned_up_too() -> None:
    made = plan_one([], placed(""))
    assert made is not None
    assert steps(made) == {NAME: "delete"}


@pytest.mark.parametrize("known", [None, placed(), placed(EARLIER), placed("")])
@pytest.mark.parametrize("wishes", [[wish()], []])
def test_nothing_is_done_in_a_terminating_namespace(wishes: list[Desired], known: Placement | None) -> None:
    made = plan_one(wishes, known, namespace(terminating=True))
    if not wishes and known is None:
        assert made is None
    else:
        assert made == NamespacePlan(namespace(terminating=True), skip="the namespace is terminating")


def test_a_terminating_namespace_that_is_not_chosen_is_not_even_mentioned() -> None:
    assert plan_one([wish(names=["other"])], None, namespace(terminating=True)) is None


def test_a_namespace_that_is_not_chosen_and_holds_nothing_of_ours_is_left_alone() -> None:
    assert plan_one([wish(names=["other"])]) is None
    assert plan_one([wish(names=["other"])], placed(uid="earlier")) is None


def test_one_pull_secret_blocked_does_not_hold_up_another() -> None:
    made = plan_one([wish(content=None), wish("second")])
    assert made is not None
    assert steps(made) == {NAME: "blocked", "second": "apply"}
    assert edits(made) == {"default": (("second",), ())}


def test_a_pull_secret_without_one_of_its_credentials_is_written_and_says_so() -> None:
    whole = wish()
    partial = Desired(whole.declared, whole.hosts, whole.content, missing=("ecr-us-east-1-self",))
    for known in (None, placed(EARLIER), placed()):
        made = plan_one([partial], known)
        assert made is not None
        assert "without the entries of ecr-us-east-1-self" in made.secrets[0].reason


def test_each_namespace_is_judged_by_its_own_placements() -> None:
    rooms = [namespace("a"), namespace("b"), namespace("c")]
    known = {("a", NAME): placed(uid="uid-a"), ("c", NAME): placed(EARLIER, uid="uid-c")}
    plans = plan([wish()], Observed(rooms, known, {}))
    assert [(made.namespace.name, steps(made)[NAME]) for made in plans] == [
        ("a", "keep"),
        ("b", "apply"),
        ("c", "apply"),
    ]
    assert plans[0].secrets[0].known == placed(CURRENT, uid="uid-a")
