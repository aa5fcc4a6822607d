from indexer.layout.single_thread import cv2


def test_opencv_uses_one_thread() -> None:
    assert cv2.getNumThreads() == 1
