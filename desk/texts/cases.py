"""Descriptions of a case in the reader's language: where and since when it was seen, how much of the work, how sure."""

from collections.abc import Iterable, Sequence
from datetime import datetime
from functools import lru_cache

from django.utils import formats, timezone
from django.utils.translation import get_language, gettext as _, gettext_lazy, ngettext, pgettext_lazy

from desk.texts.numbers import grouped
from desk.texts.sentences import in_words
from evidence.documents.phrases import load_phrases
from exhibit.comparison.calibration import Bound
from exhibit.comparison.derived import DERIVED, grade
from exhibit.digests import Digest
from exhibit.network.addresses import in_letters, is_confusable, without_scheme
from exhibit.types import CaseDecision, Decision, Verification
from registry.bundles.documents import DOCUMENT_LANGUAGES
from registry.bundles.facts import match_templates
from registry.bundles.sentences import FINGERPRINTS_ONLY
from registry.cases import history
from registry.cases.decisions import DEMONSTRATION
from registry.cases.licence_check import Gap, Obstacle
from registry.cases.recaptures import Standing, VisitSummary
from registry.cases.record_decision import LEDGER
from registry.matches import calibrations
from registry.models import Capture, Case, CaseEvent, Match, StepState

DECISIONS = {
    CaseDecision.OPEN: pgettext_lazy("decision", "open"),
    CaseDecision.CONFIRMED: pgettext_lazy("decision", "not licensed"),
    CaseDecision.LICENSED: pgettext_lazy("decision", "licensed"),
    CaseDecision.CLEARED: pgettext_lazy("decision", "dismissed"),
}
"""Decisions as a single word."""

DECISION_LABELS = {
    CaseDecision.OPEN: gettext_lazy("Undecided"),
    CaseDecision.CONFIRMED: gettext_lazy("Not licensed"),
    CaseDecision.LICENSED: gettext_lazy("Licensed"),
    CaseDecision.CLEARED: gettext_lazy("Dismissed"),
}
"""Decisions as shown in forms and lists."""

STANDINGS = {
    Standing.ONLINE: gettext_lazy("still online"),
    Standing.NOT_SHOWN: gettext_lazy("file still online but not shown on the page"),
    Standing.CHANGED: gettext_lazy("changed"),
    Standing.REMOVED: gettext_lazy("removed"),
    Standing.UNSEEN: gettext_lazy("could not be visited"),
}
DECIDERS = {LEDGER: gettext_lazy("licence ledger"), DEMONSTRATION: gettext_lazy("demonstration switch")}
"""Labels for deciders that are not persons."""
CERTAINTY_LABELS = {
    Decision.CERTAIN: gettext_lazy("Very likely a copy"),
    Decision.REVIEW: gettext_lazy("Possible match: review needed"),
    Decision.RESEMBLES: gettext_lazy("Related: more similar than coincidence explains, but copying is not established"),
}
MAX_TITLE = 72


def shorten_url(url: str) -> str:
    """Shorten a URL for display: without its scheme and at most ``MAX_TITLE`` characters."""
    path, mark, query = without_scheme(url).partition("?")
    plain = path.rstrip("/") + mark + query
    return plain if len(plain) <= MAX_TITLE else f"{plain[: MAX_TITLE - 1]}…"


def describe_host_letters(host: str) -> str:
    """Describe an ``xn--`` host in readable letters, and warn if it is confusable with another; otherwise empty."""
    values = {"letters": in_letters(host), "host": host}
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


def describe_sightings(case: Case, first: datetime | None) -> str:
    """Describe at how many places a case was seen, and since when if known."""
    if first is None:
        words = ngettext("Seen on one page, date unknown", "Seen on %(n)s pages, date unknown", case.places)
        return words % {"n": grouped(case.places)}
    words = ngettext("Seen on one page since %(day)s", "Seen on %(n)s pages since %(day)s", case.places)
    return words % {"n": grouped(case.places), "day": formats.date_format(timezone.localtime(first), "DATE_FORMAT")}


def mailed(case: Case, first: datetime | None) -> list[str]:
    """Return the lines about a case in an email: certainty, share of the work, place and time, false alarm rate."""
    if case.shown is None:
        return [describe_sightings(case, first)]
    match, place = case.shown.match, shorten_url(case.shown.sighting.page_url)
    certainty = _("%(sure)s. %(much)s") % {"sure": describe_certainty(match), "much": describe_share(match)}
    return [
        certainty,
        _("%(seen)s: %(where)s") % {"seen": describe_sightings(case, first), "where": place},
        describe_false_alarms(match),
    ]


def describe_share(match: Match | Verification) -> str:
    """Describe how much of the work the found image shows, and whether it is mirrored or rotated."""
    if DERIVED in match.reasons:
        return _("Preservation of your picture: grade %(grade)s on a scale from 0 to 5.") % {
            "grade": grade(match.survival)
        }
    if match.transform is None:
        by_prints = FINGERPRINTS_ONLY in match.reasons
        not_aligned = _("The pictures cannot be aligned.")
        return _("Only fingerprints were compared, not the pictures.") if by_prints else not_aligned
    share = {"share": _percent(match.overlap_work)}
    if match.mirrored and match.rotation:
        return _("Shows %(share)s of your picture, mirrored and rotated.") % share
    if match.mirrored:
        return _("Shows %(share)s of your picture, mirrored.") % share
    if match.rotation:
        return _("Shows %(share)s of your picture, rotated.") % share
    return _("Shows %(share)s of your picture.") % share


def describe_certainty(match: Match | Verification) -> str:
    """Describe how likely it is that the image is a copy."""
    return str(CERTAINTY_LABELS.get(Decision(match.decision), CERTAINTY_LABELS[Decision.REVIEW]))


