"""Test the sentences about the parts of a registered image that are not compared."""

from desk.texts.masks import describe_masks
from registry.models import WorkPicture


def test_caption_is_described_by_edge_and_mark_by_fraction() -> None:
    bars = [[0, 0, 1, 0.2], [0, 0.9, 1, 1], [0, 0, 0.1, 0.9], [0.8, 0, 1, 0.9]]
    result = describe_masks(WorkPicture(captions=bars, marks=[[0, 0, 0.5, 0.5], [0.5, 0.5, 0.75, 0.75]]))
    assert [(mask.kind, mask.sentence.partition(" looks")[0]) for mask in result[:4]] == [
        ("caption", "The upper 20%"),
        ("caption", "The lower 10%"),
        ("caption", "The left 9%"),
        ("caption", "The right 18%"),
    ]
    assert (result[4].kind, result[4].share) == ("mark", 0.3125)
    assert result[4].sentence.startswith("31% of the picture, ")
    assert describe_masks(WorkPicture()) == []
