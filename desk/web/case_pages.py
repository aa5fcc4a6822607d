"""Cases: the list, the page of one with its pictures, and the decision."""

from django.conf import settings
from django.contrib import messages
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import cache_control
from django.views.decorators.http import require_POST, require_safe

from desk.remarks import further_in_words, remarks_of
from desk.web.access import forbidden, may_decide, member_view, said, sees
from evidence.facts import WitnessFacts
from exhibit.errors import ExhibitError
from indexer.draw import MEDIA_TYPE, View, draw
from registry import owned, recaptures
from registry.models import Bundle, Case, Match, Owner
from workers import decisions
from workers.drawings import pair_of
from workers.facts import places_of, words_of_match
from workers.proofs import witnesses_of
from workers.steps import decide as deciding
from workers.wiring import house
from workers.witnessed import Witnessed, witnessed

PAPERS = (
    ("us-902", _("United States: certification, FRE 902(13) and (14)")),
    ("cn-evidence-list", _("China: list of evidence (证据目录)")),
    ("cn-environment", _("China: record of the capturing environment (清洁性检查)")),
    ("personal-data", _("Note on personal data in the bundle")),
)
"""Draft papers, by the name of each."""

COPIES = "copies"
"""The button that clears a case whose pictures are copies."""


@require_safe
@member_view
def case(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """One case: the sentence, both pictures, the decision, the evidence, the history."""
    row = owned.case(owner, number)
    sees(request, owner, number)
    rows = row.case_sightings.select_related("match__registered", "match__found", "sighting", "licence")
    rows = rows.order_by("-sighting__last_seen", "pk")
    matches = {one.match_id: one.match for one in rows}
    licences = {one.sighting_id: one.licence for one in rows}
    standings = recaptures.standings(row)
    values = {
        "owner": owner,
        "case": row,
        "places": [
            (place, licences[place.first.pk], standings.get(recaptures.place_of(place.first)))
            for place in places_of(list(rows))
        ],
        "matches": [
            (match, words_of_match(match), further_in_words(len(match.further)), remarks_of(match.reasons))
            for match in matches.values()
        ],
        "captures": row.captures.order_by("pk"),
        "bundles": [_with_witnesses(bundle) for bundle in row.bundles.order_by("-number")],
        "papers": PAPERS if row.bundles.exclude(seal_digest=None).exists() else (),
        "events": row.events.all(),
        "may_decide": may_decide(request, owner),
    }
    return render(request, "web/case.html", values)


def _with_witnesses(bundle: Bundle) -> tuple[Bundle, tuple[WitnessFacts, ...], Witnessed]:
    witnesses = witnesses_of(bundle)
    return bundle, witnesses, witnessed(witnesses, settings.CONFIG.witnesses_needed)


@require_POST
@member_view
def decide(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Record a person's decision, with the reason given."""
    if not may_decide(request, owner):
        return forbidden()
    row = owned.case(owner, number)
    by, reason = request.user.get_username(), said(request.POST.get("reason", ""))
    try:
        _decide(row, request.POST.get("decision", ""), by, reason)
    except ExhibitError as error:
        messages.error(request, str(error))
    return redirect("case", slug=owner.slug, number=number)


def _decide(row: Case, decision: str, by: str, reason: str) -> None:
    if decision == Case.Decision.CONFIRMED:
        deciding.confirm(house(), row, by=by, reason=reason)
    elif decision in {Case.Decision.CLEARED, COPIES}:
        deciding.clear(row, by=by, reason=reason, copies=decision == COPIES)
    elif decision == Case.Decision.OPEN:
        deciding.reopen(row, by=by, reason=reason)


@require_POST
@member_view
def deed(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """What members do with a case besides deciding it: a note, a dispute and its end, out of the drawer."""
    if not may_decide(request, owner):
        return forbidden()
    row = owned.case(owner, number)
    by, words = request.user.get_username(), said(request.POST.get("words", ""))
    wanted = request.POST.get("deed", "")
    try:
        if wanted == "note":
            decisions.note(row, by=by, words=words)
        elif wanted == "dispute":
            decisions.dispute(row, by=by, reason=words)
        elif wanted == "settle":
            decisions.settle(row, by=by, reason=words)
        elif wanted == "take-out":
            decisions.take_out(row, by=by)
    except ExhibitError as error:
        messages.error(request, str(error))
    return redirect("case", slug=owner.slug, number=number)


@require_safe
@member_view
@cache_control(private=True, max_age=3600)
def drawing(request: HttpRequest, owner: Owner, number: int, match: int, drawing: str) -> HttpResponse:
    """One view of the comparison in one of the case's matches."""
    row = owned.case(owner, number)
    found = Match.objects.filter(pk=match, case_sightings__case=row).exclude(transform=None).first()
    view = {one.file_name: one for one in View}.get(drawing)
    if found is None or view is None:
        raise Http404
    sees(request, owner, number)
    try:
        return HttpResponse(draw(view, pair_of(house(), found)), content_type=MEDIA_TYPE)
    except ExhibitError as error:
        raise Http404 from error
