"""Test that a capture is compared with its record, so that a forged one fails the check of the visit."""

from pathlib import Path

from evidence.verify.verifier import Verifier
from tests.assets.bundles import Scene
from tests.assets.forged_evidence import FORGED
from tests.assets.resealing import seal_lie
from tests.assets.tampering import read_files, write_zip

CAPTURE = "capture:01-1"
FORGERY_NAMES = [name for name, (_, wanted) in FORGED.items() if CAPTURE in wanted]


def test_each_forgery_is_detected(scene: Scene, bundle: Path, tmp_path: Path) -> None:
    whole = read_files(bundle)
    results = {}
    for name in FORGERY_NAMES:
        path = write_zip(tmp_path / "forged.zip", seal_lie(whole, FORGED[name][0]))
        checks = Verifier(scene.trust).verify(path).checks
        results[name] = next(str(check.state) for check in checks if check.name == CAPTURE)
    assert results == {name: FORGED[name][1][CAPTURE] for name in results}
    assert {"passed", "failed"} <= set(results.values())
