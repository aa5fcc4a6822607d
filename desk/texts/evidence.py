"""Steps of a case's evidence: seen, captured, sealed, logged, timestamped. Incomplete steps state the reason."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils.functional import Promise
from django.utils.translation import gettext as _, gettext_lazy, ngettext

from desk.texts.sentences import in_words
from evidence.anchors import KINDS
from evidence.facts.case import TimestampFacts
from exhibit.periods import get_earliest_time
from registry.bundles.timestamp_status import TimestampCount
from registry.cases.places import Place
from registry.models import Bundle, Capture, Case, StepState

SUBJECT_LABELS: dict[str, Promise] = {
    "manifest": gettext_lazy("for the bundle"),
    "checkpoint": gettext_lazy("for the log checkpoint that covers the bundle"),
}
"""Subjects of a timestamp."""


@dataclass(frozen=True, slots=True)
class Step:
    """One step of the evidence chain.

    ``explanation`` describes a complete step, or states why a step is incomplete and what happens next. ``target`` is
    the section of the page with details.
    """

    name: str
    at: datetime | None
    explanation: str
    done: bool
    target: str
    development: bool = False


BundleTimestamps = tuple[Bundle, tuple[TimestampFacts, ...], TimestampCount]


def build_evidence_steps(
    case: Case, places: Sequence[Place], captures: Sequence[Capture], newest_bundle: BundleTimestamps | None
) -> list[Step]:
    """Return the steps of a case's evidence in order, based on the newest bundle."""
    first_seen = get_earliest_time(place.first_seen for place in places)
    steps = [
        Step(_("Seen"), first_seen, _("during a run of a watch"), bool(places), "places"),
        _build_capture_step(captures),
    ]
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
    if newest_bundle is None:
        decision_note = _("Evidence is sealed after a member decides that the use is not licensed.")
        return [*steps, Step(_("Evidence"), None, decision_note, done=False, target="decision")]
    bundle, receipts, _summary = newest_bundle
    steps.append(_build_seal_step(case, bundle))
    if bundle.seal_digest is None:
        return steps
    entry = getattr(bundle.submission, "entry", None)
    entry_text = "" if entry is None else _("entry %(n)d") % {"n": entry.sequence}
    pending_note = _("The log entry will be written within a minute.")
    steps.append(Step(_("Logged"), None, entry_text or pending_note, done=entry is not None, target="bundles"))
    if not receipts:
        own_log_note = _("No timestamp service is configured. Only this installation's own log records the time.")
        return [*steps, Step(_("Timestamped"), None, own_log_note, done=False, target="bundles")]
    return steps + [_build_timestamp_step(service) for service in _deduplicate_services(receipts)]


def get_service_name(service: TimestampFacts) -> str:
    """Return a timestamp service's display name. OpenTimestamps is shown as its blockchain, not as its calendars."""
    return (not service.development and KINDS[service.kind].public_name) or service.name


def service_kind(kind: str) -> str:
    """Return the name of a type of timestamp service."""
    return _(KINDS[kind].description)


def timestamp_subject(subject: str) -> str:
    """Describe the object that a timestamp covers."""
    return str(SUBJECT_LABELS.get(subject, subject))


def _build_capture_step(captures: Sequence[Capture]) -> Step:
    completed_captures = [
        capture for capture in captures if capture.finished_at is not None and capture.state == StepState.DONE
    ]
    if not captures:
        return Step(
            _("Captured"),
            None,
            _("The pages are visited after a member decides that the use is not licensed."),
            done=False,
            target="visits",
        )
    if not completed_captures:
        return Step(_("Captured"), None, _("A visit is in progress."), done=False, target="visits")
    count_text = ngettext("%(n)d visit", "%(n)d visits", len(completed_captures)) % {"n": len(completed_captures)}
    return Step(_("Captured"), completed_captures[0].finished_at, count_text, done=True, target="visits")


def _build_seal_step(case: Case, bundle: Bundle) -> Step:
    name = _("Sealed")
    if bundle.seal_digest is not None:
        text = _("bundle %(n)d") % {"n": bundle.number}
        return Step(name, bundle.sealed_at, text, done=True, target="bundles")
    if bundle.state == StepState.FAILED:
        text = _("Not sealed.") + " " + in_words(bundle.error)
    elif case.decision == Case.Decision.CONFIRMED:
        text = _(
            "Waiting to be sealed: the visits and the log entry must be complete, and the undo period must have ended."
        )
    else:
        text = _("Evidence is sealed after a member decides that the use is not licensed.")
    return Step(name, None, text, done=False, target="bundles")


def _deduplicate_services(receipts: Sequence[TimestampFacts]) -> list[TimestampFacts]:
    """Return one receipt per timestamp service: the earliest complete one, otherwise a pending one."""
    receipt_by_service: dict[tuple[str, str], TimestampFacts] = {}
    for receipt in receipts:
        best_receipt = receipt_by_service.get((receipt.kind, receipt.name))
        if best_receipt is None or (
            receipt.time is not None and (best_receipt.time is None or receipt.time < best_receipt.time)
        ):
            receipt_by_service[receipt.kind, receipt.name] = receipt
    return list(receipt_by_service.values())


def _build_timestamp_step(service: TimestampFacts) -> Step:
    name = _("Timestamped by %(name)s") % {"name": get_service_name(service)}
    if service.time is not None:
        text, is_done = _("The bundle existed no later than this time."), True
    elif KINDS[service.kind].usual_response_time > timedelta(hours=1):
        text, is_done = (
            _("The timestamp takes a few hours and is expected within a day. Exhibit requests it again automatically."),
            False,
        )
    else:
        text, is_done = _("No complete response yet. Exhibit will send the request again."), False
    return Step(name, service.time, text, is_done, "bundles", service.development)
