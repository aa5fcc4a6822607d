"""Test calibration with a folder of photographs: measured once, resumed, refused if unusable."""

import json
import re
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from demo.pictures import textured
from evidence.accuracy.counts import NEAR
from exhibit.comparison.calibration import Bound, Calibration, calibrated
from exhibit.digests import Digest
from exhibit.errors import IntegrityError, WrongUseError
from exhibit.types import Decision
from indexer.__main__ import main
from indexer.calibration.calibrate import Order, Outcome, calibrate, foretold, measure_kept, read_groups, told
from indexer.calibration.kept import KeptPairs, Said
from indexer.calibration.measure import NEAREST, OVERLAY, Bench
from indexer.calibration.probability import MIN_PHOTOGRAPHS
from indexer.picture.card import read_card
from indexer.picture.descriptor import DescriptorFile
from indexer.picture.features import extract
from indexer.picture.spaces import PIPELINE
from indexer.search.why import explain
from tests.assets.archive import COUNT, PLAN, archive_in, quiet
from tests.assets.networks import CARD, network
from tests.assets.rows import jpeg
from tests.assets.textured import encoded, textured as drawn


def features_alone(scratch: Path, folder: Path) -> Path:
    """Copy a folder with the features of an earlier run, but without its measurements."""
    shutil.copytree(scratch, folder, dirs_exist_ok=True, ignore=shutil.ignore_patterns("measured-*"))
    return folder


