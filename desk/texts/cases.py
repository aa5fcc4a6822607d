"""Descriptions of a case in the reader's language: sightings, overlap with the work, certainty, decision and visits."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache

from django.utils import formats, timezone
from django.utils.translation import get_language, gettext as _, gettext_lazy, ngettext, pgettext_lazy

from desk.texts.numbers import grouped
from desk.texts.sentences import in_words
from evidence.documents.phrases import load_phrases
from exhibit.comparison.calibration import FalseAlarmBound
from exhibit.comparison.derived import DERIVED_REASON, grade_survival_map
from exhibit.digests import Digest
from exhibit.network.addresses import is_confusable, remove_scheme, to_unicode_host
from exhibit.types import CaseDecision, Decision, Verification
from registry.bundles.documents import DOCUMENT_LANGUAGES
from registry.bundles.facts import build_match_templates
from registry.bundles.sentences import FINGERPRINTS_ONLY
from registry.cases import history
from registry.cases.decisions import DEMONSTRATION_ACTOR
from registry.cases.licence_check import Obstacle, ObstacleReason
from registry.cases.recaptures import PlaceState, VisitSummary
from registry.cases.record_decision import LEDGER_ACTOR
from registry.matches import calibrations
from registry.models import Capture, Case, CaseEvent, Match, StepState

DECISION_WORDS = {
    CaseDecision.OPEN: pgettext_lazy("decision", "open"),
    CaseDecision.CONFIRMED: pgettext_lazy("decision", "not licensed"),
    CaseDecision.LICENSED: pgettext_lazy("decision", "licensed"),
    CaseDecision.DISMISSED: pgettext_lazy("decision", "dismissed"),
}
"""Decisions as a single word."""

DECISION_LABELS = {
    CaseDecision.OPEN: gettext_lazy("Undecided"),
    CaseDecision.CONFIRMED: gettext_lazy("Not licensed"),
    CaseDecision.LICENSED: gettext_lazy("Licensed"),
    CaseDecision.DISMISSED: gettext_lazy("Dismissed"),
}
"""Decisions as shown in forms and lists."""

STATUS_LABELS = {
    PlaceState.ONLINE: gettext_lazy("still online"),
    PlaceState.NOT_SHOWN: gettext_lazy("file still online but not shown on the page"),
    PlaceState.CHANGED: gettext_lazy("changed"),
    PlaceState.REMOVED: gettext_lazy("removed"),
    PlaceState.UNSEEN: gettext_lazy("could not be visited"),
}
DECIDER_LABELS = {
    LEDGER_ACTOR: gettext_lazy("licence ledger"),
    DEMONSTRATION_ACTOR: gettext_lazy("demonstration switch"),
}
"""Labels for automatic deciders."""
CERTAINTY_LABELS = {
    Decision.CERTAIN: gettext_lazy("Very likely a copy"),
    Decision.REVIEW: gettext_lazy("Possible match: review needed"),
    Decision.RELATED: gettext_lazy("Related: more similar than coincidence explains, but copying is not established"),
}
MAX_DISPLAYED_URL = 72


def shorten_url(url: str) -> str:
    """Shorten a URL for display: without its scheme and at most ``MAX_DISPLAYED_URL`` characters."""
    path, separator, query = remove_scheme(url).partition("?")
    short_url = path.rstrip("/") + separator + query
    return short_url if len(short_url) <= MAX_DISPLAYED_URL else f"{short_url[: MAX_DISPLAYED_URL - 1]}…"


def describe_decoded_host(host: str) -> str:
    """Describe the decoded form of an ``xn--`` host, with a warning if it is confusable; empty for other hosts."""
    values = {"letters": to_unicode_host(host), "host": host}
    if not values["letters"]:
        return ""
    if is_confusable(host):
        return (
            _(
                "The host name is displayed as %(letters)s. It contains letters that look like other letters; "
                "the actual host name is %(host)s."
            )
            % values
        )
    return _("The host name is displayed as %(letters)s.") % values


def describe_sightings(case: Case, first_seen: datetime | None) -> str:
    """Describe the number of pages on which a case was seen, and the date of the first sighting if known."""
    if first_seen is None:
        template = ngettext("Seen on one page, date unknown", "Seen on %(n)s pages, date unknown", case.places)
        return template % {"n": grouped(case.places)}
    template = ngettext("Seen on one page since %(day)s", "Seen on %(n)s pages since %(day)s", case.places)
    return template % {
        "n": grouped(case.places),
        "day": formats.date_format(timezone.localtime(first_seen), "DATE_FORMAT"),
    }


def describe_case_for_email(case: Case, first_seen: datetime | None) -> list[str]:
    """Return the lines about a case in an email: certainty, overlap with the work, page and date, false alarm rate."""
    if case.shown is None:
        return [describe_sightings(case, first_seen)]
    match, page = case.shown.match, shorten_url(case.shown.sighting.page_url)
    certainty = _("%(sure)s. %(much)s") % {"sure": describe_certainty(match), "much": describe_overlap(match)}
    return [
        certainty,
        _("%(seen)s: %(where)s") % {"seen": describe_sightings(case, first_seen), "where": page},
        describe_false_alarms(match),
    ]


def describe_overlap(match: Match | Verification) -> str:
    """Describe the fraction of the work that the found picture shows, and whether it is mirrored or rotated."""
    if DERIVED_REASON in match.reasons:
        return _("How much of your picture is preserved: grade %(grade)s of 5.") % {
            "grade": grade_survival_map(match.survival)
        }
    if match.transform is None:
        fingerprints_only = FINGERPRINTS_ONLY in match.reasons
        alignment_message = _("The pictures cannot be aligned.")
        return _("Only fingerprints were compared, not the pictures.") if fingerprints_only else alignment_message
    values = {"share": _format_percent(match.overlap_work)}
    if match.mirrored and match.rotation:
        return _("The found picture shows %(share)s of your picture, mirrored and rotated.") % values
    if match.mirrored:
        return _("The found picture shows %(share)s of your picture, mirrored.") % values
    if match.rotation:
        return _("The found picture shows %(share)s of your picture, rotated.") % values
    return _("The found picture shows %(share)s of your picture.") % values


def describe_certainty(match: Match | Verification) -> str:
    """Describe how likely it is that the found picture is a copy."""
    return str(CERTAINTY_LABELS.get(Decision(match.decision), CERTAINTY_LABELS[Decision.REVIEW]))


def describe_false_alarms(match: Match) -> str:
    """Describe how many unrelated photographs a test reported with this certainty, or state that there was no test."""
    bound = None if match.calibration is None else _load_bound(match.calibration.hex, match.decision)
    if bound is None or match.probability is None:
        return _("The false alarm rate has not been measured.")
    values = {"n": grouped(bound.photographs), "failed": grouped(bound.false_alarms)}
    if not bound.false_alarms:
        return _("In a test, none of %(n)s unrelated photographs was reported with this certainty.") % values
    return _("In a test, %(failed)s of %(n)s unrelated photographs were reported with this certainty.") % values


@lru_cache(maxsize=64)
def _load_bound(calibration: str, decision: str) -> FalseAlarmBound:
    return calibrations.load_calibration(Digest.from_hex(calibration)).get_bound(Decision(decision))


def _format_percent(fraction: float) -> str:
    """Format a fraction (0 to 1) as a percentage, rounded down: 99.6% must not appear as 100%."""
    return f"{min(int(fraction * 100 + 1e-9), 100)}%"


def describe_measurements(match: Match) -> list[str]:
    """Return the measurements of a comparison as sentences, translated from those of the exhibit sheet."""
    return [_(sentence) % values for sentence, values in build_match_templates(match)]


def format_history_event(event: CaseEvent) -> str:
    """Return one line of a case's history. Text written by a member is not translated."""
    return history.join_sentences([history.render_localized(event.said), in_words(event.sentence)])


