"""Test that reviewers' decisions yield an error rate, and that each log entry records the automatic decision."""

from dataclasses import replace
from pathlib import Path

import pytest

from evidence.accuracy.counts import CountedPicture, FalseAlarmCounts, read_signed_statement
from evidence.accuracy.error_rates import ErrorRate
from evidence.accuracy.file import check_accuracy
from evidence.verdict.trust import Trust, TrustedLog
from exhibit.comparison.calibration import Calibration, FalseAlarmBound
from exhibit.digests import Digest
from exhibit.entries import EntryType, encode_canonical
from exhibit.errors import ExitCode
from exhibit.types import Decision, Verification
from indexer.calibration.calibrate import CalibrationResult
from indexer.calibration.measure import NEAREST_KIND, Photograph
from indexer.calibration.probability import Sample
from indexer.picture.spaces import PIPELINE
from registry.bundles.facts import gather_facts
from registry.cases import decisions
from registry.fingerprints.ports import get_descriptors
from registry.log.accuracy import compute_accuracy, export_accuracy, sign_counts
from registry.log.local_log import get_log
from registry.log.sequencer import sequence_log
from registry.matches import calibrations
from registry.matches.match import match_pictures
from registry.models import CalibrationRow, Case, DescriptorModel, LogOpening, Match
from tests.assets.bundles import CALIBRATION
from tests.assets.module_scene import inline, stage
from tests.assets.rows import claim_new_slice, owner, photograph, recompress, record_sightings, register
from workers.tasks.sync_runner import SyncRunner

__all__ = ["inline", "stage"]

OWN_CALIBRATION = Calibration.from_json(
    CALIBRATION.to_json().replace(b'"pipeline":"tests"', f'"pipeline":"{PIPELINE}"'.encode())
)


@pytest.fixture(scope="module", autouse=True)
def scene(stage: SyncRunner) -> None:
    """Three cases of certain matches, with a calibration of this installation."""
    calibrations.activate_calibration(OWN_CALIBRATION)
    studio = owner("studio")
    for seed in (1, 2, 3):
        data = photograph(seed)
        register(stage.services, studio, data)
        crawl_slice, epoch = claim_new_slice(studio, f"watch-{seed}")
        match_pictures(stage.services, record_sightings(stage.services, crawl_slice, epoch, [recompress(data)]))


@pytest.fixture
def cases(inline: SyncRunner) -> list[Case]:
    return list(Case.objects.order_by("pk"))


def make_verification(decision: Decision) -> Verification:
    return Verification(decision, 256, 9, 0.4, None, False, 0, 0.4, 0.4, None, PIPELINE)  # noqa: FBT003 - a field


def make_trust(inline: SyncRunner) -> Trust:
    log = TrustedLog(get_log(inline.services).get_verifier_key(), True, "for tests")  # noqa: FBT003 - a field
    return Trust("2026-11-20", "", (), (), (log,), ())


def decide_cases(inline: SyncRunner, cases: list[Case]) -> None:
    decisions.confirm_case(inline.services, cases[0], by="Ann", reason="ours")
    decisions.dismiss_case(cases[1], by="Ann", reason="another picture")
    decisions.reopen_decided_case(cases[1], by="Ann", reason="looked again")
    decisions.confirm_case(inline.services, cases[1], by="Ann", reason="ours after all")
    decisions.dismiss_case(cases[2], by="Ann", reason="a quotation", copies=True)
    sequence_log(inline.services)


def test_undone_decision_is_counted_only_as_undone(inline: SyncRunner, cases: list[Case]) -> None:
    decisions.dismiss_case(cases[0], by="Ann", reason="slipped")
    decisions.undo_decision(cases[0], by="Ann")
    sequence_log(inline.services)
    assert (compute_accuracy().certain, compute_accuracy().slips) == (ErrorRate(0, 0, 0), 1)
    decisions.confirm_case(inline.services, cases[0], by="Ann", reason="ours")
    sequence_log(inline.services)
    assert (compute_accuracy().certain, compute_accuracy().changed) == (ErrorRate(1, 0, 0), 0)


def test_match_stores_digest_of_the_active_calibration(inline: SyncRunner, cases: list[Case]) -> None:
    match = Match.objects.filter(decision="certain").first()
    assert match is not None
    assert match.calibration == OWN_CALIBRATION.digest
    assert match.probability is not None
    facts = gather_facts(inline.services, cases[0], bundle=1, language="en", for_sealing=True).facts
    assert [calibration.name for calibration in facts.calibrations] == [OWN_CALIBRATION.name]
    assert inline.services.blobs.get(OWN_CALIBRATION.digest) == OWN_CALIBRATION.to_json()
    assert any("7,462" in words for words in facts.matches[0].words)


def test_earlier_matches_keep_their_calibration(inline: SyncRunner, cases: list[Case]) -> None:
    calibrations.activate_shipped_calibration()
    assert calibrations.get_active_calibration(PIPELINE) != OWN_CALIBRATION
    assert set(Match.objects.exclude(calibration=None).values_list("calibration", flat=True)) == {
        OWN_CALIBRATION.digest
    }


def test_calibration_of_inactive_model_is_not_used(inline: SyncRunner, cases: list[Case]) -> None:
    other = replace(OWN_CALIBRATION, network="colours@1")
    calibrations.activate_calibration(other)
    assert calibrations.get_active_calibration(PIPELINE) == OWN_CALIBRATION
    get_descriptors(inline.services).refresh()
    DescriptorModel.objects.filter(pk=get_descriptors(inline.services).serving_row.pk).update(
        name="colours", version="1"
    )
    assert calibrations.get_active_calibration(PIPELINE) == other
    CalibrationRow.objects.filter(digest=other.digest).delete()
    assert calibrations.get_active_calibration(PIPELINE) is None