@pytest.fixture(scope="module")
def archive(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return archive_in(tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="module")
def order(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Order:
    same = (("03.jpg", "other.jpg"),)
    return Order(archive, tmp_path_factory.mktemp("scratch"), "tests-2026-11", "Drawn for a test", PLAN, same)


def integers(text: str) -> list[int]:
    """Return the integers in a text, in order."""
    return [int(one.replace(",", "")) for one in re.findall(r"\d[\d,]*", text)]


@pytest.fixture(scope="module")
def outcome(order: Order) -> Outcome:
    return calibrate(order, quiet)


@pytest.mark.long
def test_each_photograph_counts_once_however_many_files_show_it(outcome: Outcome) -> None:
    assert len(outcome.photographs) == COUNT + 1
    assert outcome.calibration.certain == Bound(COUNT, 0)
    assert [one.path for one in outcome.skipped] == ["notes.txt"]
    assert integers(outcome.calibration.data)[:2] == [COUNT, 5]


@pytest.mark.long
def test_a_file_that_was_saved_anew_has_nearly_the_same_hash_and_a_stranger_s_is_far(outcome: Outcome) -> None:
    hashes = {shown.path: int.from_bytes(shown.hash) for shown in outcome.photographs}
    near, far = (hashes["03.jpg"] ^ hashes[path] for path in ("other.jpg", "04.jpg"))
    assert near.bit_count() <= NEAR < far.bit_count()


@pytest.mark.long
def test_copies_and_strangers_are_measured_as_the_product_measures_them(outcome: Outcome) -> None:
    copies = [one for one in outcome.samples if one.copy]
    assert len(copies) == PLAN.edited * PLAN.edits_each
    assert sum(one.verification.decision is Decision.CERTAIN for one in copies) > len(copies) / 3
    assert any(one.kind.startswith(OVERLAY) for one in outcome.samples)
    strangers = [one for one in outcome.samples if one.kind == NEAREST]
    assert all(one.files[0] != one.files[1] and set(one.files) != {"03.jpg", "other.jpg"} for one in strangers)


@pytest.mark.long
def test_the_calibration_is_for_the_present_figures_and_tells_copies_from_strangers(outcome: Outcome) -> None:
    certain = next(one for one in outcome.samples if one.copy and one.verification.decision is Decision.CERTAIN)
    found = calibrated(certain.verification, outcome.calibration)
    stranger = next(one for one in outcome.samples if one.kind == NEAREST)
    assert outcome.calibration.pipeline == PIPELINE
    assert found.probability is not None
    assert found.probability > 0.6 > (outcome.calibration.probability(stranger.verification) or 0)


@pytest.mark.long
def test_a_second_run_measures_nothing_and_gives_the_same(
    order: Order, outcome: Outcome, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured: list[int] = []
    monkeypatch.setattr(Bench, "measure", lambda _, number: measured.append(number))
    assert calibrate(order, quiet).calibration.digest == outcome.calibration.digest
    assert not measured


@pytest.mark.long
def test_an_interrupted_run_goes_on_where_it_was(order: Order, outcome: Outcome, tmp_path: Path) -> None:
    again = replace(order, scratch=features_alone(order.scratch, tmp_path))

    def interrupt(stage: str, done: int, total: int) -> None:
        if (stage, done) == ("measuring", 5):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        calibrate(again, interrupt)
    (kept,) = tmp_path.glob("measured-*.jsonl")
    kept.write_bytes(kept.read_bytes()[:-20])
    resumed: list[tuple[str, int]] = []
    finished = calibrate(again, lambda *told: resumed.append(told[:2]))
    assert next(done for stage, done in resumed if stage == "measuring") == 4
    assert finished.calibration.digest == outcome.calibration.digest


@pytest.mark.long
def test_several_processes_give_the_same(order: Order, outcome: Outcome, tmp_path: Path) -> None:
    again = replace(order, scratch=features_alone(order.scratch, tmp_path), jobs=2)
    assert calibrate(again, quiet).calibration.digest == outcome.calibration.digest


@pytest.mark.long
def test_another_network_that_serves_is_what_is_measured_and_named(order: Order, tmp_path: Path) -> None:
    (tmp_path / "net.onnx").write_bytes(network())
    (tmp_path / "net.toml").write_text(CARD)
    file = DescriptorFile(read_card(CARD), Digest.of(network()), tmp_path / "net.onnx")
    found = calibrate(replace(order, scratch=tmp_path / "scratch", network=file), quiet).calibration
    assert found.network == "colours@1"
    assert Calibration.from_json(found.to_json()) == found
    measured = {path.parent.parent.name for path in (tmp_path / "scratch").rglob("*.npz")}
    assert measured == {f"{PIPELINE}-colours@1"}
    (tmp_path / "net.onnx").write_bytes(network()[:-1])
    with pytest.raises(IntegrityError, match="has changed"):
        file.descriptor().open()


@pytest.mark.long
def test_a_folder_that_is_too_small_is_refused_in_words(order: Order, tmp_path: Path) -> None:
    for seed in range(3):
        (tmp_path / f"{seed}.jpg").write_bytes(jpeg(textured(seed, (160, 120))))
    with pytest.raises(WrongUseError, match="holds 3 different photographs"):
        calibrate(Order(tmp_path, order.scratch, "small", "Small", PLAN), quiet)
    with pytest.raises(WrongUseError, match="isn't a folder"):
        calibrate(Order(tmp_path / "nowhere", order.scratch, "small", "Small", PLAN), quiet)


@pytest.mark.long
def test_groups_are_read_and_checked(order: Order, tmp_path: Path) -> None:
    path = tmp_path / "same.txt"
    path.write_text("a.jpg; b.jpg\n\nc.jpg\td.jpg\n", "utf-8")
    assert read_groups(path) == (("a.jpg", "b.jpg"), ("c.jpg", "d.jpg"))
    path.write_text("a.jpg;b.jpg\na.jpg;c.jpg\n", "utf-8")
    with pytest.raises(WrongUseError, match=r"a\.jpg twice"):
        read_groups(path)
    with pytest.raises(WrongUseError, match="can't be read"):
        read_groups(tmp_path / "nowhere")
    with pytest.raises(WrongUseError, match=r"gone\.jpg isn't a file"):
        calibrate(replace(order, same=(("gone.jpg", "00.jpg"),)), quiet)


@pytest.mark.long
def test_what_would_be_measured_can_be_asked_first(order: Order) -> None:
    assert integers(foretold(order))[0] == 24


@pytest.mark.long
def test_the_outcome_states_both_bounds_as_they_are(outcome: Outcome) -> None:
    shown = dict(told(outcome))
    bound, *others = integers(shown["certain"])
    assert (bound // 100, others) == (1329, [95, 21, 20, 0])
    assert json.loads(outcome.calibration.to_json())["bounds"]["certain"]["failed"] == 0


@pytest.mark.long
def test_the_command_alone_refuses_what_is_too_small(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "one.jpg").write_bytes(jpeg(textured(1, (160, 120))))
    assert main(["calibrate", str(tmp_path), "--out", str(tmp_path / "calibration.json")]) == 2
    assert integers(capsys.readouterr().err.partition(str(tmp_path))[2])[:2] == [1, MIN_PHOTOGRAPHS]
    assert not (tmp_path / "calibration.json").exists()


@pytest.mark.long
def test_kept_pairs_are_told_beside_the_figures_and_change_none_of_them(outcome: Outcome, tmp_path: Path) -> None:
    kept = KeptPairs(tmp_path)
    ours, stranger = encoded(drawn(1)), encoded(drawn(2), "JPEG")
    for copy, said in ((encoded(drawn(1), "JPEG"), Said.COPY), (stranger, Said.COPY), (ours, Said.DIFFERENT)):
        kept.keep(ours, copy, said, explain(copy, {0: extract(ours)}), about=f"pair {said}", by="Ann")
    told_beside = replace(outcome, kept=tuple(measure_kept(kept)))
    decisions = [pair.verification.decision for pair in told_beside.kept]
    assert decisions == [Decision.CERTAIN, Decision.NONE, Decision.CERTAIN]
    assert [pair.files for pair in told_beside.misjudged] == [("pair copy",), ("pair different",)]
    beside, before = dict(told(told_beside)), dict(told(outcome))
    assert re.findall(r"[\d.]+", beside.pop("kept copies")) == ["2", "50.0", "0.0", "50.0"]
    assert re.findall(r"[\d.]+", beside.pop("kept others")) == ["1", "100.0", "0.0", "0.0"]
    assert beside == before
