"""A case's history: each line keeps phrases with their values, and a person's own words, to be said in any language."""

from collections.abc import Iterable, Mapping

from django.utils.translation import gettext
from django.utils.translation import gettext_noop as _

from exhibit.clock import now
from registry.models import Case, CaseEvent

PHRASES: Mapping[str, str] = {
    "opened": _("Opened: %(party)s shows what may be a copy of work %(work)s."),
    "open": _("Open."),
    "confirmed": _("Not licensed."),
    "confirmed-demonstration": _("Not licensed (by the switch meant for demonstrations)."),
    "licensed": _("Licensed."),
    "cleared": _("Cleared."),
    "covered": _("Covered by licence %(numbers)s."),
    "by-licence": _("Licence %(number)s."),
    "licence-added": _("Licence %(numbers)s was added."),
    "licence-changed": _("Licence %(numbers)s was changed."),
    "licence-ended": _("Licence %(numbers)s was ended."),
    "stays": _("The decision stays as a person made it."),
    "uncovered": _("A sighting came that no licence covers."),
    "after-licence": _("A sighting came after the time of the licence that a person had named."),
    "undone": _("Undone."),
    "grown": _("Something new was seen since the decision."),
    "disputed": _("Disputed."),
    "settled": _("The decision stands."),
    "taken-out": _("Taken out of the look-alikes."),
    "reported": _("The found picture was reported as illegal."),
    "stays-shown": _("The operator found that the reported picture may stay."),
    "sealed": _("Bundle %(number)s was sealed."),
    "countersigned": _("Bundle %(number)s was counter-signed: %(name)s."),
    "again-online": _("Visited again, still online:"),
    "again-hidden": _("Visited again, the file is still there, the page doesn't show it:"),
    "again-changed": _("Visited again, changed:"),
    "again-unseen": _("Visited again, not seen:"),
    "again-removed": _("Visited again, removed:"),
    "notice-signed": _("Notice %(number)s signed."),
    "notice-sent": _("Notice %(number)s sent."),
    "notice-answered": _("Notice %(number)s: answered."),
    "notice-countered": _("Notice %(number)s: a counter-notice came; the case is paused."),
    "notice-removed": _("Notice %(number)s: removed, a person says."),
    "notice-online": _("Notice %(number)s: still online, a person says."),
    "notice-resolved": _("Notice %(number)s: resolved."),
}
"""What can happen, by the name that rows keep: a name stays, its words may change."""

Said = tuple[str, Mapping[str, object]]
"""The name of a phrase, and its values."""

_FULL_WIDTH = tuple("。，：；！？）”")


def record(case: Case, kind: str, actor: str, *said: Said, words: str = "") -> None:
    """Add a line to a case's history.

    Args:
        case: which.
        kind: what kind of line.
        actor: who did it; empty for the installation itself.
        said: phrases.
        words: what a person wrote, or what was observed in words.
    """
    kept = [[name, dict(values)] for name, values in said]
    CaseEvent.objects.create(case=case, at=now(), kind=kind, actor=actor, said=kept, sentence=words)


def in_words(said: Iterable[Said]) -> str:
    """Phrases in the language of the moment."""
    return joined(gettext(PHRASES[name]) % values for name, values in said)


def in_english(said: Iterable[Said], words: str = "") -> str:
    """Phrases, and a person's words behind them, for the record."""
    return joined([*(PHRASES[name] % values for name, values in said), words])


def joined(sentences: Iterable[str]) -> str:
    """Sentences one after the other: with a space between them, unless the punctuation has its own."""
    text = ""
    for one in filter(None, sentences):
        text += one if not text or text.endswith(_FULL_WIDTH) else f" {one}"
    return text
