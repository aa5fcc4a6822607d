"""Test the evidence of a case as a sequence of steps."""

from dataclasses import replace

import pytest

from desk.texts.evidence import build_evidence_steps, get_service_name, service_kind, timestamp_subject
from evidence.facts.case import TimestampFacts
from exhibit.clock import now
from registry.bundles.timestamp_status import TimestampCount
from registry.log.sequencer import sequence_log
from registry.models import Bundle, Capture, Case, Owner
from tests.assets.pages import numbers_in
from tests.assets.sealed_bundles import create_sealed_bundle
from workers.tasks.sync_runner import SyncRunner

CALENDAR = TimestampFacts(
    "opentimestamps", "alice", development=False, state="pending", subject="checkpoint", time=None
)
NO_RECEIPTS = TimestampCount(0, 0, 1)


def test_steps_that_will_follow_a_decision_are_listed_before_the_decision() -> None:
    studio = Owner()
    steps = build_evidence_steps(Case(owner=studio), [], [], None)
    assert [(step.target, step.done) for step in steps[1:]] == [("visits", False), ("decision", False)]
    failed_bundle = Bundle(number=1, state="failed", error="The disk is full.")
    visits = [Capture(state="done", finished_at=now()), Capture(state="queued")]
    result = build_evidence_steps(
        Case(owner=studio, decision="confirmed"), [], visits, (failed_bundle, (), NO_RECEIPTS)
    )
    assert [step.done for step in result[1:]] == [True, False]
    assert numbers_in(result[1].explanation) == ["1"]
    assert result[2].explanation.endswith("The disk is full.")
    waits = build_evidence_steps(
        Case(owner=studio, decision="confirmed"), [], visits[1:], (Bundle(number=1), (), NO_RECEIPTS)
    )
    assert [step.done for step in waits[1:]] == [False, False]


@pytest.mark.long
def test_sealed_bundle_lists_its_log_entry_and_each_timestamp_service(inline: SyncRunner) -> None:
    bundle = create_sealed_bundle(inline)
    alone = build_evidence_steps(bundle.case, [], [], (bundle, (), NO_RECEIPTS))
    assert [step.done for step in alone[2:]] == [True, False, False]
    sequence_log(inline.services)
    bundle.refresh_from_db()  # as the next request of its page reads it
    receipt = replace(CALENDAR, state="complete", time=now())
    steps = build_evidence_steps(
        bundle.case, [], [], (bundle, (CALENDAR, receipt, replace(CALENDAR, name="bob")), NO_RECEIPTS)
    )
    assert [(step.done, step.at) for step in steps[3:]] == [(True, None), (True, receipt.time), (False, None)]
    assert numbers_in(steps[3].explanation) == [str(bundle.submission.entry.sequence)]  # type: ignore[union-attr]


def test_timestamp_services_have_display_names() -> None:
    assert get_service_name(replace(CALENDAR, development=True)) == "alice"
    assert get_service_name(CALENDAR) != "alice"
    assert service_kind("rfc3161") != service_kind("opentimestamps")
    assert timestamp_subject("manifest") != "manifest"
    assert timestamp_subject("newer") == "newer"
