"""Contributors' requests for leases, deliveries of results, and signed statements about these.

Statements are signed with the log's key, so that third parties can verify them.
"""

import re
from collections.abc import Mapping
from typing import Any

from django.db import transaction

from evidence.keys.ed25519 import is_valid_point, is_valid_signature
from exhibit.clock import format_rfc3339, now
from exhibit.digests import Digest
from exhibit.entries import encode_canonical
from exhibit.errors import ConflictError, InvalidRequestError, RefusedError
from exhibit.types import Json
from registry.crawls.models import Crawl, CrawlSlice, FrontierUrl
from registry.db.claimable import StepState
from registry.edge import contributors, leases
from registry.edge.measurements import PIPELINE_VERSION, SIGNATURE_PREFIX, SPACE, Measurements
from registry.edge.models import Contributor, EdgeResult
from registry.edge.statements import FORMAT
from registry.fingerprints.ports import get_descriptors
from registry.log.local_log import get_log
from registry.services.disk import is_disk_full
from registry.services.services import Services

SIGNATURE_FORMAT = re.compile("[0-9a-f]{128}")


def assign_lease(
    services: Services, contributor: Contributor, public_key: bytes, pipeline: str
) -> tuple[CrawlSlice, list[FrontierUrl], int] | None:
    """Return a contributor's next slice, its URLs and the time limit in seconds, or ``None`` if no work is available.

    The contributor's key is recorded on the first request.

    Raises:
        ConflictError: This installation measures pictures with another version or model.
        InvalidRequestError: The public key is invalid.
    """
    if pipeline != PIPELINE_VERSION or get_descriptors(services).serving.space != SPACE:
        hint = "Both installations need the same version of Exhibit, and its included model."
        raise ConflictError(f"This installation does not measure pictures with {pipeline}.", hint=hint)
    if not is_valid_point(public_key):
        raise InvalidRequestError("This is not an Ed25519 public key.")
    contributors.record_public_key(contributor, public_key)
    lease = None if is_disk_full(services) else leases.get_or_assign_lease(contributor)
    if lease is None:
        return None
    row, targets = lease
    expires_at = (row.claimed_at or now()) + services.stale_after
    return row, targets, max(1, int((expires_at - now()).total_seconds()))


def receive_results(
    services: Services, contributor: Contributor, delivery: Mapping[str, Any], body: bytes, signature: str
) -> int:
    """Store the results of a lease from a signed request body; return the number of pictures among them.

    Raises:
        RefusedError: The signature is invalid.
        NotFoundError: The contributor has no such lease.
        InvalidRequestError: The results are impossible, which counts against the contributor.
    """
    signature_bytes = bytes.fromhex(signature) if SIGNATURE_FORMAT.fullmatch(signature) else b""
    if not is_valid_signature(bytes(contributor.public_key or b""), signature_bytes, SIGNATURE_PREFIX + body):
        raise RefusedError("The signature was not made with this contributor's key.", reason="signature")
    try:
        rows = [_build_result(contributor, result) for result in delivery["results"]]
        percentage = services.config.edge_recheck_share
        crawl, received_ids = leases.store_delivery(contributor, delivery["lease"], delivery["epoch"], rows, percentage)
    except InvalidRequestError:
        with transaction.atomic():
            leases.record_verifications(contributors.lock_contributor(contributor), wrong_count=1)
        raise
    services.enqueue(EdgeResult, received_ids)
    services.enqueue(Crawl, [crawl])
    return len(received_ids)


def _build_result(contributor: Contributor, result: Mapping[str, Any]) -> EdgeResult:
    row = EdgeResult(contributor=contributor, target_id=result["target"])
    if result["sha256"]:
        row.hashes, row.vectors = bytes.fromhex(result["hashes"]), bytes.fromhex(result["vectors"])
        Measurements.from_bytes(row.hashes, row.vectors)
        row.digest = Digest.from_hex(result["sha256"])
    return row


def sign_statement(services: Services, work_by_contributor: Mapping[int, Mapping[str, Any]]) -> dict[str, Json]:
    """Return a signed statement of contributors' results; the signature covers the canonical JSON.

    The number of completed slices is added for each contributor; it is 0 if the contributor's results were dropped.

    Args:
        services: The services.
        work_by_contributor: Rows of the statement by the contributor's primary key.
    """
    log = get_log(services)
    rows = [{**row, "slices": _count_slices(pk)} for pk, row in work_by_contributor.items()]
    statement = {"format": FORMAT, "contributors": rows, "at": format_rfc3339(now()), "key": log.get_verifier_key()}
    return statement | {"signature": log.sign(encode_canonical(statement)).hex()}


def _count_slices(contributor: int) -> int:
    if EdgeResult.objects.filter(contributor=contributor, outcome=EdgeResult.Outcome.DROPPED).exists():
        return 0
    return CrawlSlice.objects.filter(contributor=contributor, state=StepState.DONE).count()
