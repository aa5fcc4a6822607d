"""Test that people's decisions give an error rate, and that each records the automatic decision."""

from dataclasses import replace
from pathlib import Path

import pytest

from evidence.accuracy.counts import CountedPicture, Counts, read_signed_statement
from evidence.accuracy.error_rates import Rate
from evidence.accuracy.file import check_accuracy
from evidence.verdict.trust import Trust, TrustedLog
from exhibit.comparison.calibration import Bound, Calibration
from exhibit.digests import Digest
from exhibit.entries import EntryType, canonical
from exhibit.errors import ExitCode
from exhibit.types import Decision, Verification
from indexer.calibration.calibrate import Outcome
from indexer.calibration.measure import NEAREST, Photograph
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

OWN = Calibration.from_json(CALIBRATION.to_json().replace(b'"pipeline":"tests"', f'"pipeline":"{PIPELINE}"'.encode()))


@pytest.fixture(scope="module", autouse=True)
def scene(stage: SyncRunner) -> None:
    """Three cases of certain matches, with a calibration of this installation."""
    calibrations.activate(OWN)
    studio = owner("studio")
    for seed in (1, 2, 3):
        data = photograph(seed)
        register(stage.services, studio, data)
        crawl_slice, epoch = claim_new_slice(studio, f"watch-{seed}")
        match_pictures(stage.services, record_sightings(stage.services, crawl_slice, epoch, [recompress(data)]))


@pytest.fixture
def cases(inline: SyncRunner) -> list[Case]:
    return list(Case.objects.order_by("pk"))


def trust(inline: SyncRunner) -> Trust:
    return Trust("2026-11-20", "", (), (), (TrustedLog(get_log(inline.services).vkey(), True, "for tests"),), ())  # noqa: FBT003 - a field


def decide_cases(inline: SyncRunner, cases: list[Case]) -> None:
    decisions.confirm(inline.services, cases[0], by="Ann", reason="ours")
    decisions.dismiss(cases[1], by="Ann", reason="another picture")
    decisions.reopen(cases[1], by="Ann", reason="looked again")
    decisions.confirm(inline.services, cases[1], by="Ann", reason="ours after all")
    decisions.dismiss(cases[2], by="Ann", reason="a quotation", copies=True)
    sequence_log(inline.services)


def test_a_slip_of_a_real_hand_counts_for_nobody(inline: SyncRunner, cases: list[Case]) -> None:
    decisions.dismiss(cases[0], by="Ann", reason="slipped")
    decisions.undo(cases[0], by="Ann")
    sequence_log(inline.services)
    assert (compute_accuracy().certain, compute_accuracy().slips) == (Rate(0, 0, 0), 1)
    decisions.confirm(inline.services, cases[0], by="Ann", reason="ours")
    sequence_log(inline.services)
    assert (compute_accuracy().certain, compute_accuracy().changed) == (Rate(1, 0, 0), 0)


def test_a_match_keeps_the_probability_of_the_calibration_that_was_in_use(
    inline: SyncRunner, cases: list[Case]
) -> None:
    match = Match.objects.filter(decision="certain").first()
    assert match is not None
    assert match.calibration == OWN.digest
    assert match.probability is not None
    facts = gather_facts(inline.services, cases[0], bundle=1, language="en", for_sealing=True).facts
    assert [calibration.name for calibration in facts.calibrations] == [OWN.name]
    assert inline.services.blobs.get(OWN.digest) == OWN.to_json()
    assert any("7,462" in words for words in facts.matches[0].words)


def test_a_later_calibration_is_for_later_matches_alone(inline: SyncRunner, cases: list[Case]) -> None:
    calibrations.activate_shipped()
    assert calibrations.get_active(PIPELINE) != OWN
    assert set(Match.objects.exclude(calibration=None).values_list("calibration", flat=True)) == {OWN.digest}


def test_while_another_network_serves_than_a_calibration_was_measured_with_it_says_nothing(
    inline: SyncRunner, cases: list[Case]
) -> None:
    other = replace(OWN, network="colours@1")
    calibrations.activate(other)
    assert calibrations.get_active(PIPELINE) == OWN
    get_descriptors(inline.services).refresh()
    DescriptorModel.objects.filter(pk=get_descriptors(inline.services).serving_row.pk).update(
        name="colours", version="1"
    )
    assert calibrations.get_active(PIPELINE) == other
    CalibrationRow.objects.filter(digest=other.digest).delete()
    assert calibrations.get_active(PIPELINE) is None


def test_the_calibration_used_last_is_listed_first_even_after_others_were_put_away(db: None) -> None:
    later = replace(OWN, name="later")
    calibrations.activate(OWN)
    calibrations.activate_shipped()
    calibrations.activate(later)
    assert [row.name for row in calibrations.list_calibrations() if not row.shipped] == [later.name, OWN.name]


