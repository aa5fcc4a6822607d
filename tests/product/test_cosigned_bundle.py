"""Test that a bundle whose checkpoint an independent witness cosigned is sealed, shown and verified."""

from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO
from pathlib import Path

import pytest

from desk.cli.trust import build_own_trust
from evidence.anchors.cosignature.kind import CosignatureConfig
from evidence.verdict.trust import Requirements
from evidence.verify.verifier import Verifier
from registry.bundles.bundles import write_bundle_zip
from registry.bundles.timestamp_requests import request_timestamps
from registry.log.local_log import get_log
from registry.log.sequencer import sign_checkpoint
from registry.models import AnchorReceipt, LogCheckpoint
from tests.assets.local_witness import LocalWitness, running_witness
from tests.assets.sealed_bundles import create_sealed_bundle
from tests.assets.shop import change_settings
from workers.tasks.sync_runner import SyncRunner


@pytest.fixture
def witness(inline: SyncRunner) -> Iterator[LocalWitness]:
    with running_witness() as running:
        running.add_log(get_log(inline.services).get_verifier_key())
        anchor = CosignatureConfig(kind="cosignature", name="anna", urls=(running.url,), key=running.vkey)
        change_settings(inline, anchors=(anchor,))
        yield running


def pending_receipts() -> list[int]:
    return list(AnchorReceipt.objects.exclude(state="done").values_list("pk", flat=True))


@pytest.mark.long
def test_sealed_bundle_includes_cosignature_and_trust_list_may_require_it(
    inline: SyncRunner, witness: LocalWitness, tmp_path: Path
) -> None:
    bundle = create_sealed_bundle(inline)
    sign_checkpoint(inline.services)
    inline.run_until(lambda: not pending_receipts(), pause=0.05)
    out = BytesIO()
    write_bundle_zip(inline.services, bundle, out)
    path = tmp_path / "bundle.zip"
    path.write_bytes(out.getvalue())
    trust = replace(build_own_trust(inline.services, ""), requires=Requirements(1, cosigners=1))
    assert [cosigner.vkey for cosigner in trust.cosigners] == [witness.vkey]
    checks = {check.name: check for check in Verifier(trust).verify(path).checks}
    assert "1 of 1" in checks["cosigned"].sentence
    assert checks["cosigned"].sentence.endswith(": anna.")
    assert checks["anchor:checkpoint-anna.cosigned"].state == "passed"
    assert checks["time"].by == "anna"


@pytest.mark.long
def test_earlier_checkpoint_is_not_pending_after_later_cosignature(inline: SyncRunner, witness: LocalWitness) -> None:
    first = create_sealed_bundle(inline)
    early = sign_checkpoint(inline.services)
    create_sealed_bundle(inline, first.case.owner, seed=2)
    late = sign_checkpoint(inline.services)
    assert early is not None
    assert late is not None
    assert early.size < late.size
    AnchorReceipt.objects.update(state="queued", proof=None, not_before=None)
    witness.checkpoints.clear()
    request_timestamps(
        inline.services, list(AnchorReceipt.objects.filter(checkpoint=late).values_list("pk", flat=True))
    )
    AnchorReceipt.objects.filter(checkpoint__size__lt=late.size).update(not_before=None)
    request_timestamps(inline.services, pending_receipts())
    assert [row.checkpoint_id for row in AnchorReceipt.objects.all()] == [LogCheckpoint.objects.latest("size").pk]