def describe_prior_decision(case: Case) -> str:
    """Explain that a case was not changed, because a member or the licence ledger had already decided it."""
    template = _("Case %(n)d was not changed: %(who)s had already decided “%(what)s”.")
    return template % {
        "n": case.number,
        "who": decider_in_words(case.decided_by),
        "what": decision_in_words(case.decision),
    }


OBSTACLE_PHRASES = {
    ObstacleReason.NO_PLACE: gettext_lazy("specifies no domain, URL or account"),
    ObstacleReason.DOMAIN: gettext_lazy("applies only to the domain %(value)s"),
    ObstacleReason.PATTERN: gettext_lazy("applies only to URLs that match %(value)s"),
    ObstacleReason.ACCOUNT: gettext_lazy("applies only to the account %(value)s"),
    ObstacleReason.TERRITORY: gettext_lazy(
        "applies only in %(value)s; the top-level domain belongs to another country"
    ),
    ObstacleReason.UNKNOWN_TIME: gettext_lazy(
        "applies only to the period %(value)s; the time of the use is not known precisely enough"
    ),
    ObstacleReason.UNKNOWN_TERRITORY: gettext_lazy(
        "applies only in %(value)s; the top-level domain does not indicate a country"
    ),
    ObstacleReason.NOT_STARTED: gettext_lazy("starts on %(value)s"),
    ObstacleReason.EXPIRED: gettext_lazy("ended on %(value)s"),
}


