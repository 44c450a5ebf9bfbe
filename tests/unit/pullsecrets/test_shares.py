"""How namespaces are dealt out to the threads."""

import pytest

from steward.cluster import Namespace
from steward.pullsecrets.act import CONCURRENCY, IN_A_ROW, shares
from steward.pullsecrets.plan import NamespacePlan


@pytest.mark.parametrize("count", [0, 1, 7, 16, 17, 257, 1000])
def test_every_plan_is_dealt_once_and_in_order(count: int) -> None:
    plans = [NamespacePlan(Namespace(f"team-{number}", "u", {}, terminating=False)) for number in range(count)]
    assert [plan for share in shares(plans) for plan in share] == plans


def test_shares_begin_large_and_end_with_one() -> None:
    plans = [NamespacePlan(Namespace(f"team-{number}", "u", {}, terminating=False)) for number in range(1000)]
    sizes = [len(share) for share in shares(plans)]
    assert sizes[0] == IN_A_ROW
    assert sizes == sorted(sizes, reverse=True)
    assert set(sizes[-CONCURRENCY:]) == {1}
