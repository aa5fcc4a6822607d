"""The history of a case.

Each line stores phrase names with their values and a person's own words, so that it can be shown in any language.
"""

from collections.abc import Iterable, Mapping

from django.utils.translation import pgettext

from exhibit.clock import now
from exhibit.sentences import CONTEXT, Sentence, following
from registry.cases.models import Case, CaseEvent

PHRASES: Mapping[str, str] = {
    "opened": Sentence("Opened: %(party)s shows what may be a copy of work %(work)s."),
    "resembles": Sentence("%(party)s shows what resembles work %(work)s beyond chance."),
    "open": Sentence("Open."),
    "confirmed": Sentence("Not licensed."),
    "confirmed-demonstration": Sentence("Not licensed (by the switch meant for demonstrations)."),
    "licensed": Sentence("Licensed."),
    "cleared": Sentence("Cleared."),
    "covered": Sentence("Covered by licence %(numbers)s."),
    "by-licence": Sentence("Licence %(number)s."),
    "licence-added": Sentence("Licence %(numbers)s was added."),
    "licence-changed": Sentence("Licence %(numbers)s was changed."),
    "licence-ended": Sentence("Licence %(numbers)s was ended."),
    "stays": Sentence("The decision stays as a person made it."),
    "uncovered": Sentence("A sighting came that no licence covers."),
    "after-licence": Sentence("A sighting came after the time of the licence that a person had named."),
    "undone": Sentence("Undone."),
    "grown": Sentence("Something new was seen since the decision."),
    "disputed": Sentence("Disputed."),
    "settled": Sentence("The decision stands."),
    "taken-out": Sentence("Taken out of the look-alikes."),
    "made-a-case": Sentence("Made a case: a person wants it looked at."),
    "assigned": Sentence("Assigned to %(who)s."),
    "unassigned": Sentence("Assigned to nobody any more."),
    "released": Sentence("%(who)s is no member any more; the case is nobody's."),
    "agency-asked": Sentence(
        "%(agency)s is asked whether it sold a licence; no notice goes out until it has answered."
    ),
    "agency-answered": Sentence("%(agency)s has answered:"),
    "agency-spared": Sentence("No answer of %(agency)s is awaited any more."),
    "reported": Sentence("The found picture was reported as illegal."),
    "stays-shown": Sentence("The operator found that the reported picture may stay."),
    "sealed": Sentence("Bundle %(number)s was sealed."),
    "countersigned": Sentence("Bundle %(number)s was counter-signed: %(name)s."),
    "again-online": Sentence("Visited again, still online:"),
    "again-hidden": Sentence("Visited again, the file is still there, the page doesn't show it:"),
    "again-changed": Sentence("Visited again, changed:"),
    "again-unseen": Sentence("Visited again, not seen:"),
    "again-removed": Sentence("Visited again, removed:"),
    "archive-asked": Sentence("Asked since when it has captures of these pages and pictures: %(archive)s."),
    "archive-answered": Sentence("It answered: %(archive)s."),
    "claim-answered": Sentence("A point of the claim check was answered:"),
    "notice-signed": Sentence("Notice %(number)s signed."),
    "notice-sent": Sentence("Notice %(number)s sent."),
    "notice-answered": Sentence("Notice %(number)s: answered."),
    "notice-countered": Sentence("Notice %(number)s: a counter-notice came; the case is paused."),
    "notice-removed": Sentence("Notice %(number)s: removed, a person says."),
    "notice-online": Sentence("Notice %(number)s: still online, a person says."),
    "notice-reply": Sentence("Notice %(number)s: an answer came on its page; it rests until a member has looked."),
    "notice-reply-back": Sentence("Notice %(number)s: an answer on its page was taken back before it was read."),
    "notice-said-removed": Sentence(
        "Notice %(number)s: somebody with the letter says that it was taken down; the places are visited again."
    ),
    "notice-resolved": Sentence("Notice %(number)s: resolved."),
}
"""Phrases by the name that rows store: names are stable, wording may change."""

Said = tuple[str, Mapping[str, object]]
"""The name of a phrase, and its values."""

_FULL_WIDTH = tuple("。，：；！？）”")


def record(case: Case, kind: str, actor: str, *said: Said, words: str = "") -> None:
    """Add a line to a case's history: phrases, then a person's words. ``actor`` is empty for Exhibit itself."""
    phrases = [[name, dict(values)] for name, values in said]
    CaseEvent.objects.create(case=case, at=now(), kind=kind, actor=actor, said=phrases, sentence=words)


def in_words(said: Iterable[Said]) -> str:
    """Return phrases in the active language."""
    return joined(pgettext(CONTEXT, PHRASES[name]) % values for name, values in said)


def in_english(said: Iterable[Said], words: str = "") -> str:
    """Return phrases in English, followed by a person's words, for the record."""
    return following(*(Sentence(PHRASES[name], **values) for name, values in said), words)


def joined(sentences: Iterable[str]) -> str:
    """Join sentences with spaces, except after full-width punctuation."""
    text = ""
    for sentence in filter(None, sentences):
        text += sentence if not text or text.endswith(_FULL_WIDTH) else f" {sentence}"
    return text
