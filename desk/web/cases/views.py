"""Case page with its pictures, and the actions on a case."""

from collections.abc import Sequence
from functools import lru_cache

from django.conf import settings
from django.contrib import messages
from django.db.models import F, Q, prefetch_related_objects
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.urls import reverse
from django.utils.translation import gettext, gettext_lazy as _, ngettext
from django.views.decorators.cache import cache_control

from desk.passkeys import verify_passkey_response
from desk.texts import cases, claims, metadata_problems, ownership
from desk.texts.cases import describe_further_occurrences, describe_remarks
from desk.texts.evidence import BundleTimestamps, build_evidence_steps
from desk.texts.third_party_statements import describe_statements, get_unverified_note
from desk.web.cases import assignments
from desk.web.common.access import clean_text, get_user, log_view, may_decide, parse_number
from desk.web.common.pages import ErrorMessages, decider_post, get_page, member_page, render_page
from evidence.facts.archive_responses import get_archive_name
from exhibit.digests import Digest
from exhibit.errors import ExhibitError
from exhibit.periods import get_earliest_time, get_latest_time
from indexer.draw.draw import MEDIA_TYPE, View, draw
from registry import scoped
from registry.bundles.drawings import draw_survival_map, load_pair
from registry.bundles.facts import ARCHIVE_LOOKUPS_PREFETCH, list_third_party_statements
from registry.bundles.proofs import list_bundle_timestamps
from registry.bundles.timestamp_status import count_timestamps
from registry.cases import archive_queries, decisions, queue, recaptures
from registry.cases.decisions import DecisionChoice, DecisionRequest
from registry.cases.licence_check import SIGHTINGS_PREFETCH, load_ledger, propose_licences
from registry.cases.other_works import find_other_works
from registry.cases.places import Place, get_archive_query_key, group_by_place
from registry.cases.queue_state import compute_likelihood
from registry.models import UNFINISHED, Bundle, Case, Match, Owner
from registry.notices import agencies
from registry.notices.claim_check import CaseClaimCheck, check_cases, save_answer
from registry.pictures.provenance import FileStatement, read_statements
from registry.retention.picture_reports import list_affected_objects, report_picture
from workers import wiring

DRAFT_DOCUMENTS = (
    ("cover", _("Cover page for a printed exhibit sheet, with the bundle's seal digest")),
    ("us-902", _("United States: certification, FRE 902(13) and (14)")),
    ("cn-evidence-list", _("China: list of evidence (证据目录)")),
    ("cn-environment", _("China: record of the capture environment (清洁性检查)")),
    ("personal-data", _("Note on personal data in the bundle")),
)
"""Names of draft documents, by type."""

OBJECT_LABELS = {
    "case": _("Case"), "package": _("ZIP"), "work": _("Work"), "report": _("Report"), "notice": _("Notice"),
}  # fmt: skip
"""Names of the types of objects to which files belong.

By the type names of :func:`registry.retention.picture_reports.list_affected_objects`.
"""

ACTION_MESSAGES = {
    "note": _("The note was saved."),
    "dispute": _("The decision is disputed."),
    "settle": _("The decision was upheld."),
    "take-out": _("The case is awaiting a decision."),
    "ask-archive": _("The archive is being queried. Its response will appear on this page."),
    "ask-agency": _("No notice about this case is sent until the agency has replied."),
    "agency-answered": _("The agency's reply was saved."),
    "report": _("The picture was reported and is no longer shown to anyone here."),
}
"""Messages shown after an action, by its name."""

MAX_SIGHTINGS = 400
"""Maximum number of sightings on a case's page. The newest are shown."""
MAX_MATCHES = 12
"""Maximum number of comparisons shown, strongest first."""
SURVIVAL_MAP_NAME = "survival.jpg"
EVENTS_PER_PAGE, VISITS_PER_PAGE = 100, 50
"""Maximum number of history entries and of visits on a page."""


