"""Test downloads of several cases' bundles as one ZIP with the API."""

from dataclasses import replace

import pytest

from registry.bundles.documents import PDF
from registry.models import (
    Bundle,
    Owner,
    Package,
)
from tests.assets.api_programs import ROOT, Program, alice, studio
from tests.assets.sealed_bundles import create_sealed_bundle
from workers.tasks.sync_runner import SyncRunner

__all__ = ["alice", "studio"]


@pytest.mark.long
def test_bundles_of_several_cases_are_packed_into_a_zip(studio: Owner, alice: Program, inline: SyncRunner) -> None:
    inline.services.config = replace(inline.services.config, anchors=(), languages=("en",))
    create_sealed_bundle(inline, studio)
    assert alice.post("/packages", {"cases": [2]})[0] == 422
    status, body = alice.post("/packages", {"cases": [1], "recipient": "other-side", "reason": "Kept here."})
    assert (status, body["cases"], body["is_ready"]) == (202, [1], False)
    assert alice.get("/packages/1/file")[0] == 404
    inline.run_until_idle()
    assert alice.get("/packages/1")[1]["is_ready"]
    response = alice.client.get(ROOT + "/packages/1/file")
    data = response.getvalue()
    assert data.startswith(b"PK")
    assert int(response.headers["Content-Length"]) == len(data)
    [pdf] = alice.get("/packages/1")[1]["pdfs"]
    response = alice.client.get(f"{ROOT}/packages/1/pdfs/{pdf}")
    assert response.getvalue().startswith(b"%PDF")
    assert (response.headers["Content-Type"], "attachment" in response.headers["Content-Disposition"]) == (PDF, True)
    assert alice.get("/packages/1/pdfs/another.pdf")[0] == 404
    assert alice.client.get(f"/api/v1/owners/other/packages/1/pdfs/{pdf}").status_code == 404
    assert alice.post("/packages/1/regenerate", {})[1]["number"] == 2
    assert alice.client.delete(ROOT + "/packages/1").status_code == 204
    assert Bundle.objects.get().seal_digest is not None
    assert Package.objects.get(number=1).removed_at is not None
