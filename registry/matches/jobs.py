"""Background jobs for matches. Functions import their dependencies, so that they are loaded after a worker forks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from registry.fingerprints.models import DescriptorModel
from registry.jobs import MATCH, PAST_SEARCH, job
from registry.pictures.models import Picture
from registry.translation import gettext_noop
from registry.works.models import WorkPicture

if TYPE_CHECKING:
    from registry.services.services import Services


@job(
    gettext_noop("found pictures to compare with the works"),
    MATCH,
    Picture,
    batch=32,
    settled={"bytes_state__in": ("expired", "purged")},
)
def match(services: "Services", ids: Sequence[int]) -> None:
    """Compare found pictures with the works."""
    from registry.matches.match import match_pictures

    match_pictures(services, ids)


@job(
    gettext_noop("new works to compare with previously seen pictures"),
    PAST_SEARCH,
    WorkPicture,
    owner="work__owner",
    batch=4,
    fresh_first=True,
    slow=True,
)
def search(services: "Services", ids: Sequence[int]) -> None:
    """Search all previously seen pictures for new works."""
    from registry.matches.search_past import search_pictures

    search_pictures(services, ids)


@job(gettext_noop("models to activate"), PAST_SEARCH, DescriptorModel, slow=True)
def refingerprint(services: "Services", ids: Sequence[int]) -> None:
    """Compute descriptors of all pictures with a model that is being activated."""
    from registry.matches.descriptor_updates import compute_descriptors

    compute_descriptors(services, ids)
