"""What counts as current for a run that holds no credential yet."""

from datetime import timedelta

import pytest

from steward.images.docker_config import Content
from steward.pullsecrets.sync import accept_fresh
from steward.state.placements import Placement
from tests.unit.pullsecrets.samples import EARLIER, EXPIRES, NAME, placed

CONTENTS = {NAME: Content("layout-?", EXPIRES)}
HOUR = timedelta(hours=1).total_seconds()


@pytest.mark.parametrize(
    ("lies_there", "left", "accepted"),
    [
        pytest.param(placed(EARLIER), HOUR, True, id="long enough to live"),
        pytest.param(placed(EARLIER), HOUR - 1, False, id="about to end"),
        pytest.param(placed("other-current"), 9 * HOUR, False, id="another layout"),
        pytest.param(placed(""), 9 * HOUR, False, id="never written to the end"),
        pytest.param(placed("other-current", refused="foreign"), 0, True, id="refused, whatever the content"),
    ],
)
def test_what_lies_there_counts_as_current(lies_there: Placement, left: float, accepted: bool) -> None:
    now = EXPIRES.timestamp() - left
    found = accept_fresh({("shop", NAME): lies_there}, CONTENTS, now, HOUR)["shop", NAME]
    assert (found.content == "layout-?") is accepted
    assert found.refused == lies_there.refused


def test_a_pull_secret_without_content_stays_as_it_is() -> None:
    placements = {("shop", NAME): placed(EARLIER)}
    assert accept_fresh(placements, {}, 0, HOUR) == placements
