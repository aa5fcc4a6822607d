"""The page of a case with its images, and the actions on it."""

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

from desk.passkeys import verify_answer
from desk.texts import cases, claims, metadata_problems, ownership
from desk.texts.cases import further_in_words, remarks_of
from desk.texts.evidence import BundleTimestamps, evidence_steps
from desk.texts.third_party_statements import describe_statements, unchecked_note
from desk.web.cases import assignments
from desk.web.common.access import clean_text, log_view, may_decide, parse_number, person_of
from desk.web.common.pages import ErrorMessages, decider_post, member_page, page_of, show
from evidence.facts.archive_answers import get_archive_name
from exhibit.digests import Digest
from exhibit.errors import ExhibitError
from exhibit.periods import earliest, latest
from indexer.draw.draw import MEDIA_TYPE, View, draw
from registry import scoped
from registry.bundles.drawings import load_pair, survival_map
from registry.bundles.facts import QUESTIONS, elsewhere_of
from registry.bundles.proofs import timestamps_of
from registry.bundles.timestamp_status import count_timestamps
from registry.cases import archive_queries, decisions, queue, recaptures
from registry.cases.decisions import Choice, DecisionRequest
from registry.cases.licence_check import SIGHTINGS_PREFETCH, find_fitting, load_ledger
from registry.cases.other_works import find_other_works
from registry.cases.places import Place, archive_query_key, places_of
from registry.cases.queue_state import likelihood
from registry.models import UNFINISHED, Bundle, Case, Match, Owner
from registry.notices import agencies
from registry.notices.claim_check import Check, check_cases, save_answer
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
"""Names of draft papers, by kind."""

OBJECT_LABELS = {
    "case": _("Case"), "package": _("Package"), "work": _("Work"), "report": _("Report"), "notice": _("Notice"),
}  # fmt: skip
"""Kinds of objects that files belong to.

By the words of :func:`registry.retention.picture_reports.list_affected_objects`.
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

ROWS = 400
"""Maximum number of sightings read for a case's page; the newest."""
MATCHES = 12
SURVIVAL = "survival.jpg"
"""Maximum number of comparisons shown, strongest first."""
EVENTS, VISITS = 100, 50
"""Maximum number of history entries and of visits on a page."""


