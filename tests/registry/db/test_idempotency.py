"""Test that a request sent twice gets the first response, and is executed once."""

from datetime import timedelta

from django.db import transaction

from exhibit.clock import now
from exhibit.digests import Digest
from registry.db import idempotency
from registry.models import KeptAnswer

REQUEST = Digest.from_bytes(b"POST /works")


def test_response_is_repeated_to_its_caller_until_expiry(db: None) -> None:
    assert idempotency.start_request("token:1", "k", REQUEST) is None
    idempotency.store_response("token:1", "k", 201, "{}")
    second_result = idempotency.start_request("token:1", "k", Digest.from_bytes(b"another request"))
    assert second_result is not None
    assert (second_result.status, second_result.body, second_result.request) == (201, "{}", REQUEST)
    assert idempotency.start_request("token:2", "k", REQUEST) is None
    KeptAnswer.objects.filter(caller="token:1").update(
        made_at=now() - idempotency.RESPONSE_RETENTION - timedelta(seconds=1)
    )
    assert idempotency.delete_old_responses() == 1


def test_rolled_back_request_can_be_started_again(db: None) -> None:
    with transaction.atomic():
        assert idempotency.start_request("token:1", "k", REQUEST) is None
        transaction.set_rollback(True)
    assert idempotency.start_request("token:1", "k", REQUEST) is None
