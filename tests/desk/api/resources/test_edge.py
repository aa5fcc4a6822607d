"""Test that contributors can use only their own two operations, with their own token and key."""

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.test import Client

from desk.api.api import api
from registry.edge import contributors, leases
from registry.edge.measuring import HEAD, MEASURED_WITH
from registry.models import Contributor, CrawlSlice, EdgeResult, FrontierUrl, Owner
from tests.assets.programs import Program, alice, studio
from tests.assets.rows import claimed_slice

__all__ = ["alice", "studio"]


class Machine:
    """A contributor whose requests are sent by the test."""

    def __init__(self, name: str = "Ann") -> None:
        self.row, secret = contributors.invite(name, by="operator")
        self.client = Client(headers={"Authorization": f"Bearer {secret}"})
        self.key = Ed25519PrivateKey.generate()

    def lease(self, **more: object) -> tuple[int, Any]:
        key = self.key.public_key().public_bytes_raw().hex()
        return self.post("leases", {"public_key": key, "pipeline": MEASURED_WITH} | more)

    def bring(self, lease: dict[str, Any], **more: object) -> tuple[int, Any]:
        """Report that no image was received from any URL, or another result."""
        results = [self.result(lease)]
        return self.post("results", {"lease": lease["lease"], "epoch": lease["epoch"], "results": results} | more)

    def result(self, lease: dict[str, Any], **more: object) -> dict[str, Any]:
        return {"target": lease["targets"][0]["target"], "sha256": "", "hashes": "", "vectors": ""} | more

    def post(self, what: str, body: object, signature: str = "") -> tuple[int, Any]:
        data = json.dumps(body).encode()
        headers = {"Exhibit-Signature": signature or self.key.sign(HEAD + data).hex()}
        address = f"/api/v1/edge/{what}"
        answer = self.client.post(address, data, content_type="application/json", headers=headers)
        return answer.status_code, answer.json()


@pytest.fixture
def machine(studio: Owner) -> Machine:
    """A machine for which one URL is waiting."""
    row, _ = claimed_slice(studio)
    CrawlSlice.objects.update(state="todo", epoch=0)
    FrontierUrl.objects.filter(slice=row).update(kind="image")
    return Machine()


def test_a_contributors_token_opens_no_other_operation(studio: Owner) -> None:
    machine = Machine()
    for path, operations in api.get_openapi_schema()["paths"].items():
        for method in operations:
            if "/edge/" not in path and path != "/api/v1/id":  # public
                place = path.replace("{owner}", studio.slug).replace("{number}", "1")
                refused = (403,) if "/alliance/" in path else (401, 404)  # unsigned requests are not asked to sign in
                assert machine.client.generic(method.upper(), place).status_code in refused, path


def test_no_other_token_opens_these_operations(alice: Program) -> None:
    for what in ("leases", "results"):
        assert alice.client.post(f"/api/v1/edge/{what}").status_code == 401
        assert Client().post(f"/api/v1/edge/{what}").status_code == 401


def test_a_lease_tells_addresses_and_nothing_of_whose_they_are(machine: Machine) -> None:
    status, found = machine.lease()
    assert status == 200
    assert set(found) == {"lease", "epoch", "seconds", "delay", "contact", "targets"}
    assert [set(target) for target in found["targets"]] == [{"target", "url", "page_url"}]
    assert machine.lease()[1]["targets"] == found["targets"]
    assert Machine("Bob").lease()[1]["targets"] == []


def test_results_count_once_and_only_under_the_key_that_joined(machine: Machine) -> None:
    _, found = machine.lease()
    honest = {"lease": found["lease"], "epoch": found["epoch"], "results": [machine.result(found)]}
    for signature in ("00" * 64, "none", Ed25519PrivateKey.generate().sign(HEAD + json.dumps(honest).encode()).hex()):
        assert machine.post("results", honest, signature)[0] == 422
    assert not EdgeResult.objects.exists()
    assert machine.bring(found) == (200, {"pictures": 0})
    assert machine.bring(found)[0] == 404
    assert EdgeResult.objects.get().outcome == "nothing"


def test_a_lease_of_another_is_not_there(machine: Machine) -> None:
    _, found = machine.lease()
    bob = Machine("Bob")
    bob.lease()
    assert bob.bring(found)[0] == 404
    assert machine.bring(found, epoch=9)[0] == 404
    assert not EdgeResult.objects.exists()
    assert machine.bring(found)[0] == 200


def test_what_nobody_can_have_measured_is_refused_and_counts_until_it_is_too_much(machine: Machine) -> None:
    _, found = machine.lease()
    wrong = machine.result(found, sha256="ab" * 32, hashes="00" * 256, vectors="0000c07f" * 256)  # NaN
    assert machine.bring(found, results=[wrong])[0] == 422
    assert machine.bring(found, results=[machine.result(found, target=2**40)])[0] == 422
    assert Contributor.objects.get().wrong == 2
    for _ in range(leases.MAX_SUSPICION - 2):
        machine.bring(found, results=[wrong])
    assert machine.bring(found)[0] == 401
    assert Contributor.objects.get().reason


@pytest.mark.usefixtures("studio")
def test_a_key_is_named_once_and_has_to_be_one() -> None:
    machine = Machine()
    assert machine.lease(public_key="00" * 32)[0] == 422
    assert machine.lease(pipeline="match-0 other@1")[0] == 409
    assert machine.lease()[0] == 200
    machine.key = Ed25519PrivateKey.generate()
    assert machine.lease()[0] == 409
    contributors.throw_out(machine.row, by="operator", drop=False)
    assert machine.lease()[0] == 401


def test_a_body_that_is_too_long_is_not_read(machine: Machine) -> None:
    _, found = machine.lease()
    assert machine.bring(found, results=[machine.result(found, hashes="00" * 3_000_000)])[0] == 413
    assert machine.bring(found, results=[machine.result(found, target=number) for number in range(1, 52)])[0] == 400
