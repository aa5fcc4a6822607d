"""The steps of a case's evidence: seen, captured, sealed, logged, timestamped. Incomplete steps state the reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.functional import Promise
from django.utils.translation import gettext as _, gettext_lazy, ngettext

from desk.texts.sentences import in_words
from evidence.anchors import KINDS
from evidence.facts.case import WitnessFacts
from exhibit.periods import earliest
from registry.bundles.timestamp_status import TimestampCount
from registry.cases.places import Place
from registry.models import Bundle, Capture, Case, StepState

SUBJECTS: dict[str, Promise] = {
    "manifest": gettext_lazy("for the bundle"),
    "checkpoint": gettext_lazy("for the log checkpoint that covers it"),
}
"""Subjects of a timestamp."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the evidence chain.

    ``words`` explains an incomplete step and what happens next. ``target`` is the section of the page with details.
    """

    name: str
    at: datetime | None
    words: str
    done: bool
    target: str
    development: bool = False


BundleTimestamps = tuple[Bundle, tuple[WitnessFacts, ...], TimestampCount]


def evidence_steps(
    case: Case, places: Sequence[Place], captures: Sequence[Capture], newest: BundleTimestamps | None
) -> list[Step]:
    """Return the steps of a case's evidence in order, based on its newest bundle."""
    first = earliest(place.first_seen for place in places)
    steps = [Step(_("Seen"), first, _("by a crawl of a watch"), bool(places), "places"), _capture_step(captures)]
    if case.owner.sample:
        return [
            *steps[:1],
            Step(
                _("Captured"),
                None,
                _("Sample pages are not visited, and no evidence is sealed for them."),
                done=False,
                target="visits",
            ),
        ]
    if newest is None:
        waits = _("Evidence is sealed after a member decides: not licensed.")
        return [*steps, Step(_("Evidence"), None, waits, done=False, target="decision")]
    bundle, witnesses, _summary = newest
    steps.append(_seal_step(case, bundle))
    if bundle.seal_digest is None:
        return steps
    entry = getattr(bundle.submission, "entry", None)
    number = "" if entry is None else _("entry %(n)d") % {"n": entry.sequence}
    pending = _("The log entry is written within a minute.")
    steps.append(Step(_("Logged"), None, number or pending, done=entry is not None, target="bundles"))
    if not witnesses:
        alone = _("No timestamp service is configured. Only this installation's own log records the time.")
        return [*steps, Step(_("Timestamped"), None, alone, done=False, target="bundles")]
    return steps + [_timestamp_step(service) for service in _unique_services(witnesses)]


def timestamp_service_name(service: WitnessFacts) -> str:
    """Return a timestamp service's display name. For OpenTimestamps, the chain is better known than its calendars."""
    return (not service.development and KINDS[service.kind].public_name) or service.name


def witness_kind(kind: str) -> str:
    """Describe a kind of timestamp service."""
    return _(KINDS[kind].words)


def witness_subject(subject: str) -> str:
    """Describe the subject of a timestamp."""
    return str(SUBJECTS.get(subject, subject))


def _capture_step(captures: Sequence[Capture]) -> Step:
    ended = [capture for capture in captures if capture.finished_at is not None and capture.state == StepState.DONE]
    if not captures:
        return Step(
            _("Captured"),
            None,
            _("The pages are visited after a member decides: not licensed."),
            done=False,
            target="visits",
        )
    if not ended:
        return Step(_("Captured"), None, _("A visit is in progress."), done=False, target="visits")
    count = ngettext("%(n)d visit", "%(n)d visits", len(ended)) % {"n": len(ended)}
    return Step(_("Captured"), ended[0].finished_at, count, done=True, target="visits")


def _seal_step(case: Case, bundle: Bundle) -> Step:
    name = _("Sealed")
    if bundle.seal_digest is not None:
        words = _("bundle %(n)d") % {"n": bundle.number}
        return Step(name, bundle.sealed_at, words, done=True, target="bundles")
    if bundle.state == StepState.FAILED:
        words = _("Not sealed.") + " " + in_words(bundle.error)
    elif case.decision == Case.Decision.CONFIRMED:
        words = _(
            "Waiting to be sealed: the visits and the log entry have to finish, and the time to undo the "
            "decision has to end."
        )
    else:
        words = _("Evidence is sealed after a member decides: not licensed.")
    return Step(name, None, words, done=False, target="bundles")


def _unique_services(witnesses: Sequence[WitnessFacts]) -> list[WitnessFacts]:
    """Return each timestamp service once, with its earliest complete timestamp or a pending one."""
    best: dict[tuple[str, str], WitnessFacts] = {}
    for witness in witnesses:
        best_known = best.get((witness.kind, witness.name))
        if best_known is None or (
            witness.time is not None and (best_known.time is None or witness.time < best_known.time)
        ):
            best[witness.kind, witness.name] = witness
    return list(best.values())


def _timestamp_step(service: WitnessFacts) -> Step:
    name = _("Timestamped by %(name)s") % {"name": timestamp_service_name(service)}
    if service.time is not None:
        words, done = _("existed no later than this"), True
    elif KINDS[service.kind].usual > timedelta(hours=1):
        words, done = (
            _("The response takes some hours and is expected within a day. Exhibit requests it automatically."),
            False,
        )
    else:
        words, done = _("No complete response yet. Exhibit will send the request again."), False
    return Step(name, service.time, words, done, "bundles", service.development)