@member_page()
@cache_control(private=True, no_store=True)
def case(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Show a case: summary, both pictures, decision, evidence and history."""
    row = scoped.get_case(owner, number)
    log_view(request, owner, number)
    sightings = row.case_sightings.annotate(hidden=scoped.build_hidden_filter(owner, "match__found__"))
    sightings = sightings.select_related("match__registered", "match__found", "sighting__crawl", "licence")
    newest_sightings = list(
        sightings.order_by(F("sighting__last_seen").desc(nulls_last=True), "pk")[: MAX_SIGHTINGS + 1]
    )
    rows = newest_sightings[:MAX_SIGHTINGS]
    licences = {row.sighting_id: row.licence for row in rows}
    bundles = list(map(_load_timestamps, row.bundles.select_related("submission__entry").order_by("-number")))
    prefetch_related_objects([row], "captures", ARCHIVE_LOOKUPS_PREFETCH, SIGHTINGS_PREFETCH)
    row.shown = next((item for item in row.case_sightings.all() if item.pk == row.shown_id), None)
    captures = sorted(row.captures.all(), key=lambda item: item.pk)
    last_online = recaptures.find_last_online_times(captures)
    picture_ids = {item.sighting_id: item.sighting.picture_id for item in row.case_sightings.all()}
    visits = recaptures.find_last_visits((item, picture_ids.get(item.sighting_id, 0)) for item in captures)
    places = group_by_place(rows)
    matches = _select_distinct_matches(row, [row.match for row in rows])
    ledger = load_ledger(owner.pk)
    can_decide, fitting_licences = may_decide(owner), propose_licences(row, 8, ledger)
    events = get_page(request, list(row.events.all()), "history", EVENTS_PER_PAGE)
    has_hidden = any(row.hidden and row.match in matches for row in rows)
    just_decided = can_decide and "decided" in request.GET and not row.is_pending
    checks = check_cases([row], ledger)
    values = {
        "case": row,
        "state": cases.decision_in_words(row.decision),
        "words": _describe_case(row, matches, places),
        "best": matches[0] if matches else None,
        "hidden": has_hidden,
        "also": [(item, cases.CERTAINTY_LABELS[item.decision]) for item in find_other_works([row]).get(row.pk, [])],
        **(_build_found_file_values(matches[0]) if matches and not has_hidden else {}),
        **_build_archive_values(row, places, can_decide=can_decide),
        "more_places": len(newest_sightings) > MAX_SIGHTINGS,
        "places": [
            (
                place,
                licences[place.first.pk],
                visits.get((*recaptures.get_place_key(place.first), place.first.picture_id)),
                get_latest_time((place.last_seen, last_online.get(recaptures.get_place_key(place.first)))),
            )
            for place in places
        ],
        "matches": [
            (
                match,
                cases.describe_measurements(match),
                describe_further_occurrences(len(match.further)),
                describe_remarks(match.reasons),
            )
            for match in matches
        ],
        "fits": [(fit, cases.describe_obstacle(fit.obstacle)) for fit in fitting_licences],
        "granted": [(fit.licence.number, f"{fit.licence}{'' if fit.obstacle else ' ✓'}") for fit in fitting_licences],
        "sealed": cases.list_sealed_items(len(places), matches, captures)
        if can_decide and (row.is_pending or just_decided)
        else (),
        "told": just_decided,
        "undo_for": decisions.UNDO_PERIOD.seconds,
        "captures": get_page(request, captures[::-1], "visits", VISITS_PER_PAGE),
        "visiting": any(capture.state in UNFINISHED for capture in captures),
        "bundles": bundles,
        "awaited": _compute_reload_seconds(bundles),
        "chain": build_evidence_steps(row, places, captures, bundles[0] if bundles else None),
        "papers": DRAFT_DOCUMENTS if any(bundle.seal_digest for bundle, *_rest in bundles) else (),
        **claims.build_claim_check_context(owner, checks),
        **_build_reseller_values(owner, row, checks.get(row.number), can_decide=can_decide),
        "whose": assignments.build_assignee_options(owner, row),
        "me": str(row.assigned_to_id or get_user(request).pk),
        "undo_assigned": assignments.get_recent_assignment(request, owner),
        "history": events,
        "events": [(event, cases.format_history_event(event)) for event in events],
        "others": _list_related_cases(row),
        "next": queue.find_next_case_number(row),
        "may_decide": can_decide,
        "along": _list_removals(row) if can_decide and "report" in request.GET else None,
        "undo": row.decided_by == request.user.get_username() and row.decision != Case.Decision.OPEN,
    }
    return render_page(request, owner, "web/case.html", values)


def _build_reseller_values(
    owner: Owner, row: Case, check_result: CaseClaimCheck | None, *, can_decide: bool
) -> dict[str, object]:
    """Return the template data about the reseller that was asked about a case, or could be asked."""
    can_ask = can_decide and row.decision in (Case.Decision.OPEN, Case.Decision.CONFIRMED)
    suggestions = agencies.suggest_agencies(owner, check_result) if can_ask and row.agency_asked_at is None else []
    return {
        "agency_shown": can_ask or row.agency_asked_at is not None,
        "agency_site": agencies.get_site_url(row.agency),
        "agency_first": suggestions[0] if suggestions else "",
        "agencies": dict.fromkeys([*suggestions, *agencies.list_known_agencies()]),
    }


def _build_archive_values(row: Case, places: list[Place], *, can_decide: bool) -> dict[str, object]:
    """Return third-party statements about the pages, and the URLs that a query would disclose to an archive."""
    statements = [
        (place.first.page_url, describe_statements(list_third_party_statements(row, place, number)[0]))
        for number, place in enumerate(places, 1)
    ]
    services, questions = wiring.services(), row.archive_questions.all()
    latest_questions = {
        get_archive_query_key(question.sighting): question
        for question in sorted(questions, key=lambda question: question.pk)
    }.values()
    can_ask = can_decide and archive_queries.can_query(services, row)
    queried_sightings = (
        [place.first for place in archive_queries.list_queryable_places(services, row, places)] if can_ask else []
    )
    return {
        "elsewhere": [(page, descriptions) for page, descriptions in statements if descriptions],
        "elsewhere_unchecked": get_unverified_note(),
        "archive": get_archive_name(archive_queries.get_archive_url(services)),
        "archive_learns": [url for sighting in queried_sightings for _what, url in archive_queries.list_urls(sighting)],
        "is_archive_pending": any(question.state in UNFINISHED for question in questions),
        "archive_errors": list(
            dict.fromkeys(
                question.error for question in latest_questions if question.error and question.state != "done"
            )
        ),
    }


def _list_removals(row: Case) -> list[str]:
    """Describe the files that would be removed with the picture of a case, one line per object."""
    lines = []
    for object_name, is_retained, files in list_affected_objects(wiring.services(), row):
        kind, _space, number = object_name.partition(" ")
        removed_text = ngettext(
            "%(what)s: %(count)d file will be removed", "%(what)s: %(count)d files will be removed", files
        )
        quarantined_text = ngettext(
            "%(what)s: %(count)d file will be quarantined", "%(what)s: %(count)d files will be quarantined", files
        )
        lines.append(
            (quarantined_text if is_retained else removed_text)
            % {"what": f"{OBJECT_LABELS[kind]} {number}", "count": files}
        )
    return lines


def _build_found_file_values(match: Match) -> dict[str, Sequence[object]]:
    """Return the metadata in the found picture's file, and the problems with that metadata."""
    if match.found.digest not in wiring.services().blobs:
        return {}
    statement = _read_file_statement(match.found.digest, match.found.format)
    return {
        "stated": ownership.build_file_statement_rows(statement),
        "problems": metadata_problems.describe_problems(statement.metadata.problems),
    }


@lru_cache(maxsize=256)
def _read_file_statement(digest: Digest, picture_format: str) -> FileStatement:
    services = wiring.services()
    return read_statements(services, services.blobs.get(digest), picture_format)


def _select_distinct_matches(row: Case, candidates: list[Match]) -> list[Match]:
    """Return the distinct comparisons of a case, the one shown in the queue first."""
    match_by_id = {match.pk: match for match in candidates}
    shown_id = None if row.shown is None else row.shown.match_id
    return sorted(match_by_id.values(), key=lambda match: (match.pk != shown_id, -compute_likelihood(match), match.pk))[
        :MAX_MATCHES
    ]


def _describe_case(row: Case, matches: list[Match], places: list[Place]) -> dict[str, str]:
    if not matches or not places:
        return {}
    page = row.shown.sighting.page_url if row.shown else places[0].first.page_url
    return {
        "page": page,
        "where": cases.shorten_url(page),
        "seen": cases.describe_sightings(row, get_earliest_time(place.first_seen for place in places)),
        "how_much": cases.describe_overlap(matches[0]),
        "how_sure": cases.describe_certainty(matches[0]),
        "false_alarms": cases.describe_false_alarms(matches[0]),
    }


def _list_related_cases(row: Case) -> list[Case]:
    """Return other cases of the same site or work."""
    related_cases = scoped.list_owner_cases(row.owner).filter(Q(party=row.party) | Q(work=row.work)).exclude(pk=row.pk)
    ordering = ("-is_pending", "-likelihood", "number")
    # A site may have thousands of cases, so they are sorted without joining their works.
    return list(
        scoped.list_owner_cases(row.owner)
        .filter(pk__in=related_cases.order_by(*ordering).values("pk")[:12])
        .order_by(*ordering)
    )


def _load_timestamps(bundle: Bundle) -> BundleTimestamps:
    receipts = list_bundle_timestamps(bundle)
    return bundle, receipts, count_timestamps(receipts, settings.CONFIG.timestamps_needed)


def _compute_reload_seconds(bundles: list[BundleTimestamps]) -> int:
    """Return the seconds until the page reloads for a seal or for timestamps; 0 if nothing is pending."""
    if any(bundle.seal_digest is None and bundle.state in UNFINISHED for bundle, *_rest in bundles):
        return 5
    return 60 if any(receipts and not summary.is_sufficient for _bundle, receipts, summary in bundles[:1]) else 0


@decider_post()
def decide(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Save a member's decision with its reason."""
    by, reason = request.user.get_username(), clean_text(request.POST.get("reason", ""))
    choice, licence = request.POST.get("decision", ""), parse_number(request.POST.get("licence"))
    with ErrorMessages(request):
        if choice not in set(DecisionChoice):
            return redirect("case", slug=owner.slug, number=number)
        granted_licence = scoped.get_licence(owner, licence) if licence is not None else None
        passkey = verify_passkey_response(get_user(request), request.POST.get("passkey"))
        decision_request = DecisionRequest(DecisionChoice(choice), by, reason, granted_licence, passkey=passkey)
        (outcome,) = decisions.decide_cases(wiring.services(), owner, [number], decision_request)
        if not outcome.is_applied:
            messages.error(request, cases.describe_prior_decision(outcome.case))
        elif outcome.case.decision == Case.Decision.OPEN:
            messages.success(request, gettext("Case %(n)s was reopened.") % {"n": number})
        else:
            return redirect(f"{reverse('case', args=[owner.slug, number])}?decided")
    return redirect("case", slug=owner.slug, number=number)


@decider_post(back="case")
def perform_action(request: HttpRequest, owner: Owner, number: int) -> None:
    """Perform another action on a case, such as adding a note, disputing it or querying an archive."""
    row = scoped.get_case(owner, number)
    by, text = request.user.get_username(), clean_text(request.POST.get("words", ""))
    action = request.POST.get("action", "")
    with ErrorMessages(request):
        if action == "note":
            decisions.add_note(row, by=by, text=text)
        elif action == "dispute":
            decisions.dispute_decision(row, by=by, reason=text)
        elif action == "settle":
            decisions.uphold_decision(row, by=by, reason=text)
        elif action == "take-out":
            decisions.return_to_queue(row, by=by)
        elif action == "ask-agency":
            agencies.record_inquiry(row, text, by=by)
        elif action == "agency-answered":
            agencies.record_reply(row, text, by=by)
        elif action == "ask-archive":
            archive_queries.request_queries(wiring.services(), row, by=by)
        elif action == "report":
            passkey = verify_passkey_response(get_user(request), request.POST.get("passkey"))
            report_picture(wiring.services(), row, by=by, reason=text, passkey=passkey)
        if action in ACTION_MESSAGES:
            messages.success(request, str(ACTION_MESSAGES[action]))


@decider_post()
def answer_claim(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Answer a point of the claim check. It applies to every notice about the case until the grounds change."""
    row, notice = scoped.get_case(owner, number), parse_number(request.POST.get("notice"))
    with ErrorMessages(request):
        point, digest = request.POST.get("point", ""), request.POST.get("mark", "")
        text = clean_text(request.POST.get("words", ""))
        save_answer(row, point, digest, text, by=request.user.get_username())
        messages.success(request, gettext("Your answer was saved with your name and the time."))
    name, target_number = ("case", number) if notice is None else ("notice", notice)
    return redirect(f"{reverse(name, args=[owner.slug, target_number])}#claims")


@member_page()
@cache_control(private=True, max_age=3600)
def drawing(request: HttpRequest, owner: Owner, number: int, match: int, drawing: str) -> HttpResponse:
    """Return one drawing of a comparison in the case."""
    row = scoped.get_case(owner, number)
    match_row = Match.objects.filter(pk=match, case_sightings__case=row).exclude(transform=None).first()
    view = {view.file_name: view for view in View}.get(drawing)
    if (
        match_row is None
        or (view is None and drawing != SURVIVAL_MAP_NAME)
        or scoped.find_hidden_pictures(owner, [match_row.found])
    ):
        raise Http404
    log_view(request, owner, number)
    services = wiring.services()
    try:
        image = draw_survival_map(services, match_row) if view is None else draw(view, load_pair(services, match_row))
        return HttpResponse(image, content_type=MEDIA_TYPE)
    except ExhibitError as error:
        raise Http404 from error