def describe_obstacle(obstacle: Obstacle | None) -> str:
    """Describe why a licence does not cover a case; empty if it does."""
    return "" if obstacle is None else str(OBSTACLE_PHRASES[obstacle.reason]) % {"value": obstacle.value}


def list_sealed_items(places: int, matches: Sequence[Match], captures: Sequence[Capture]) -> tuple[str, ...]:
    """List the items that are sealed when a member decides that the use is not licensed."""
    picture_count = len({match.registered_id for match in matches} | {match.found_id for match in matches})
    completed_captures = [capture for capture in captures if capture.state == StepState.DONE]
    visit_count = len(completed_captures)
    lines = [
        ngettext("%(n)s unchanged picture file", "%(n)s unchanged picture files", picture_count)
        % {"n": grouped(picture_count)},
        ngettext(
            "%(n)s page, with the times when the picture was seen on it",
            "%(n)s pages, with the times when the picture was seen on them",
            places,
        )
        % {"n": grouped(places)},
        ngettext("%(n)s comparison, with illustrations", "%(n)s comparisons, with illustrations", len(matches))
        % {"n": grouped(len(matches))},
        _("the result of the licence search, this decision with your name and reason, and the record of the work"),
    ]
    if visit_count:
        template = ngettext("server responses from %(n)s capture", "server responses from %(n)s captures", visit_count)
        lines.append(template % {"n": grouped(visit_count)})
    if visit_count < len(captures):
        lines.append(_("Waiting for captures to finish."))
    return tuple(lines)


def decision_in_words(decision: str) -> str:
    """Return a decision as a single word."""
    return str(DECISION_WORDS[CaseDecision(decision)])


def describe_visits(visits: VisitSummary) -> str:
    """Describe the status of a case's visited pages and the date of the last visit."""
    day = formats.date_format(timezone.localtime(visits.at), "DATE_FORMAT")
    if sum(visits.places.values()) == 1:
        (status,) = visits.places
        return _("Visit on %(day)s: %(what)s") % {"day": day, "what": status_in_words(status)}
    counts = [
        ngettext("%(what)s (%(n)s page)", "%(what)s (%(n)s pages)", n)
        % {"what": status_in_words(status_kind), "n": grouped(n)}
        for status_kind in PlaceState
        if (n := visits.places.get(status_kind, 0))
    ]
    return _("Last visit on %(day)s: %(what)s") % {"day": day, "what": _(", ").join(counts)}


def decider_in_words(decider: str) -> str:
    """Return the display name of a decider: a member's name, or the label of an automatic decider."""
    return str(DECIDER_LABELS.get(decider, decider))


def status_in_words(status: str) -> str:
    """Describe the status of a page at its last visit."""
    return str(STATUS_LABELS[PlaceState(status)])


def describe_remarks(reasons: Iterable[str]) -> list[str]:
    """Describe the reasons why a match is uncertain, worded as in documents. Unknown reasons are returned unchanged."""
    phrases = load_phrases(DOCUMENT_LANGUAGES.get(get_language() or "", "en"))
    texts = {reason: phrases.get_label("remark", reason) for reason in reasons}
    full_stop = "." if phrases.language == "en" else "。"
    return [reason if text == reason else f"{text[0].upper()}{text[1:]}{full_stop}" for reason, text in texts.items()]


def describe_further_occurrences(number: int) -> str:
    """Describe the number of further occurrences of the work in the picture; empty if there are none."""
    if not number:
        return ""
    template = ngettext(
        "The picture contains the work one more time.", "The picture contains the work %(n)d more times.", number
    )
    return template % {"n": number}
