"""How far work is that goes on in the background."""

from registry.models import FingerprintRow, WorkPicture
from tests.flow.rows import owner, photograph, register
from workers.background import Progress, going_on
from workers.inline import Inline


def test_what_takes_long_says_how_far_it_is_until_it_is_done(inline: Inline) -> None:
    register(inline.house, owner("studio"), photograph(1))
    inline.run_until_idle()
    assert going_on(inline.house) == []
    WorkPicture.objects.update(state="doing", progress={"alike": 2000, "compared": 450})
    FingerprintRow.objects.filter(part="local").delete()
    assert going_on(inline.house) == [
        Progress("pictures seen before compared with new works that they resemble", 450, 2000),
        Progress("registered pictures with local features", 0, 1),
    ]
