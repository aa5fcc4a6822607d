"""The history of a case.

Each line stores phrase names with their values, and free text by a member, so that it can be shown in any language.
"""

from collections.abc import Iterable, Mapping

from django.utils.translation import pgettext

from exhibit.clock import now
from exhibit.sentences import CONTEXT, Sentence, concatenate_sentences
from registry.cases.models import Case, CaseEvent

PHRASES: Mapping[str, str] = {
    "opened": Sentence("Case opened: %(party)s shows a possible copy of work %(work)s."),
    "related": Sentence(
        "Case opened: %(party)s shows a picture related to work %(work)s, which means that it is more "
        "similar than coincidence explains."
    ),
    "open": Sentence("Case reopened."),
    "confirmed": Sentence("Not licensed."),
    "confirmed-demonstration": Sentence("Not licensed (set by the demonstration switch)."),
    "licensed": Sentence("Licensed."),
    "dismissed": Sentence("Dismissed."),
    "covered": Sentence("Covered by licence %(numbers)s."),
    "by-licence": Sentence("Licence %(number)s."),
    "licence-added": Sentence("Licence added: %(numbers)s."),
    "licence-changed": Sentence("Licence changed: %(numbers)s."),
    "licence-ended": Sentence("Licence ended: %(numbers)s."),
    "stays": Sentence("The decision was made by a member and remains unchanged."),
    "uncovered": Sentence("A new sighting is not covered by any licence."),
    "after-licence": Sentence("A new sighting is later than the end of the licence that a member assigned."),
    "undone": Sentence("Decision undone."),
    "grown": Sentence("New sightings were recorded after the decision."),
    "disputed": Sentence("Disputed."),
    "settled": Sentence("Decision upheld."),
    "taken-out": Sentence("Removed from the look-alikes."),
    "made-a-case": Sentence("Opened as a case because a member requested a review."),
    "assigned": Sentence("Assigned to %(who)s."),
    "unassigned": Sentence("No longer assigned to anyone."),
    "released": Sentence("%(who)s is no longer a member. The case is not assigned to anyone."),
    "agency-asked": Sentence("%(agency)s was asked whether it sold a licence. No notice is sent until it replies."),
    "agency-answered": Sentence("%(agency)s replied:"),
    "agency-spared": Sentence("No longer waiting for a reply from %(agency)s."),
    "reported": Sentence("The found picture was reported as illegal."),
    "stays-shown": Sentence("The operator decided that the reported picture may stay."),
    "sealed": Sentence("Bundle %(number)s was sealed."),
    "countersigned": Sentence("Bundle %(number)s was countersigned with the key “%(name)s”."),
    "again-online": Sentence("Page revisited, picture still online:"),
    "again-hidden": Sentence("Page revisited, picture file still online, but not shown on the page:"),
    "again-changed": Sentence("Page revisited, content changed:"),
    "again-unseen": Sentence("Page revisited, picture not seen:"),
    "again-removed": Sentence("Page revisited, picture removed:"),
    "archive-queried": Sentence(
        "Web archive queried for the earliest copies of these pages and pictures: %(archive)s."
    ),
    "archive-answered": Sentence("Response received from the web archive: %(archive)s."),
    "claim-answered": Sentence("A point of the claim check was answered:"),
    "notice-signed": Sentence("Notice %(number)s was signed."),
    "notice-sent": Sentence("Notice %(number)s was sent."),
    "notice-answered": Sentence("Notice %(number)s: reply received."),
    "notice-countered": Sentence("Notice %(number)s: counter-notice received; the case is paused."),
    "notice-removed": Sentence("Notice %(number)s: material removed, according to a member."),
    "notice-online": Sentence("Notice %(number)s: material still online, according to a member."),
    "notice-reply": Sentence(
        "Notice %(number)s: a reply was received on the reply page. Until a member marks it as read, "
        "Exhibit sends no reminders about the notice and blocks further notices about its cases. Legal "
        "deadlines are not suspended."
    ),
    "notice-reply-back": Sentence("Notice %(number)s: a reply on the reply page was withdrawn before it was read."),
    "notice-said-removed": Sentence(
        "Notice %(number)s: according to a reply on the reply page, the material was taken down; the "
        "pages are being revisited."
    ),
    "notice-resolved": Sentence("Notice %(number)s: resolved."),
}
"""Phrases by name. Rows store the names, so names must not change; the wording may change."""

HistoryPhrase = tuple[str, Mapping[str, object]]
"""The name of a phrase, and its values."""

_FULL_WIDTH = tuple("。，：；！？）”")


def record_event(case: Case, kind: str, actor: str, *entries: HistoryPhrase, text: str = "") -> None:
    """Add a line to a case's history: phrases, then free text by a member. ``actor`` is empty for Exhibit itself."""
    phrases = [[name, dict(values)] for name, values in entries]
    CaseEvent.objects.create(case=case, at=now(), kind=kind, actor=actor, said=phrases, sentence=text)


def render_localized(phrases: Iterable[HistoryPhrase]) -> str:
    """Format phrases in the active language."""
    return join_sentences(pgettext(CONTEXT, PHRASES[name]) % values for name, values in phrases)


def render_english(phrases: Iterable[HistoryPhrase], text: str = "") -> str:
    """Format phrases in English, followed by free text, for the log and for documents."""
    return concatenate_sentences(*(Sentence(PHRASES[name], **values) for name, values in phrases), text)


def join_sentences(sentences: Iterable[str]) -> str:
    """Join sentences with spaces, except after full-width punctuation."""
    text = ""
    for sentence in filter(None, sentences):
        text += sentence if not text or text.endswith(_FULL_WIDTH) else f" {sentence}"
    return text
