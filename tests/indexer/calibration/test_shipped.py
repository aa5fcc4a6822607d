from indexer.calibration.shipped import shipped_calibration
from indexer.picture.spaces import PIPELINE


def test_shipped_calibration_matches_comparison_version() -> None:
    calibration = shipped_calibration()
    assert calibration is not None
    assert calibration.pipeline == PIPELINE, "fit it again: docs/reference/stand-alone.md says how"
    assert calibration.photographs >= 100
