"""Background jobs for parties. Their imports run after a worker has forked."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from registry.jobs import FOREGROUND, job
from registry.parties.models import PartyLookup
from registry.translation import gettext_noop

if TYPE_CHECKING:
    from registry.services.services import Services


@job(gettext_noop("registry queries for sites"), FOREGROUND, PartyLookup, owner="owner")
def lookup(services: "Services", ids: Sequence[int]) -> None:
    """Query RDAP registries about parties."""
    from registry.parties.lookup import process_lookups

    process_lookups(services, ids)
