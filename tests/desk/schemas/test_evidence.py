"""Test the API's schemas of bundles and their timestamps."""

from dataclasses import replace

import pytest

from desk.schemas.evidence import Bundle, Receipt
from evidence.facts.case import TimestampFacts
from exhibit.clock import now
from registry import models
from tests.assets.sealed_bundles import create_sealed_bundle
from workers.tasks.sync_runner import SyncRunner


@pytest.mark.long
def test_timestamps_of_a_bundle_are_listed_only_after_sealing(inline: SyncRunner) -> None:
    row = create_sealed_bundle(inline)
    models.AnchorReceipt.objects.create(kind="rfc3161", service="ours", digest=row.seal_digest, state="queued")
    bundle = Bundle.from_row(row)
    assert (bundle.case, bundle.seal, bundle.is_timestamped) == (1, str(row.seal_digest), False)
    assert (bundle.timestamps.complete, bundle.timestamps.requested) == (
        0,
        len({receipt.service for receipt in bundle.receipts}),
    )
    row.seal_digest = None
    unsealed = Bundle.from_row(row)
    assert (unsealed.receipts, unsealed.timestamps.requested, unsealed.seal) == ([], 0, None)


def test_receipt_states_when_its_service_was_qualified() -> None:
    facts = TimestampFacts("rfc3161", "ours", development=True, state="complete", subject="manifest", time=now())
    assert Receipt.from_row(facts).qualified_as_of is None
    assert Receipt.from_row(facts).service == "ours"
    updated_facts = replace(facts, qualified="2026-11-01")
    assert Receipt.from_row(updated_facts).qualified_as_of == "2026-11-01"
