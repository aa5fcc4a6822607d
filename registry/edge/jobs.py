"""Background jobs for edge results. Their imports are loaded after a worker forks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from registry.edge.models import EdgeResult
from registry.jobs import CRAWL, job
from registry.translation import gettext_noop

if TYPE_CHECKING:
    from registry.services.services import Services


@job(gettext_noop("results from contributors"), CRAWL, EdgeResult, batch=200)
def edge(services: "Services", ids: Sequence[int]) -> None:
    """Process contributors' results."""
    from registry.edge.review import process_results

    process_results(services, ids)
