"""Test that contributors can use only their own two operations, with their own token and key."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.test import Client

from desk.api.api import api
from registry.edge import contributors, leases
from registry.edge.measurements import PIPELINE_VERSION, SIGNATURE_PREFIX
from registry.models import Contributor, CrawlSlice, EdgeResult, FrontierUrl, Owner
from tests.assets.api_programs import Program, alice, studio
from tests.assets.rows import claim_new_slice

__all__ = ["alice", "studio"]


class ContributorClient:
    """A client that sends a contributor's signed requests."""

    def __init__(self, name: str = "Ann") -> None:
        self.row, secret = contributors.invite_contributor(name, by="operator")
        self.client = Client(headers={"Authorization": f"Bearer {secret}"})
        self.key = Ed25519PrivateKey.generate()

    def lease(self, **more: object) -> tuple[int, Any]:
        key = self.key.public_key().public_bytes_raw().hex()
        return self.post("leases", {"public_key": key, "pipeline": PIPELINE_VERSION} | more)

    def submit(self, lease: dict[str, Any], **more: object) -> tuple[int, Any]:
        """Report that no image was received from any URL, or another result."""
        results = [self.result(lease)]
        return self.post("results", {"lease": lease["lease"], "epoch": lease["epoch"], "results": results} | more)

    def result(self, lease: dict[str, Any], **more: object) -> dict[str, Any]:
        return {"target": lease["targets"][0]["target"], "sha256": "", "hashes": "", "vectors": ""} | more

    def post(self, what: str, body: object, signature: str = "") -> tuple[int, Any]:
        data = json.dumps(body).encode()
        headers = {"Exhibit-Signature": signature or self.key.sign(SIGNATURE_PREFIX + data).hex()}
        address = f"/api/v1/edge/{what}"
        response = self.client.post(address, data, content_type="application/json", headers=headers)
        return response.status_code, response.json()


@pytest.fixture
def contributor_client(studio: Owner) -> ContributorClient:
    """Return a contributor's client with one URL to lease."""
    row, _ = claim_new_slice(studio)
    CrawlSlice.objects.update(state="queued", epoch=0)
    FrontierUrl.objects.filter(slice=row).update(kind="image")
    return ContributorClient()


def test_contributor_token_is_rejected_by_other_operations(studio: Owner) -> None:
    contributor_client = ContributorClient()
    for path, operations in api.get_openapi_schema()["paths"].items():
        for method in operations:
            if "/edge/" not in path and path != "/api/v1/id":  # public
                url = path.replace("{owner}", studio.slug).replace("{number}", "1")
                # Unsigned requests are not asked to sign in
                expected_statuses = (403,) if "/alliance/" in path else (401, 404)
                assert contributor_client.client.generic(method.upper(), url).status_code in expected_statuses, path


def test_other_tokens_are_rejected_by_contributor_operations(alice: Program) -> None:
    for what in ("leases", "results"):
        assert alice.client.post(f"/api/v1/edge/{what}").status_code == 401
        assert Client().post(f"/api/v1/edge/{what}").status_code == 401


def test_contributor_lease_contains_urls_but_no_owners(contributor_client: ContributorClient) -> None:
    status, lease = contributor_client.lease()
    assert status == 200
    assert set(lease) == {"lease", "epoch", "seconds", "delay", "contact", "targets"}
    assert [set(target) for target in lease["targets"]] == [{"target", "url", "page_url"}]
    assert contributor_client.lease()[1]["targets"] == lease["targets"]
    assert ContributorClient("Bob").lease()[1]["targets"] == []


def test_contributor_results_are_counted_once_and_only_with_the_enrolled_key(
    contributor_client: ContributorClient,
) -> None:
    _, lease = contributor_client.lease()
    honest = {"lease": lease["lease"], "epoch": lease["epoch"], "results": [contributor_client.result(lease)]}
    for signature in (
        "00" * 64,
        "none",
        Ed25519PrivateKey.generate().sign(SIGNATURE_PREFIX + json.dumps(honest).encode()).hex(),
    ):
        assert contributor_client.post("results", honest, signature)[0] == 422
    assert not EdgeResult.objects.exists()
    assert contributor_client.submit(lease) == (200, {"pictures": 0})
    assert contributor_client.submit(lease)[0] == 404
    assert EdgeResult.objects.get().outcome == "nothing"


def test_lease_of_other_contributor_is_not_found(contributor_client: ContributorClient) -> None:
    _, lease = contributor_client.lease()
    bob = ContributorClient("Bob")
    bob.lease()
    assert bob.submit(lease)[0] == 404
    assert contributor_client.submit(lease, epoch=9)[0] == 404
    assert not EdgeResult.objects.exists()
    assert contributor_client.submit(lease)[0] == 200


def test_invalid_results_are_rejected_and_counted_until_the_limit(contributor_client: ContributorClient) -> None:
    _, lease = contributor_client.lease()
    # NaN
    invalid_result = contributor_client.result(lease, sha256="ab" * 32, hashes="00" * 256, vectors="0000c07f" * 256)
    assert contributor_client.submit(lease, results=[invalid_result])[0] == 422
    assert contributor_client.submit(lease, results=[contributor_client.result(lease, target=2**40)])[0] == 422
    assert Contributor.objects.get().wrong == 2
    for _ in range(leases.MAX_SUSPICION - 2):
        contributor_client.submit(lease, results=[invalid_result])
    assert contributor_client.submit(lease)[0] == 401
    assert Contributor.objects.get().reason


@pytest.mark.usefixtures("studio")
def test_contributor_key_is_enrolled_once_and_must_be_valid() -> None:
    contributor_client = ContributorClient()
    assert contributor_client.lease(public_key="00" * 32)[0] == 422
    assert contributor_client.lease(pipeline="match-0 other@1")[0] == 409
    assert contributor_client.lease()[0] == 200
    contributor_client.key = Ed25519PrivateKey.generate()
    assert contributor_client.lease()[0] == 409
    contributors.remove_contributor(contributor_client.row, by="operator", discard_results=False)
    assert contributor_client.lease()[0] == 401


def test_oversized_contributor_request_body_is_not_read(contributor_client: ContributorClient) -> None:
    _, lease = contributor_client.lease()
    assert (
        contributor_client.submit(lease, results=[contributor_client.result(lease, hashes="00" * 3_000_000)])[0] == 413
    )
    assert (
        contributor_client.submit(
            lease, results=[contributor_client.result(lease, target=number) for number in range(1, 52)]
        )[0]
        == 400
    )
