"""Background jobs for bundles. They import their modules in the function body, after the worker has forked."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from registry.bundles.models import REOPENED_CASE, Bundle, Package
from registry.cases.models import Capture
from registry.jobs import DEFAULT, EVIDENCE, FILES, FOREGROUND, job
from registry.log.models import AnchorReceipt
from registry.translation import gettext_noop

if TYPE_CHECKING:
    from registry.services.services import Services


@job(
    gettext_noop("evidence captures"),
    EVIDENCE,
    Capture,
    owner="case__owner",
    requested={"case__bundles__state__in": ("queued", "running")},
)
def capture(services: "Services", ids: Sequence[int]) -> None:
    """Visit pages again and store their responses."""
    from registry.bundles.capture import capture_sightings

    capture_sightings(services, ids)


@job(
    gettext_noop("bundles to seal"), FOREGROUND, Bundle, owner="case__owner", batch=4, settled={"error": REOPENED_CASE}
)
def seal(services: "Services", ids: Sequence[int]) -> None:
    """Seal bundles of confirmed cases."""
    from registry.bundles.sealing import seal_bundles

    seal_bundles(services, ids)


@job(gettext_noop("pending timestamp receipts"), DEFAULT, AnchorReceipt, batch=50)
def timestamp(services: "Services", ids: Sequence[int]) -> None:
    """Request pending receipts from timestamp services."""
    from registry.bundles.timestamp_requests import request_timestamps

    request_timestamps(services, ids)


@job(gettext_noop("bundles to combine into one file"), FILES, Package, owner="owner")
def package(services: "Services", ids: Sequence[int]) -> None:
    """Build packages of bundles."""
    from registry.bundles.make_package import make_packages

    make_packages(services, ids)
