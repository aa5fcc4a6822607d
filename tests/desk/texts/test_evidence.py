"""Test the evidence of a case as a sequence of steps."""

from dataclasses import replace

import pytest

from desk.texts.evidence import chain, witness_kind, witness_name, witness_subject
from evidence.facts.case import WitnessFacts
from exhibit.clock import now
from registry.bundles.witnessed import Witnessed
from registry.log.sequencer import sequence_log
from registry.models import Bundle, Capture, Case, Owner
from tests.assets.pages import numbers_in
from tests.assets.sealed import sealed_bundle
from workers.tasks.sync_runner import SyncRunner

CALENDAR = WitnessFacts("opentimestamps", "alice", development=False, state="pending", subject="checkpoint", time=None)
NOBODY = Witnessed(0, 0, 1)


def test_before_a_decision_it_is_said_what_follows_from_one() -> None:
    studio = Owner()
    steps = chain(Case(owner=studio), [], [], None)
    assert [(one.target, one.done) for one in steps[1:]] == [("visits", False), ("decision", False)]
    failed = Bundle(number=1, state="failed", error="The disk is full.")
    visits = [Capture(state="done", finished_at=now()), Capture(state="todo")]
    told = chain(Case(owner=studio, decision="confirmed"), [], visits, (failed, (), NOBODY))
    assert [one.done for one in told[1:]] == [True, False]
    assert numbers_in(told[1].words) == ["1"]
    assert told[2].words.endswith("The disk is full.")
    waits = chain(Case(owner=studio, decision="confirmed"), [], visits[1:], (Bundle(number=1), (), NOBODY))
    assert [one.done for one in waits[1:]] == [False, False]


@pytest.mark.long
def test_a_sealed_bundle_is_followed_by_its_entry_and_each_witness_once(inline: SyncRunner) -> None:
    bundle = sealed_bundle(inline)
    alone = chain(bundle.case, [], [], (bundle, (), NOBODY))
    assert [one.done for one in alone[2:]] == [True, False, False]
    sequence_log(inline.services)
    bundle.refresh_from_db()  # as the next request of its page reads it
    answered = replace(CALENDAR, state="complete", time=now())
    steps = chain(bundle.case, [], [], (bundle, (CALENDAR, answered, replace(CALENDAR, name="bob")), NOBODY))
    assert [(one.done, one.at) for one in steps[3:]] == [(True, None), (True, answered.time), (False, None)]
    assert numbers_in(steps[3].words) == [str(bundle.submission.entry.sequence)]  # type: ignore[union-attr]


def test_witnesses_have_names_that_people_know() -> None:
    assert witness_name(replace(CALENDAR, development=True)) == "alice"
    assert witness_name(CALENDAR) != "alice"
    assert witness_kind("rfc3161") != witness_kind("opentimestamps")
    assert witness_subject("manifest") != "manifest"
    assert witness_subject("newer") == "newer"
