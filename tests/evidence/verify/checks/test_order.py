"""Test that contradictory times are reported."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from evidence.anchors.rfc3161.kind import TrustedAuthority
from evidence.bundle.bag import compute_checkpoint_digest
from evidence.verify.verifier import Verifier
from exhibit.clock import now
from tests.assets.bundles import (
    Scene,
    reseal,
)
from tests.assets.timestamp_services import LABEL, request_timestamps
from tests.evidence.verify.test_forgeries import DAY, HOUR, get_states


@pytest.mark.parametrize("shift", [DAY, 2 * HOUR])
def test_sealing_time_after_its_timestamp_is_reported(scene: Scene, tmp_path: Path, shift: timedelta) -> None:
    at = now() + shift
    late = reseal(scene, scene.facts, sealed_at=at, entered_at=at)
    assert late.proofs.entry is not None
    anchors, root, _ = request_timestamps(
        tmp_path, late.sealed_case.seal_digest, compute_checkpoint_digest(late.proofs.entry.checkpoint)
    )
    authority = TrustedAuthority("Another authority", (root.decode(),), development=True, label=LABEL)
    trust = replace(scene.trust, authorities=(authority,))
    path = replace(late, proofs=replace(late.proofs, anchors=anchors)).write(tmp_path / "b.zip")
    states_by_name = get_states(Verifier(trust).verify(path))
    assert (states_by_name["time"], states_by_name["order"]) == ("passed", "failed")
