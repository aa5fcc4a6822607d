"""The first lines of a verdict: what was decided, about whom, where, how alike the pictures are; each with its word.

Whose word a line is says the table of :mod:`evidence.facts.backing`, and how its check ended.
"""

from collections.abc import Iterator, Sequence

from evidence.facts.backing import BACKINGS, WORDS, Standing
from evidence.facts.case import CaseFacts
from evidence.facts.shipped import CALIBRATIONS, ships
from evidence.verdict.result import Check, Line, State, second, worst
from exhibit.network.addresses import host_of, is_confusable, with_letters

MAX_HOSTS = 5
FOUND, NOT_FOUND = "found the picture again", "didn't show the picture"
"""What visits came to."""


def case_lines(facts: CaseFacts | None, checks: Sequence[Check]) -> tuple[Line, ...]:
    """The lines of a case; none of the record of a work, or where the facts can't be read."""
    if facts is None or not (facts.sightings or facts.matches):
        return ()
    return tuple(_lines(facts, checks))


def _lines(facts: CaseFacts, checks: Sequence[Check]) -> Iterator[Line]:
    decision, said = facts.decision, "decision"
    at = f", {second(decision.at)}" if decision.at is not None else ""
    by = "by a switch for demonstrations" if decision.demonstration else f"by {decision.by[:80]!r}"
    value = f"{decision.decision[:40]} {by}{at}" if decision.at is not None else decision.decision[:40]
    yield _line(said, value, "decision.decision", checks, "decision")
    yield _line("party", _readable(facts.party.name[:120]), "party.name", checks)
    hosts = sorted({_readable(host_of(sighting.page_url)) or "none" for sighting in facts.sightings})
    more = f" and {len(hosts) - MAX_HOSTS} more" if len(hosts) > MAX_HOSTS else ""
    yield _line("host", ", ".join(hosts[:MAX_HOSTS])[:300] + more, "sightings[].page_url", checks)
    figures = [check.similarity for check in checks if check.similarity is not None]
    low, high = (min(figures), max(figures)) if figures else (0.0, 0.0)
    alike = f"{low:.3f}" if low == high else f"{low:.3f} to {high:.3f}"
    stated = sorted({f"{match.verification.dense:.3f}" for match in facts.matches})
    value = f"{alike}, computed here" if figures else f"{', '.join(stated[:3]) or 'none'}, not computed here"
    yield _line("similarity", value, "matches[].verification.dense", checks)
    for check in checks:
        if check.name == "captures":
            found = "; ".join((FOUND if check.state is State.PASSED else NOT_FOUND, *check.remarks))
            yield Line(
                "capture", found, _told(BACKINGS["sightings[].captures[].outcome"].standing, "captures", [check])
            )
    for check in checks:
        if check.name.startswith("document:") and check.state is not State.PASSED:
            yield Line(check.name, check.sentence, "what it shows is the owner's word")
    for calibration in facts.calibrations:
        if not ships(calibration.digest, CALIBRATIONS):
            value = f"{calibration.name[:60]}: {calibration.certain.photographs} photographs"
            yield Line("calibration", value, "recorded by the installation; it doesn't come with this software")


def _readable(host: str) -> str:
    """A host with its letters beside it, and a warning where these may be taken for others."""
    return with_letters(host) + (", in letters that look like others" if is_confusable(host) else "")


def _line(of: str, value: str, path: str, checks: Sequence[Check], check: str = "") -> Line:
    backing = BACKINGS[path]
    name = check or backing.check
    return Line(of, value, _told(backing.standing, name, [one for one in checks if _is_of(one, name)]))


def _is_of(check: Check, name: str) -> bool:
    return check.name.partition(":")[0] == name


def _told(standing: Standing, name: str, made: Sequence[Check]) -> str:
    """Whose word a line is, and how its check ended."""
    state = worst(check.state for check in made) if made else None
    if standing is Standing.CHECKED and state is State.PASSED:
        return f"checked by {name}"
    ended = {State.PASSED: f"{name} agrees", State.FAILED: f"{name} fails", State.NOT_CHECKED: f"{name} isn't checked"}
    return f"{WORDS[standing]}; {ended[state]}" if state is not None else WORDS[standing]