@member_page()
@cache_control(private=True, no_store=True)
def case(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Show a case: summary, both images, decision, evidence and history."""
    row = scoped.case(owner, number)
    log_view(request, owner, number)
    sightings = row.case_sightings.annotate(hidden=scoped.is_hidden(owner, "match__found__"))
    sightings = sightings.select_related("match__registered", "match__found", "sighting__crawl", "licence")
    newest = list(sightings.order_by(F("sighting__last_seen").desc(nulls_last=True), "pk")[: ROWS + 1])
    rows = newest[:ROWS]
    licences = {row.sighting_id: row.licence for row in rows}
    bundles = list(map(_with_timestamps, row.bundles.select_related("submission__entry").order_by("-number")))
    prefetch_related_objects([row], "captures", QUESTIONS, SIGHTINGS_PREFETCH)
    row.shown = next((item for item in row.case_sightings.all() if item.pk == row.shown_id), None)
    captures = sorted(row.captures.all(), key=lambda item: item.pk)
    online = recaptures.last_online_times(captures)
    picture_ids = {item.sighting_id: item.sighting.picture_id for item in row.case_sightings.all()}
    visits = recaptures.visits_for((item, picture_ids.get(item.sighting_id, 0)) for item in captures)
    places = places_of(rows)
    matches = _distinct_matches(row, [row.match for row in rows])
    ledger = load_ledger(owner.pk)
    decides, fits = may_decide(owner), find_fitting(row, 8, ledger)
    events = page_of(request, list(row.events.all()), "history", EVENTS)
    has_hidden = any(row.hidden and row.match in matches for row in rows)
    just_decided = decides and "decided" in request.GET and not row.waits
    checks = check_cases([row], ledger)
    values = {
        "case": row,
        "state": cases.decision_in_words(row.decision),
        "words": _describe(row, matches, places),
        "best": matches[0] if matches else None,
        "hidden": has_hidden,
        "also": [(item, cases.CERTAINTY_LABELS[item.decision]) for item in find_other_works([row]).get(row.pk, [])],
        **(_found_file_values(matches[0]) if matches and not has_hidden else {}),
        **_archive(row, places, decides=decides),
        "more_places": len(newest) > ROWS,
        "places": [
            (
                place,
                licences[place.first.pk],
                visits.get((*recaptures.place_of(place.first), place.first.picture_id)),
                latest((place.last_seen, online.get(recaptures.place_of(place.first)))),
            )
            for place in places
        ],
        "matches": [
            (match, cases.describe_measurements(match), further_in_words(len(match.further)), remarks_of(match.reasons))
            for match in matches
        ],
        "fits": [(fit, cases.describe_obstacle(fit.obstacle)) for fit in fits],
        "granted": [(fit.licence.number, f"{fit.licence}{'' if fit.obstacle else ' ✓'}") for fit in fits],
        "sealed": cases.list_sealed_items(len(places), matches, captures)
        if decides and (row.waits or just_decided)
        else (),
        "told": just_decided,
        "undo_for": decisions.UNDO_FOR.seconds,
        "captures": page_of(request, captures[::-1], "visits", VISITS),
        "visiting": any(capture.state in UNFINISHED for capture in captures),
        "bundles": bundles,
        "awaited": _reload_seconds(bundles),
        "chain": evidence_steps(row, places, captures, bundles[0] if bundles else None),
        "papers": DRAFT_DOCUMENTS if any(bundle.seal_digest for bundle, *_rest in bundles) else (),
        **claims.claim_check_context(owner, checks),
        **_agency(owner, row, checks.get(row.number), decides=decides),
        "whose": assignments.assignee_options(owner, row),
        "me": str(row.assigned_to_id or person_of(request).pk),
        "undo_assigned": assignments.recent_assignment(request, owner),
        "history": events,
        "events": [(event, cases.history_line(event)) for event in events],
        "others": _related_cases(row),
        "next": queue.next_case_number(row),
        "may_decide": decides,
        "along": _list_removals(row) if decides and "report" in request.GET else None,
        "undo": row.decided_by == request.user.get_username() and row.decision != Case.Decision.OPEN,
    }
    return show(request, owner, "web/case.html", values)


def _agency(owner: Owner, row: Case, check_result: Check | None, *, decides: bool) -> dict[str, object]:
    """Return the template data about the agency asked about a case."""
    may_ask = decides and row.decision in (Case.Decision.OPEN, Case.Decision.CONFIRMED)
    likely = agencies.suggest_agencies(owner, check_result) if may_ask and row.asked_at is None else []
    return {
        "agency_shown": may_ask or row.asked_at is not None,
        "agency_site": agencies.get_site_url(row.agency),
        "agency_first": likely[0] if likely else "",
        "agencies": dict.fromkeys([*likely, *agencies.list_known_agencies()]),
    }


def _archive(row: Case, places: list[Place], *, decides: bool) -> dict[str, object]:
    """Return third-party statements about the places, and what a query would disclose to an archive."""
    statements = [
        (place.first.page_url, describe_statements(elsewhere_of(row, place, number)[0]))
        for number, place in enumerate(places, 1)
    ]
    services, questions = wiring.services(), row.archive_questions.all()
    newest = {
        archive_query_key(question.sighting): question
        for question in sorted(questions, key=lambda question: question.pk)
    }.values()
    can_ask = decides and archive_queries.can_query(services, row)
    about = [place.first for place in archive_queries.places_to_query(services, row, places)] if can_ask else []
    return {
        "elsewhere": [(page, words) for page, words in statements if words],
        "elsewhere_unchecked": unchecked_note(),
        "archive": get_archive_name(archive_queries.archive_of(services)),
        "archive_learns": [url for sighting in about for _what, url in archive_queries.addresses_of(sighting)],
        "archive_asked": any(question.state in UNFINISHED for question in questions),
        "archive_errors": list(
            dict.fromkeys(question.error for question in newest if question.error and question.state != "done")
        ),
    }


def _list_removals(row: Case) -> list[str]:
    """Describe what would be removed along with a case's image, one line per object."""
    lines = []
    for what, is_retained, files in list_affected_objects(wiring.services(), row):
        kind, _space, number = what.partition(" ")
        removed = ngettext(
            "%(what)s: %(count)d file will be removed", "%(what)s: %(count)d files will be removed", files
        )
        quarantined = ngettext(
            "%(what)s: %(count)d file will be quarantined", "%(what)s: %(count)d files will be quarantined", files
        )
        lines.append(
            (quarantined if is_retained else removed) % {"what": f"{OBJECT_LABELS[kind]} {number}", "count": files}
        )
    return lines


def _found_file_values(match: Match) -> dict[str, Sequence[object]]:
    """Return the metadata in the found image's file, and the problems with it."""
    if match.found.digest not in wiring.services().blobs:
        return {}
    statement = _file_statement(match.found.digest, match.found.format)
    return {
        "stated": ownership.statement_rows(statement),
        "problems": metadata_problems.describe_problems(statement.metadata.problems),
    }


@lru_cache(maxsize=256)
def _file_statement(digest: Digest, picture_format: str) -> FileStatement:
    services = wiring.services()
    return read_statements(services, services.blobs.get(digest), picture_format)


def _distinct_matches(row: Case, candidates: list[Match]) -> list[Match]:
    """Return the distinct comparisons of a case, the one shown in the queue first."""
    distinct = {match.pk: match for match in candidates}
    first = None if row.shown is None else row.shown.match_id
    return sorted(distinct.values(), key=lambda match: (match.pk != first, -likelihood(match), match.pk))[:MATCHES]


def _describe(row: Case, matches: list[Match], places: list[Place]) -> dict[str, str]:
    if not matches or not places:
        return {}
    page = row.shown.sighting.page_url if row.shown else places[0].first.page_url
    return {
        "page": page,
        "where": cases.shorten_url(page),
        "seen": cases.describe_sightings(row, earliest(place.first_seen for place in places)),
        "how_much": cases.describe_share(matches[0]),
        "how_sure": cases.describe_certainty(matches[0]),
        "false_alarms": cases.describe_false_alarms(matches[0]),
    }


def _related_cases(row: Case) -> list[Case]:
    """Return related cases: of the same party or work."""
    alike = scoped.cases(row.owner).filter(Q(party=row.party) | Q(work=row.work)).exclude(pk=row.pk)
    ordered = ("-waits", "-likelihood", "number")
    # A party may have thousands of cases, so they are sorted without joining their works.
    return list(scoped.cases(row.owner).filter(pk__in=alike.order_by(*ordered).values("pk")[:12]).order_by(*ordered))


def _with_timestamps(bundle: Bundle) -> BundleTimestamps:
    witnesses = timestamps_of(bundle)
    return bundle, witnesses, count_timestamps(witnesses, settings.CONFIG.witnesses_needed)


def _reload_seconds(bundles: list[BundleTimestamps]) -> int:
    """Return the seconds until the page reloads for a seal or for timestamps; 0 if nothing is pending."""
    if any(bundle.seal_digest is None and bundle.state in UNFINISHED for bundle, *_rest in bundles):
        return 5
    return 60 if any(witnesses and not summary.enough for _bundle, witnesses, summary in bundles[:1]) else 0


@decider_post()
def decide(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Save a person's decision with its reason."""
    by, reason = request.user.get_username(), clean_text(request.POST.get("reason", ""))
    choice, licence = request.POST.get("decision", ""), parse_number(request.POST.get("licence"))
    with ErrorMessages(request):
        if choice not in set(Choice):
            return redirect("case", slug=owner.slug, number=number)
        granted = scoped.licence(owner, licence) if licence is not None else None
        passkey = verify_answer(person_of(request), request.POST.get("passkey"))
        wish = DecisionRequest(Choice(choice), by, reason, granted, passkey=passkey)
        (outcome,) = decisions.decide_each(wiring.services(), owner, [number], wish)
        if not outcome.done:
            messages.error(request, cases.describe_prior_decision(outcome.case))
        elif outcome.case.decision == Case.Decision.OPEN:
            messages.success(request, gettext("Case %(n)s was reopened.") % {"n": number})
        else:
            return redirect(f"{reverse('case', args=[owner.slug, number])}?decided")
    return redirect("case", slug=owner.slug, number=number)


@decider_post(back="case")
def perform_action(request: HttpRequest, owner: Owner, number: int) -> None:
    """Perform another action on a case, such as adding a note, disputing it or querying an archive."""
    row = scoped.case(owner, number)
    by, words = request.user.get_username(), clean_text(request.POST.get("words", ""))
    action = request.POST.get("deed", "")
    with ErrorMessages(request):
        if action == "note":
            decisions.add_note(row, by=by, text=words)
        elif action == "dispute":
            decisions.dispute(row, by=by, reason=words)
        elif action == "settle":
            decisions.uphold(row, by=by, reason=words)
        elif action == "take-out":
            decisions.return_to_queue(row, by=by)
        elif action == "ask-agency":
            agencies.record_inquiry(row, words, by=by)
        elif action == "agency-answered":
            agencies.record_answer(row, words, by=by)
        elif action == "ask-archive":
            archive_queries.request_queries(wiring.services(), row, by=by)
        elif action == "report":
            passkey = verify_answer(person_of(request), request.POST.get("passkey"))
            report_picture(wiring.services(), row, by=by, reason=words, passkey=passkey)
        if action in ACTION_MESSAGES:
            messages.success(request, str(ACTION_MESSAGES[action]))


@decider_post()
def answer_claim(request: HttpRequest, owner: Owner, number: int) -> HttpResponse:
    """Answer a point of the claim check. It applies to every notice about the case until the grounds change."""
    row, notice = scoped.case(owner, number), parse_number(request.POST.get("notice"))
    with ErrorMessages(request):
        point, mark = request.POST.get("point", ""), request.POST.get("mark", "")
        words = clean_text(request.POST.get("words", ""))
        save_answer(row, point, mark, words, by=request.user.get_username())
        messages.success(request, gettext("Your answer was saved with your name and the time."))
    name, target_number = ("case", number) if notice is None else ("notice", notice)
    return redirect(f"{reverse(name, args=[owner.slug, target_number])}#claims")


@member_page()
@cache_control(private=True, max_age=3600)
def drawing(request: HttpRequest, owner: Owner, number: int, match: int, drawing: str) -> HttpResponse:
    """Return one drawing of a comparison in the case."""
    row = scoped.case(owner, number)
    match_row = Match.objects.filter(pk=match, case_sightings__case=row).exclude(transform=None).first()
    view = {view.file_name: view for view in View}.get(drawing)
    if match_row is None or (view is None and drawing != SURVIVAL) or scoped.find_hidden(owner, [match_row.found]):
        raise Http404
    log_view(request, owner, number)
    services = wiring.services()
    try:
        image = survival_map(services, match_row) if view is None else draw(view, load_pair(services, match_row))
        return HttpResponse(image, content_type=MEDIA_TYPE)
    except ExhibitError as error:
        raise Http404 from error