def test_the_log_says_with_each_decision_what_the_machine_had_said(inline: SyncRunner, cases: list[Case]) -> None:
    decide_cases(inline, cases)
    row = LogOpening.objects.filter(submission__type=EntryType.DECISION).order_by("pk")[1]
    assert row.content["machine"]["decision"] == "certain"
    assert row.content["machine"]["calibration"] == OWN.digest.hex
    assert (row.content["who"], row.content["copies"]) == ("person", False)
    assert "Ann" not in str(row.content)
    assert row.details is not None
    assert row.details["by"] == "Ann"
    assert row.content["details"] == Digest.of(canonical(row.details)).hex


def test_an_outsider_computes_what_the_installation_prints(
    inline: SyncRunner, cases: list[Case], tmp_path: Path
) -> None:
    decide_cases(inline, cases)
    own = compute_accuracy()
    assert own.certain == Rate(3, 1, 0)
    assert (own.decisions, own.changed, own.other) == (5, 1, 1)
    path = tmp_path / "decisions.jsonl"
    with path.open("wb") as out:
        export_accuracy(inline.services, out)
    assert b"Ann" not in path.read_bytes()
    verdict = check_accuracy(path, trust(inline))
    assert (verdict.outcome, verdict.accuracy) == (ExitCode.DONE, own)


def test_an_erased_opening_is_unknown_to_both(inline: SyncRunner, cases: list[Case], tmp_path: Path) -> None:
    decide_cases(inline, cases)
    erased = LogOpening.objects.filter(submission__type=EntryType.DECISION).order_by("pk").first()
    assert erased is not None
    erased.delete()
    assert compute_accuracy().certain == Rate(2, 1, 1)
    path = tmp_path / "decisions.jsonl"
    with path.open("wb") as out:
        export_accuracy(inline.services, out)
    verdict = check_accuracy(path, trust(inline))
    assert (verdict.outcome, verdict.accuracy) == (ExitCode.DONE, compute_accuracy())


def test_the_switch_for_demonstrations_judges_nothing(inline: SyncRunner, cases: list[Case]) -> None:
    decisions.confirm(inline.services, cases[0], by=decisions.DEMONSTRATION, reason="")
    sequence_log(inline.services)
    accuracy = compute_accuracy()
    assert (accuracy.certain, accuracy.other) == (Rate(0, 0, 0), 1)


def make_outcome(files: list[bytes], same: dict[bytes, bytes], alarms: dict[bytes, Decision]) -> Outcome:
    """Return a calibration's outcome: files, which of them show the same image, and false positives."""
    group = {data: Digest.of(same.get(data, data)).hex for data in files}
    photographs = tuple(Photograph(data.decode(), Digest.of(data), group[data], data * 32) for data in files)
    samples = tuple(
        Sample(group[data], False, NEAREST, Verification(kind, 256, 9, 0.4, None, False, 0, 0.4, 0.4, None, PIPELINE))  # noqa: FBT003 - fields
        for data, kind in alarms.items()
    )
    failed = [sum(kind is alarm for alarm in alarms.values()) for kind in (Decision.CERTAIN, Decision.REVIEW)]
    bounds = [Bound(len(set(group.values())), count) for count in failed]
    return Outcome(replace(OWN, certain=bounds[0], review=bounds[1]), photographs, (), samples)


def test_the_counts_of_a_calibration_name_each_photograph_once_with_what_was_mistaken(inline: SyncRunner) -> None:
    outcome = make_outcome([b"a", b"b", b"c"], same={b"b": b"a"}, alarms={b"c": Decision.REVIEW})
    counts, key = read_signed_statement(
        Counts, sign_counts(inline.services, outcome, list_photographs=True), what="counts.json"
    )
    assert (counts.photographs, counts.certain, counts.review) == (2, 0, 1)
    assert counts.pictures == (
        CountedPicture(Digest.of(b"a"), b"a" * 32, ()),
        CountedPicture(Digest.of(b"c"), b"c" * 32, (Decision.REVIEW,)),
    )
    assert (counts.calibration, counts.pipeline, key) == (
        outcome.calibration.digest,
        PIPELINE,
        get_log(inline.services).vkey(),
    )


def test_without_a_list_the_counts_say_nothing_of_any_photograph(inline: SyncRunner) -> None:
    outcome = make_outcome([b"a", b"c"], same={}, alarms={b"c": Decision.REVIEW})
    statement = sign_counts(inline.services, outcome, list_photographs=False)
    assert read_signed_statement(Counts, statement, what="counts.json")[0].photographs == 2
    assert not any(digest.hex.encode() in statement for digest in (Digest.of(b"a"), Digest.of(b"c")))
