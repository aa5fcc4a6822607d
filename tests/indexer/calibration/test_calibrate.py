"""Test calibration with a folder of photographs: measured once, resumed, refused if unusable."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from demo.pictures import generate_textured
from evidence.accuracy.counts import SAME_PICTURE_DISTANCE
from exhibit.comparison.calibration import Calibration, FalseAlarmBound, add_probability
from exhibit.digests import Digest
from exhibit.errors import IntegrityError, InvalidRequestError
from exhibit.types import Decision
from indexer.__main__ import main
from indexer.calibration.calibrate import (
    CalibrationInputs,
    CalibrationResult,
    calibrate,
    describe_plan,
    measure_filed_pairs,
    read_groups,
    summarize,
)
from indexer.calibration.filed_pairs import FiledPairs, Judgement
from indexer.calibration.measure import NEAREST_KIND, OVERLAY_KIND, Bench
from indexer.calibration.probability import MIN_PHOTOGRAPHS
from indexer.picture.card import read_card
from indexer.picture.descriptor import DescriptorFile
from indexer.picture.features import extract
from indexer.picture.spaces import PIPELINE
from indexer.search.explanation import explain
from tests.assets.networks import CARD, network
from tests.assets.photo_archive import COUNT, PLAN, fill_archive, ignore_progress
from tests.assets.rows import encode_jpeg
from tests.assets.textured import encoded, textured as drawn


def copy_features(scratch: Path, folder: Path) -> Path:
    """Copy a folder with the features of an earlier run, but without its measurements."""
    shutil.copytree(scratch, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("measured-*"))
    return folder


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return fill_archive(tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="module")
def order(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> CalibrationInputs:
    same = (("03.jpg", "other.jpg"),)
    return CalibrationInputs(
        archive, tmp_path_factory.mktemp("scratch"), "tests-2026-11", "Drawn for a test", PLAN, same
    )


def integers(text: str) -> list[int]:
    """Return the integers in a text, in order."""
    return [int(number.replace(",", "")) for number in re.findall(r"\d[\d,]*", text)]


@pytest.fixture(scope="module")
def outcome(order: CalibrationInputs) -> CalibrationResult:
    return calibrate(order, ignore_progress)


@pytest.mark.long
def test_each_photograph_counts_once_across_duplicate_files(outcome: CalibrationResult) -> None:
    assert len(outcome.photographs) == COUNT + 1
    assert outcome.calibration.certain == FalseAlarmBound(COUNT, 0)
    assert [skipped_file.path for skipped_file in outcome.skipped_files] == ["notes.txt"]
    assert integers(outcome.calibration.data)[:2] == [COUNT, 5]


@pytest.mark.long
def test_file_saved_again_has_a_similar_hash_and_unrelated_file_does_not(outcome: CalibrationResult) -> None:
    hashes = {photograph.path: int.from_bytes(photograph.hash) for photograph in outcome.photographs}
    near, far = (hashes["03.jpg"] ^ hashes[path] for path in ("other.jpg", "04.jpg"))
    assert near.bit_count() <= SAME_PICTURE_DISTANCE < far.bit_count()


@pytest.mark.long
def test_copies_and_unrelated_pictures_are_measured_as_in_production(outcome: CalibrationResult) -> None:
    copies = [sample for sample in outcome.samples if sample.copy]
    assert len(copies) == PLAN.edited * PLAN.edits_each
    assert sum(sample.verification.decision is Decision.CERTAIN for sample in copies) > len(copies) / 3
    assert any(sample.kind.startswith(OVERLAY_KIND) for sample in outcome.samples)
    strangers = [sample for sample in outcome.samples if sample.kind == NEAREST_KIND]
    assert all(
        sample.files[0] != sample.files[1] and set(sample.files) != {"03.jpg", "other.jpg"} for sample in strangers
    )


@pytest.mark.long
def test_calibration_is_current_and_separates_copies_from_unrelated(
    outcome: CalibrationResult,
) -> None:
    certain = next(
        sample for sample in outcome.samples if sample.copy and sample.verification.decision is Decision.CERTAIN
    )
    probability = add_probability(certain.verification, outcome.calibration)
    stranger = next(sample for sample in outcome.samples if sample.kind == NEAREST_KIND)
    assert outcome.calibration.pipeline == PIPELINE
    assert probability.probability is not None
    assert probability.probability > 0.6 > (outcome.calibration.compute_probability(stranger.verification) or 0)


@pytest.mark.long
def test_second_run_measures_nothing_and_returns_same_result(
    order: CalibrationInputs, outcome: CalibrationResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[int] = []
    monkeypatch.setattr(Bench, "measure", lambda _, number: calls.append(number))
    assert calibrate(order, ignore_progress).calibration.digest == outcome.calibration.digest
    assert not calls


@pytest.mark.long
def test_interrupted_run_resumes(order: CalibrationInputs, outcome: CalibrationResult, tmp_path: Path) -> None:
    again = replace(order, scratch=copy_features(order.scratch, tmp_path))

    def interrupt(stage: str, done: int, total: int) -> None:
        if (stage, done) == ("measuring", 5):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        calibrate(again, interrupt)
    (measurements,) = tmp_path.glob("measured-*.jsonl")
    measurements.write_bytes(measurements.read_bytes()[:-20])
    resumed: list[tuple[str, int]] = []
    finished = calibrate(again, lambda *told: resumed.append(told[:2]))
    assert next(done for stage, done in resumed if stage == "measuring") == 4
    assert finished.calibration.digest == outcome.calibration.digest


@pytest.mark.long
def test_several_processes_return_same_result(
    order: CalibrationInputs, outcome: CalibrationResult, tmp_path: Path
) -> None:
    again = replace(order, scratch=copy_features(order.scratch, tmp_path), jobs=2)
    assert calibrate(again, ignore_progress).calibration.digest == outcome.calibration.digest


@pytest.mark.long
def test_calibration_measures_and_reports_a_custom_network(order: CalibrationInputs, tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(network())
    (tmp_path / "net.toml").write_text(CARD)
    file = DescriptorFile(read_card(CARD), Digest.from_bytes(network()), tmp_path / "net.onnx")
    calibration = calibrate(replace(order, scratch=tmp_path / "scratch", network=file), ignore_progress).calibration
    assert calibration.network == "colours@1"
    assert Calibration.from_json(calibration.to_json()) == calibration
    networks = {path.parent.parent.name for path in (tmp_path / "scratch").rglob("*.npz")}
    assert networks == {f"{PIPELINE}-colours@1"}
    (tmp_path / "net.onnx").write_bytes(network()[:-1])
    with pytest.raises(IntegrityError, match="has changed"):
        file.create_descriptor().open()


@pytest.mark.long
def test_too_small_folder_is_refused_with_a_message(order: CalibrationInputs, tmp_path: Path) -> None:
    for seed in range(3):
        (tmp_path / f"{seed}.jpg").write_bytes(encode_jpeg(generate_textured(seed, (160, 120))))
    with pytest.raises(InvalidRequestError, match="contains 3 different photographs"):
        calibrate(CalibrationInputs(tmp_path, order.scratch, "small", "Small", PLAN), ignore_progress)
    with pytest.raises(InvalidRequestError, match="is not a folder"):
        calibrate(CalibrationInputs(tmp_path / "nowhere", order.scratch, "small", "Small", PLAN), ignore_progress)


@pytest.mark.long
def test_groups_are_read_and_validated(order: CalibrationInputs, tmp_path: Path) -> None:
    path = tmp_path / "same.txt"
    path.write_text("a.jpg; b.jpg\n\nc.jpg\td.jpg\n", "utf-8")
    assert read_groups(path) == (("a.jpg", "b.jpg"), ("c.jpg", "d.jpg"))
    path.write_text("a.jpg;b.jpg\na.jpg;c.jpg\n", "utf-8")
    with pytest.raises(InvalidRequestError, match=r"a\.jpg twice"):
        read_groups(path)
    with pytest.raises(InvalidRequestError, match="cannot be read as a UTF-8 text file"):
        read_groups(tmp_path / "nowhere")
    with pytest.raises(InvalidRequestError, match=r"gone\.jpg is not a file"):
        calibrate(replace(order, same=(("gone.jpg", "00.jpg"),)), ignore_progress)


@pytest.mark.long
def test_planned_measurements_can_be_listed_before_calibration(order: CalibrationInputs) -> None:
    assert integers(describe_plan(order))[0] == 24


@pytest.mark.long
def test_outcome_reports_both_bounds(outcome: CalibrationResult) -> None:
    rows = dict(summarize(outcome))
    bound, *bounds = integers(rows["certain"])
    assert (bound // 100, bounds) == (1329, [95, 21, 20, 0])
    assert json.loads(outcome.calibration.to_json())["bounds"]["certain"]["failed"] == 0


@pytest.mark.long
def test_standalone_command_refuses_too_small_folder(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "one.jpg").write_bytes(encode_jpeg(generate_textured(1, (160, 120))))
    assert main(["calibrate", str(tmp_path), "--out", str(tmp_path / "calibration.json")]) == 2
    assert integers(capsys.readouterr().err.partition(str(tmp_path))[2])[:2] == [1, MIN_PHOTOGRAPHS]
    assert not (tmp_path / "calibration.json").exists()


@pytest.mark.long
def test_stored_pairs_are_listed_separately_from_measurements(outcome: CalibrationResult, tmp_path: Path) -> None:
    pairs = FiledPairs(tmp_path)
    own, stranger = encoded(drawn(1)), encoded(drawn(2), "JPEG")
    for copy, label in (
        (encoded(drawn(1), "JPEG"), Judgement.COPY),
        (stranger, Judgement.COPY),
        (own, Judgement.DIFFERENT),
    ):
        pairs.add(own, copy, label, explain(copy, {0: extract(own)}), picture_names=f"pair {label}", by="Ann")
    told_beside = replace(outcome, kept=tuple(measure_filed_pairs(pairs)))
    decisions = [pair.verification.decision for pair in told_beside.kept]
    assert decisions == [Decision.CERTAIN, Decision.NONE, Decision.CERTAIN]
    assert [pair.files for pair in told_beside.misjudged_samples] == [("pair copy",), ("pair different",)]
    beside, before = dict(summarize(told_beside)), dict(summarize(outcome))
    assert re.findall(r"[\d.]+", beside.pop("kept copies")) == ["2", "50.0", "0.0", "50.0"]
    assert re.findall(r"[\d.]+", beside.pop("kept others")) == ["1", "100.0", "0.0", "0.0"]
    assert beside == before
