"""Background jobs on the rows of edge. What they import is loaded after the fork of a worker."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from registry.edge.models import EdgeResult
from registry.jobs import CRAWL, job
from registry.words import gettext_noop

if TYPE_CHECKING:
    from registry.services.services import Services


@job(gettext_noop("results of contributors"), CRAWL, EdgeResult, batch=200)
def edge(services: "Services", ids: Sequence[int]) -> None:
    """Take what contributors have measured."""
    from registry.edge.review import take_results

    take_results(services, ids)
