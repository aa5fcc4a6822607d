"""What is known of a case in sentences of the reader's language: where, since when, how much of the work, how sure."""

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from urllib.parse import urlsplit

from django.utils import formats, timezone
from django.utils.translation import gettext as _
from django.utils.translation import gettext_lazy, ngettext, pgettext_lazy

from exhibit.calibration import Bound
from exhibit.digests import Digest
from exhibit.types import Decision
from registry import calibrations
from registry.licence_check import Gap, Obstacle
from registry.models import Capture, Case, Match, StepState

DECISIONS = {
    Case.Decision.OPEN: pgettext_lazy("decision", "open"),
    Case.Decision.CONFIRMED: pgettext_lazy("decision", "not licensed"),
    Case.Decision.LICENSED: pgettext_lazy("decision", "licensed"),
    Case.Decision.CLEARED: pgettext_lazy("decision", "cleared"),
}
"""A decision in a word."""

SURE = {
    Decision.CERTAIN: gettext_lazy("Very likely a copy"),
    Decision.REVIEW: gettext_lazy("Perhaps a copy: look closely"),
}
LONGEST = 72


def where(url: str) -> str:
    """An address as people read it: without its scheme, and not endless."""
    parts = urlsplit(url)
    plain = f"{parts.netloc}{parts.path}".rstrip("/") + (f"?{parts.query}" if parts.query else "")
    return plain if len(plain) <= LONGEST else f"{plain[: LONGEST - 1]}…"


def seen(case: Case, first: datetime) -> str:
    """At how many places, and since when."""
    words = ngettext("Seen on one page since %(day)s", "Seen at %(n)d places since %(day)s", case.places)
    return words % {"n": case.places, "day": formats.date_format(timezone.localtime(first), "DATE_FORMAT")}


def how_much(match: Match) -> str:
    """How much of the work the found picture shows, and how it lies."""
    if match.transform is None:
        return _("The pictures can't be laid onto each other.")
    share = {"share": _percent(match.overlap_work)}
    if match.mirrored and match.rotation:
        return _("It shows %(share)s of your picture, mirrored and turned.") % share
    if match.mirrored:
        return _("It shows %(share)s of your picture, mirrored.") % share
    if match.rotation:
        return _("It shows %(share)s of your picture, turned.") % share
    return _("It shows %(share)s of your picture.") % share


def how_sure(match: Match) -> str:
    """How likely it is that the picture is a copy."""
    return str(SURE.get(Decision(match.decision), SURE[Decision.REVIEW]))


def false_alarms(match: Match) -> str:
    """The bound on false alarms that was measured; what isn't measured is said too."""
    bound = None if match.calibration is None else _bound(match.calibration.hex, match.decision)
    if bound is None or match.probability is None:
        return _("How often this is wrong has not been measured.")
    per = bound.per_million
    if per >= 100:
        words = _("At most %(n)s false alarms in 10,000 pictures")
        return words % {"n": formats.number_format(-(-per // 100), force_grouping=True)}
    return _("At most %(n)s false alarms in a million pictures") % {"n": per}


@lru_cache(maxsize=64)
def _bound(calibration: str, decision: str) -> Bound:
    return calibrations.named(Digest.from_hex(calibration)).bound(Decision(decision))


def _percent(share: float) -> str:
    """Never more than there is: 99.6% of a picture isn't all of it."""
    return f"{min(int(share * 100 + 1e-9), 100)}%"


def taken(case: Case) -> str:
    """That somebody else decided a case first, and how."""
    words = _("Case %(n)d stays as it is: %(who)s decided “%(what)s” before you.")
    return words % {"n": case.number, "who": case.decided_by, "what": state_of(case)}


GAPS = {
    Gap.NO_PLACE: gettext_lazy("names no domain, address or account"),
    Gap.DOMAIN: gettext_lazy("is for %(value)s"),
    Gap.PATTERN: gettext_lazy("is for addresses like %(value)s"),
    Gap.ACCOUNT: gettext_lazy("is for the account %(value)s"),
    Gap.TERRITORY: gettext_lazy("is for %(value)s only; the host's ending names another country"),
    Gap.UNKNOWN_TERRITORY: gettext_lazy("is for %(value)s only; the host's ending names no country"),
    Gap.NOT_YET: gettext_lazy("begins on %(value)s"),
    Gap.OVER: gettext_lazy("ended on %(value)s"),
}


def why_not(found: Obstacle | None) -> str:
    """What keeps a licence from covering a case; empty when nothing does."""
    return "" if found is None else str(GAPS[found.gap]) % {"value": found.value}


def what_is_sealed(places: int, matches: Sequence[Match], captures: Sequence[Capture]) -> tuple[str, ...]:
    """What confirming a case seals, line by line."""
    pictures = len({one.registered_id for one in matches} | {one.found_id for one in matches})
    done = [one for one in captures if one.state == StepState.DONE]
    visits = len(done)
    lines = [
        ngettext("%(n)d picture, byte for byte", "%(n)d pictures, byte for byte", pictures) % {"n": pictures},
        ngettext("%(n)d place with its times", "%(n)d places with their times", places) % {"n": places},
        ngettext("%(n)d comparison and its drawings", "%(n)d comparisons and their drawings", len(matches))
        % {"n": len(matches)},
        _("the search of your licences, this decision with your name and reason, and the record of the work"),
    ]
    if visits:
        words = ngettext("what servers sent at %(n)d visit", "what servers sent at %(n)d visits", visits)
        lines.append(words % {"n": visits})
    if visits < len(captures):
        lines.append(_("Visits that are under way are waited for."))
    return tuple(lines)


def state_of(case: Case) -> str:
    """What was decided, in a word."""
    return str(DECISIONS[Case.Decision(case.decision)])
