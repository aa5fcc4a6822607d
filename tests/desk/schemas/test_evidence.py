"""Test the API's schemas of bundles and their timestamps."""

from dataclasses import replace

import pytest

from desk.schemas.evidence import Bundle, Receipt
from evidence.facts.case import WitnessFacts
from exhibit.clock import now
from registry import models
from tests.assets.sealed import sealed_bundle
from workers.tasks.sync_runner import SyncRunner


@pytest.mark.long
def test_a_bundle_counts_its_witnesses_only_once_it_is_sealed(inline: SyncRunner) -> None:
    row = sealed_bundle(inline)
    models.AnchorReceipt.objects.create(kind="rfc3161", witness="ours", digest=row.seal_digest, state="todo")
    told = Bundle.from_row(row)
    assert (told.case, told.seal, told.is_timestamped) == (1, str(row.seal_digest), False)
    assert (told.timestamps.complete, told.timestamps.requested) == (0, len({one.service for one in told.receipts}))
    row.seal_digest = None
    unsealed = Bundle.from_row(row)
    assert (unsealed.receipts, unsealed.timestamps.requested, unsealed.seal) == ([], 0, None)


def test_a_receipt_says_as_of_when_its_witness_was_qualified() -> None:
    facts = WitnessFacts("rfc3161", "ours", development=True, state="complete", subject="manifest", time=now())
    assert Receipt.from_row(facts).qualified_as_of is None
    assert Receipt.from_row(facts).service == "ours"
    named = replace(facts, qualified="2026-11-01")
    assert Receipt.from_row(named).qualified_as_of == "2026-11-01"
