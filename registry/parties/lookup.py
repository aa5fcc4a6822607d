"""RDAP lookups of parties, started by a member."""

from collections.abc import Sequence

from django.db import transaction
from django.db.models import F

from exhibit.network.addresses import have_same_domain
from registry.cases.models import CaseSighting
from registry.db import steps
from registry.parties.models import PartyLookup
from registry.parties.rdap import query_registries
from registry.services.services import Services


def process_lookups(services: Services, ids: Sequence[int]) -> None:
    """Query the registries for each pending lookup.

    If a registry does not respond, the reason is recorded. It is not queried again automatically.
    """
    for pk in steps.claim(PartyLookup, ids, services.stale_after):
        row = PartyLookup.objects.get(pk=pk)
        with steps.guard_processing(PartyLookup, [pk]):
            records = query_registries(services, row.party, _get_peer(row))
            with transaction.atomic():
                PartyLookup.objects.filter(pk=pk).update(answers=records)
                steps.finish(PartyLookup, [pk])


def _get_peer(row: PartyLookup) -> str:
    """Return the last known IP address of the party's own host; empty if only other hosts served the images."""
    sightings = CaseSighting.objects.filter(case__owner=row.owner_id, case__party=row.party).exclude(sighting__peer="")
    rows = sightings.order_by(F("sighting__last_seen").desc(nulls_last=True)).values_list(
        "sighting__peer", "sighting__page_url", "sighting__final_url"
    )
    own_peers = (peer for peer, page, image in rows[:20] if have_same_domain(page, image))
    return next(own_peers, "").rpartition(":")[0].strip("[]")
