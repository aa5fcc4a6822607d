import numpy as np

from indexer.picture.keypoints import Pyramid
from tests.assets.sift import grey, sizes, undoubled


def test_keypoints_lie_where_opencv_finds_them_with_the_same_size() -> None:
    picture = grey(3)
    ours = Pyramid(picture).detect(0.01)
    places = np.column_stack([ours.points, sizes(ours)])
    theirs = np.array([(*one.pt, one.size) for one in undoubled(picture)])
    away = np.abs(theirs[:, None] - places).max(axis=2).min(axis=1)
    assert len(theirs) > 100
    assert (away < 0.25).mean() > 0.8
