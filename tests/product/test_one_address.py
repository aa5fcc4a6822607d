"""An address that served other bytes from time to time: one visit stands for all that was seen there, and passes."""

from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest
from PIL import Image

from evidence.verdict.result import State
from registry.cases.decisions import confirm
from registry.matches.match import match_pictures
from tests.assets.rows import bring, claimed_slice, jpeg, owner, photograph, register
from tests.assets.sealed import sealed, verified
from workers.tasks.sync_runner import SyncRunner

pytestmark = pytest.mark.django_db


@pytest.mark.long
def test_what_one_address_served_at_different_times_has_one_visit_and_passes(
    inline: SyncRunner, tmp_path: Path
) -> None:
    inline.services.config = replace(inline.services.config, anchors=(), languages=("en",))
    studio, work = owner("studio"), Image.open(BytesIO(photograph(1)))
    register(inline.services, studio, photograph(1))
    for number, quality in enumerate((40, 60, 80)):
        planned, epoch = claimed_slice(studio, f"watch-{number}")
        match_pictures(inline.services, bring(inline.services, planned, epoch, [jpeg(work, quality)], "shop.invalid"))
        planned.state = "done"
        planned.save(update_fields=["state"])
    case = studio.cases.get()
    confirm(inline.services, case, by="Ann", reason="A copy.")
    verdict = verified(inline, sealed(inline, case.bundles.get()), tmp_path)
    states = {check.name: check.state for check in verdict.checks}
    assert [states[f"capture:0{number}-1"] for number in (1, 2, 3)] == [State.PASSED] * 3
    assert [check for check in verdict.checks if check.state is State.FAILED] == []
