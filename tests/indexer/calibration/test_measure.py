import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from indexer import edits
from indexer.calibration.measure import NEAREST_KIND, Bench, MeasurementContext, read_photographs
from indexer.picture.descriptor import BUILT_IN
from tests.assets.photo_archive import PLAN, fill_archive, ignore_progress


@pytest.mark.long
def test_duplicate_files_do_not_displace_unrelated_pictures(tmp_path: Path) -> None:
    archive = fill_archive(tmp_path / "archive")
    photographs, _ = read_photographs(archive, tmp_path, [], BUILT_IN, ignore_progress)
    group = photographs[0].group
    shown_often = [
        replace(photograph, group=group) if photograph.path < "10" else photograph for photograph in photographs
    ]
    shown_once = [shown_often[0], *(photograph for photograph in shown_often if photograph.group != group)]
    measurements = [
        Bench(MeasurementContext(archive, tmp_path, tuple(each), PLAN)).measure(0) for each in (shown_often, shown_once)
    ]
    often, once = (
        {photograph.files: photograph.verification for photograph in samples if photograph.kind == NEAREST_KIND}
        for samples in measurements
    )
    assert often == once
    assert len(often) >= 3


def test_changed_edits_trigger_new_measurement(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    scene = MeasurementContext(tmp_path, tmp_path, (), PLAN)
    before = scene.identity
    installed = shutil.copytree(Path(edits.__file__).parent, tmp_path / "edits")
    monkeypatch.setattr(edits, "__file__", str(installed / "__init__.py"))
    assert scene.identity == before
    with (installed / "saving.py").open("a") as file:
        file.write("QUALITY = 30\n")
    assert scene.identity != before
