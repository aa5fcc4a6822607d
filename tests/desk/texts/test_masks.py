"""Test the sentences about the parts of a registered image that are not compared."""

from desk.texts.masks import masks
from registry.models import WorkPicture


def test_a_caption_is_named_by_its_side_and_a_mark_by_its_share() -> None:
    bars = [[0, 0, 1, 0.2], [0, 0.9, 1, 1], [0, 0, 0.1, 0.9], [0.8, 0, 1, 0.9]]
    told = masks(WorkPicture(captions=bars, marks=[[0, 0, 0.5, 0.5], [0.5, 0.5, 0.75, 0.75]]))
    assert [(one.kind, one.sentence.partition(" looks")[0]) for one in told[:4]] == [
        ("caption", "The upper 20%"),
        ("caption", "The lower 10%"),
        ("caption", "The left 9%"),
        ("caption", "The right 18%"),
    ]
    assert (told[4].kind, told[4].share) == ("mark", 0.3125)
    assert "share 31% of it" in told[4].sentence
    assert masks(WorkPicture()) == []
