"""A note on personal data in a bundle.

Which data may be in it, what two laws require, and what a person must decide.
"""

from evidence.documents.papers.layout import SealedFacts, blanks, running, signing_section
from evidence.documents.phrases.wording import Wording
from evidence.documents.typeset.blocks import Bullets, Section


def privacy_note(case: SealedFacts, wording: Wording) -> tuple[Section, ...]:
    """Return the note; the balancing of interests and every decision are left blank."""
    say = wording.say
    places = sum(bool(sighting.context) for sighting in case.facts.sightings)
    further = (say(f"privacy.{key}") for key in ("addresses", "servers", "people", "members", "redact"))
    may_be = (say("privacy.words", n=places), *further)
    balance = (blanks(wording, name, lines=2) for name in ("purpose", "necessity", "interests", "outcome"))
    return (
        Section(say("privacy.what"), (Bullets(may_be),), running=running(case, wording)),
        Section(say("privacy.gdpr"), (wording.bullets("privacy", ("gdpr_basis", "gdpr_claims")),)),
        Section(say("privacy.pipl"), (wording.bullets("privacy", ("pipl_basis", "pipl_export")),)),
        Section(say("privacy.decide"), (*balance, blanks(wording, "export", "redacted"))),
        signing_section("privacy", wording),
    )