def describe_false_alarms(match: Match) -> str:
    """Describe the measured bound on false alarms, or state that it was not measured."""
    bound = None if match.calibration is None else _bound(match.calibration.hex, match.decision)
    if bound is None or match.probability is None:
        return _("The false alarm rate has not been measured.")
    per = bound.per_million
    if per >= 100:
        return _("At most %(n)s false alarms per 10,000 pictures") % {"n": grouped(-(-per // 100))}
    return _("At most %(n)s false alarms per million pictures") % {"n": per}


@lru_cache(maxsize=64)
def _bound(calibration: str, decision: str) -> Bound:
    return calibrations.load_calibration(Digest.from_hex(calibration)).bound(Decision(decision))


def _percent(share: float) -> str:
    """Format a share as a percentage, rounded down: 99.6% must not appear as 100%."""
    return f"{min(int(share * 100 + 1e-9), 100)}%"


def describe_measurements(match: Match) -> list[str]:
    """Return the measurements of a comparison as sentences, translated from those of the exhibit sheet."""
    return [_(sentence) % values for sentence, values in match_templates(match)]


def history_line(event: CaseEvent) -> str:
    """Return one line of a case's history. Text written by a person is not translated."""
    return history.join_sentences([history.render_localized(event.said), in_words(event.sentence)])


def describe_prior_decision(case: Case) -> str:
    """State that somebody else decided a case first, and how."""
    words = _("Case %(n)d was not changed: %(who)s already decided “%(what)s”.")
    return words % {"n": case.number, "who": who_in_words(case.decided_by), "what": decision_in_words(case.decision)}


GAP_SENTENCES = {
    Gap.NO_PLACE: gettext_lazy("names no domain, URL or account"),
    Gap.DOMAIN: gettext_lazy("applies only to the domain %(value)s"),
    Gap.PATTERN: gettext_lazy("applies only to URLs like %(value)s"),
    Gap.ACCOUNT: gettext_lazy("applies only to the account %(value)s"),
    Gap.TERRITORY: gettext_lazy("applies only in %(value)s; the top-level domain belongs to another country"),
    Gap.UNKNOWN_TIME: gettext_lazy("applies only to %(value)s; the time of the use is not known precisely enough"),
    Gap.UNKNOWN_TERRITORY: gettext_lazy("applies only in %(value)s; the top-level domain does not indicate a country"),
    Gap.NOT_YET: gettext_lazy("starts on %(value)s"),
    Gap.OVER: gettext_lazy("ended on %(value)s"),
}


def describe_obstacle(obstacle: Obstacle | None) -> str:
    """Describe why a licence does not cover a case; empty if it does."""
    return "" if obstacle is None else str(GAP_SENTENCES[obstacle.gap]) % {"value": obstacle.value}


def list_sealed_items(places: int, matches: Sequence[Match], captures: Sequence[Capture]) -> tuple[str, ...]:
    """List what confirming a case seals."""
    pictures = len({match.registered_id for match in matches} | {match.found_id for match in matches})
    done = [capture for capture in captures if capture.state == StepState.DONE]
    visits = len(done)
    lines = [
        ngettext("%(n)s picture, byte for byte", "%(n)s pictures, byte for byte", pictures) % {"n": grouped(pictures)},
        ngettext("%(n)s page with the times when it was seen", "%(n)s pages with the times when they were seen", places)
        % {"n": grouped(places)},
        ngettext("%(n)s comparison with its drawings", "%(n)s comparisons with their drawings", len(matches))
        % {"n": grouped(len(matches))},
        _("the search of your licences, this decision with your name and reason, and the record of the work"),
    ]
    if visits:
        words = ngettext("server responses from %(n)s capture", "server responses from %(n)s captures", visits)
        lines.append(words % {"n": grouped(visits)})
    if visits < len(captures):
        lines.append(_("Waiting for captures in progress."))
    return tuple(lines)


def decision_in_words(decision: str) -> str:
    """Return a decision as a single word."""
    return str(DECISIONS[CaseDecision(decision)])


def describe_visits(visits: VisitSummary) -> str:
    """Describe the state of a case's visited places and the time of the last visit."""
    day = formats.date_format(timezone.localtime(visits.at), "DATE_FORMAT")
    if sum(visits.places.values()) == 1:
        (only,) = visits.places
        return _("Visit on %(day)s: %(what)s") % {"day": day, "what": standing_in_words(only)}
    counts = [
        ngettext("%(what)s (%(n)s page)", "%(what)s (%(n)s pages)", n)
        % {"what": standing_in_words(standing), "n": grouped(n)}
        for standing in Standing
        if (n := visits.places.get(standing, 0))
    ]
    return _("Last visit on %(day)s: %(what)s") % {"day": day, "what": _(", ").join(counts)}


def who_in_words(who: str) -> str:
    """Return the display name of a decider: a person or an automatic one."""
    return str(DECIDERS.get(who, who))


def standing_in_words(standing: str) -> str:
    """Describe the state of a place at its last visit."""
    return str(STANDINGS[Standing(standing)])


def remarks_of(reasons: Iterable[str]) -> list[str]:
    """Return remarks on an uncertain match, worded as in documents; unknown reasons are returned unchanged."""
    phrases = load_phrases(DOCUMENT_LANGUAGES.get(get_language() or "", "en"))
    texts = {reason: phrases.word("remark", reason) for reason in reasons}
    end = "." if phrases.language == "en" else "。"
    return [reason if text == reason else f"{text[0].upper()}{text[1:]}{end}" for reason, text in texts.items()]


def further_in_words(number: int) -> str:
    """State how many more times the work appears in the image; empty if it does not."""
    if not number:
        return ""
    words = ngettext(
        "The picture contains the work one more time.", "The picture contains the work %(n)d more times.", number
    )
    return words % {"n": number}