def test_local_calibrations_are_listed_by_last_activation(db: None) -> None:
    later = replace(OWN_CALIBRATION, name="later")
    calibrations.activate_calibration(OWN_CALIBRATION)
    calibrations.activate_shipped_calibration()
    calibrations.activate_calibration(later)
    assert [row.name for row in calibrations.list_calibrations() if not row.shipped] == [
        later.name,
        OWN_CALIBRATION.name,
    ]


def test_decision_entry_records_the_automatic_decision(inline: SyncRunner, cases: list[Case]) -> None:
    decide_cases(inline, cases)
    row = LogOpening.objects.filter(submission__type=EntryType.DECISION).order_by("pk")[1]
    assert row.content["machine"]["decision"] == "certain"
    assert row.content["machine"]["calibration"] == OWN_CALIBRATION.digest.hex
    assert (row.content["who"], row.content["copies"]) == ("person", False)
    assert "Ann" not in str(row.content)
    assert row.details is not None
    assert row.details["by"] == "Ann"
    assert row.content["details"] == Digest.from_bytes(encode_canonical(row.details)).hex


def test_exported_decisions_yield_the_same_accuracy(inline: SyncRunner, cases: list[Case], tmp_path: Path) -> None:
    decide_cases(inline, cases)
    own = compute_accuracy()
    assert own.certain == ErrorRate(3, 1, 0)
    assert (own.decisions, own.changed, own.other) == (5, 1, 1)
    path = tmp_path / "decisions.jsonl"
    with path.open("wb") as out:
        export_accuracy(inline.services, out)
    assert b"Ann" not in path.read_bytes()
    verdict = check_accuracy(path, make_trust(inline))
    assert (verdict.outcome, verdict.accuracy) == (ExitCode.DONE, own)


def test_erased_openings_count_as_unknown(inline: SyncRunner, cases: list[Case], tmp_path: Path) -> None:
    decide_cases(inline, cases)
    erased = LogOpening.objects.filter(submission__type=EntryType.DECISION).order_by("pk").first()
    assert erased is not None
    erased.delete()
    assert compute_accuracy().certain == ErrorRate(2, 1, 1)
    path = tmp_path / "decisions.jsonl"
    with path.open("wb") as out:
        export_accuracy(inline.services, out)
    verdict = check_accuracy(path, make_trust(inline))
    assert (verdict.outcome, verdict.accuracy) == (ExitCode.DONE, compute_accuracy())


def test_demonstration_decisions_are_excluded_from_accuracy(inline: SyncRunner, cases: list[Case]) -> None:
    decisions.confirm_case(inline.services, cases[0], by=decisions.DEMONSTRATION_ACTOR, reason="")
    sequence_log(inline.services)
    accuracy = compute_accuracy()
    assert (accuracy.certain, accuracy.other) == (ErrorRate(0, 0, 0), 1)


def make_outcome(
    files: list[bytes], same: dict[bytes, bytes], false_positives: dict[bytes, Decision]
) -> CalibrationResult:
    """Return a calibration's outcome: files, which of them show the same image, and false positives."""
    group = {data: Digest.from_bytes(same.get(data, data)).hex for data in files}
    photographs = tuple(Photograph(data.decode(), Digest.from_bytes(data), group[data], data * 32) for data in files)
    samples = tuple(
        Sample(group[data], False, NEAREST_KIND, make_verification(kind))  # noqa: FBT003 - a field
        for data, kind in false_positives.items()
    )
    failed = [sum(kind is alarm for alarm in false_positives.values()) for kind in (Decision.CERTAIN, Decision.REVIEW)]
    bounds = [FalseAlarmBound(len(set(group.values())), count) for count in failed]
    return CalibrationResult(replace(OWN_CALIBRATION, certain=bounds[0], review=bounds[1]), photographs, (), samples)


def test_signed_counts_list_each_photograph_with_its_false_positives(inline: SyncRunner) -> None:
    outcome = make_outcome([b"a", b"b", b"c"], same={b"b": b"a"}, false_positives={b"c": Decision.REVIEW})
    counts, key = read_signed_statement(
        FalseAlarmCounts, sign_counts(inline.services, outcome, list_photographs=True), file_label="counts.json"
    )
    assert (counts.photographs, counts.certain, counts.review) == (2, 0, 1)
    assert counts.pictures == (
        CountedPicture(Digest.from_bytes(b"a"), b"a" * 32, ()),
        CountedPicture(Digest.from_bytes(b"c"), b"c" * 32, (Decision.REVIEW,)),
    )
    assert (counts.calibration, counts.pipeline, key) == (
        outcome.calibration.digest,
        PIPELINE,
        get_log(inline.services).get_verifier_key(),
    )


def test_signed_counts_without_photograph_list_contain_no_digests(inline: SyncRunner) -> None:
    outcome = make_outcome([b"a", b"c"], same={}, false_positives={b"c": Decision.REVIEW})
    statement = sign_counts(inline.services, outcome, list_photographs=False)
    assert read_signed_statement(FalseAlarmCounts, statement, file_label="counts.json")[0].photographs == 2
    assert not any(digest.hex.encode() in statement for digest in (Digest.from_bytes(b"a"), Digest.from_bytes(b"c")))
