"""Background jobs on the rows of parties. What they import is loaded after the fork of a worker."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from registry.jobs import ASKED, job
from registry.parties.models import PartyLookup
from registry.words import gettext_noop

if TYPE_CHECKING:
    from registry.services.services import Services


@job(gettext_noop("registries to be asked for parties"), ASKED, PartyLookup, owner="owner")
def lookup(services: "Services", ids: Sequence[int]) -> None:
    """Ask registries who is behind a party."""
    from registry.parties.lookup import look_up

    look_up(services, ids)
