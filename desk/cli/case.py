"""Found uses, what was decided and said about them, and draft papers."""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from desk.cli.common.files import read_picture
from desk.cli.common.frame import DECISIONS, Desk, ask, examples, open_desk, person
from desk.cli.common.options import (
    AT_LEAST_1,
    FILE,
    TO_WRITE,
    json_option,
    owner_option,
    reason_option,
    why_option,
    yes_option,
)
from desk.cli.common.show import counted, fields, listed, moment, note, only_json, say, short, table
from desk.cli.common.wait import end_where_unsealed, wait_for_seals
from exhibit.digests import Digest
from exhibit.types import Untyped

if TYPE_CHECKING:
    from desk.schemas import cases as schemas
    from registry import models
    from registry.cases import decisions

WHO = "Who decides, as the record names it; your login by default."
case_command = click.Group(
    "case", help="Cases: each is one work shown by one party, with all places where it was seen."
)


@case_command.command(
    "list",
    epilog=examples(
        "exhibit case list",
        "exhibit case list --decision open --json",
        "exhibit case list --match shop.example/prints",
    ),
)
@owner_option
@click.option("--decision", type=click.Choice(DECISIONS), help="Only those decided so.")
@click.option(
    "--match", "words", default="", metavar="WORDS", help="In party, title or URL of a page or image; or the number."
)
@json_option
def list_cases(*, named: str | None, decision: str | None, words: str, as_json: bool) -> None:
    """List the cases."""
    owner = open_desk().owner(named)
    from desk.schemas import cases as schemas
    from registry import scoped
    from registry.cases import search

    rows = scoped.cases(owner)
    chosen = rows if decision is None else rows.filter(decision=decision)
    if words.strip():
        chosen = chosen.filter(search.filter_by_words(owner, words.strip()))
    found = schemas.Case.from_rows(schemas.with_uses(chosen))
    columns = ("case", "work", "party", "match", "places", "decision", "bundles")
    hint = "exhibit case list shows all." if rows.exists() else "Run a watch: exhibit watch run NAME --wait"
    which = f"case{'' if decision is None else f' that is {decision}'}{f' matching {words!r}' if words else ''}"
    nothing = f"There is no {which}. {hint}"
    listed("cases", found, columns, _line, nothing=nothing, as_json=as_json)
    if not as_json:
        _tell_missed(owner)


def _tell_missed(of: "models.Owner") -> None:
    """That a watch missed a known copy, so that nobody takes silence for the absence of copies."""
    from registry.crawls import canaries

    for crawl, result in canaries.missed_lately(of):
        why = f" ({result.reason})" if result.reason else ""
        canary = f"number {result.canary.number}, {result.canary.url}"
        note(f"The watch {crawl.watch.name} missed a known copy in its last run{why}: {canary}.")


def _line(case: "schemas.Case") -> list[object]:
    from desk.texts import cases

    matches = {use.match for use in case.uses if use.licence is None} or {use.match for use in case.uses}
    match = "certain" if "certain" in matches else ", ".join(sorted(matches))
    sealed = sum(bundle.seal is not None for bundle in case.bundles)
    title, decided = short(f"{case.work.number}: {case.work.title}", 40), cases.decision_in_words(case.decision)
    return [case.number, title, case.party or "(files)", match, case.places, decided, sealed]


@case_command.command("show", epilog=examples("exhibit case show 3"))
@click.argument("number", type=AT_LEAST_1)
@owner_option
@json_option
def show_case(*, number: int, named: str | None, as_json: bool) -> None:
    """Show case NUMBER: where the work was seen, how alike it is, what was captured, and its history."""
    desk = open_desk()
    owner = desk.owner(named)
    from desk.schemas import cases as schemas
    from desk.texts import cases
    from registry import scoped
    from registry.log import audit_log

    row = scoped.case(owner, number)
    audit_log.accessed(audit_log.Evidence.CASE, audit_log.Way.SEEN, owner, by=person(), case=number)
    one = schemas.FullCase.from_row(row)
    only_json(one, asked=as_json)
    said = cases.decision_in_words(row.decision)
    decided = f"{said}, by {row.decided_by}" if row.decided_by else said
    fields(
        ("case", str(row.number)),
        ("work", f"{row.work.number}: {row.work.title}"),
        ("party", row.party),
        ("opened", moment(row.opened_at, desk.zone)),
        ("decision", decided + (" (a switch for demonstrations)" if row.demonstration else "")),
        ("reason", row.reason),
        ("disputed", "" if row.disputed_at is None else f"since {moment(row.disputed_at, desk.zone)}"),
        ("last visits", row.standing),
    )
    for use in one.uses:
        _show_use(desk, use)
    for other in one.elsewhere:
        click.echo()
        stated = other.stated or f"none, when it was asked: {moment(other.learnt, desk.zone)}"
        fields(
            ("stated by others", " ".join(filter(None, (other.kind, other.by)))),
            ("of the", f"{other.of}, {stated}"),
            ("look it up", other.where),
        )
    if one.also_shown:
        click.echo()
        also = (f"work {other.number}, {other.title} ({other.decision})" for other in one.also_shown)
        fields(*(("also shown", words) for words in also))
    for point in one.claims[0].points:
        click.echo()
        fields(
            ("may speak against it", point.sentence),
            *(("found on", f"{found.page}: {found.words}" if found.words else found.page) for found in point.evidence),
            (
                "answer",
                f"{point.answer.by}: {point.answer.words}" if point.answer else "none yet; answer it on the site",
            ),
        )
    _show_evidence(desk, one)


def _show_use(desk: Desk, use: "schemas.Use") -> None:
    from indexer.compare import wording

    click.echo()
    alike = f"{use.match}: {use.dense:.0%} of the textured blocks agree, {counted(use.inliers, 'point')}"
    if use.by_fingerprints:
        alike = f"{use.match}: by fingerprints alone. Compare your picture: exhibit case look --picture FILE"
    seen = [moment(when, desk.zone) for when in (use.first_seen, use.last_seen) if when]
    fields(
        ("page", use.page_url),
        ("image", use.image_url),
        ("file", BREAKS_OFF if use.incomplete else ""),
        ("seen", " – ".join(dict.fromkeys(seen)) or use.period or "not known when"),
        ("match", alike),
        *(("odds", words) for words in wording.odds_in_words(use.related, use.exposure)),
        ("false alarms", _false_alarms(use)),
        ("licence", "" if use.licence is None else str(use.licence)),
    )


BREAKS_OFF = "It breaks off or is damaged: compared was what there is of it."


def _false_alarms(use: "schemas.Use") -> str:
    of = use.calibration
    if use.probability is None or of is None:
        return "how often this is wrong has not been measured"
    bound = f"at most {of.false_alarms_in_a_million_at_most:,} in a million pictures, with 95% confidence"
    return f"{bound} (calibration {of.name}, from {of.photographs:,} photographs)"


def _show_evidence(desk: Desk, one: "schemas.FullCase") -> None:
    for bundle in one.bundles:
        answered = [f"{receipt.witness} {receipt.state}" for receipt in bundle.receipts]
        told = f"sealed {moment(bundle.sealed_at, desk.zone)}" if bundle.seal else bundle.state
        click.echo()
        fields((f"bundle {bundle.number}", told), ("seal", bundle.seal), ("witnesses", ", ".join(answered)))
        if answered:
            of, witnessed = bundle.witnesses, "yes" if bundle.witnessed else "not yet"
            count = f"{of.complete} of {of.asked} witnesses have answered in full, {of.needed} needed"
            fields(("witnessed", f"{witnessed}: {count}"))
    if one.history:
        click.echo()
        table(("when", "what"), [(moment(event.at, desk.zone), event.sentence) for event in one.history])


@case_command.command("ask-archive", epilog=examples("exhibit case ask-archive 3", "exhibit case ask-archive 3 --yes"))
@click.argument("number", type=AT_LEAST_1)
@owner_option
@yes_option
def ask_archive_about_case(*, number: int, named: str | None, yes: bool) -> None:
    """Have a web archive asked since when it has captures of the pages and pictures of case NUMBER, if not licensed.

    It learns their addresses and this server's own. What it answers is kept as its word: exhibit case show NUMBER.
    """
    desk = open_desk()
    owner = desk.owner(named)
    from evidence.facts.elsewhere import title_of
    from registry import scoped
    from registry.cases import ask_archive

    row, archive = scoped.case(owner, number), title_of(ask_archive.archive_of(desk.services))
    if not yes and ask_archive.may_ask(desk.services, row):
        for place in ask_archive.asked_about(desk.services, row):
            for _what, url in ask_archive.addresses_of(place.first):
                say(url)
        ask(f"{archive} learns these addresses. Ask it?")
    made = ask_archive.ask(desk.services, row, by=person())
    say(f"Asked about {counted(len(made), 'place')}: {archive}.")
    if not desk.workers_run:
        note("No worker runs to ask it: start them with `exhibit up`.")


@case_command.command("look", epilog=examples("exhibit case look 3 --picture ours.jpg --side-by-side both.jpg"))
@click.argument("number", type=AT_LEAST_1)
@owner_option
@click.option("--picture", required=True, metavar="FILE", type=FILE, help="The work's picture; it isn't stored.")
@click.option("--side-by-side", metavar="FILE", type=TO_WRITE, help="Draw both, with what they share outlined.")
def look_at_case(*, number: int, named: str | None, picture: Path, side_by_side: Path | None) -> None:
    """Compare the picture of a work that was never held here with what case NUMBER found by its fingerprints.

    The file's digest has to be the stated one; nothing of it is kept. Then clear the case or license it; to call it not
    licensed, register the file, because evidence needs the picture.
    """
    desk = open_desk()
    owner = desk.owner(named)
    from desk.cli import compare
    from registry import scoped
    from registry.cases import found_copies
    from registry.log import audit_log

    row, data = scoped.case(owner, number), read_picture(picture, desk.services.limits.max_bytes)
    copies = found_copies.found_beside(desk.services, row, Digest.of(data))
    audit_log.accessed(audit_log.Evidence.CASE, audit_log.Way.SEEN, owner, by=person(), case=number)
    for place, (url, copy) in enumerate(copies.items(), 1):
        drawn = side_by_side and (side_by_side.with_stem(f"{side_by_side.stem}-{place}") if place > 1 else side_by_side)
        with tempfile.NamedTemporaryFile() as file:
            file.write(copy)
            file.flush()
            say(url)
            found = Path(file.name)
            click.get_current_context().invoke(compare.compare_command, work=picture, picture=found, side_by_side=drawn)


@case_command.command(
    "confirm",
    epilog=examples('exhibit case confirm 3 4 --reason "No permission was given."', "exhibit case confirm 3 --wait"),
)
@click.argument("numbers", nargs=-1, required=True, type=AT_LEAST_1)
@owner_option
@why_option
@click.option("--by", metavar="NAME", help=WHO)
@click.option("--demonstration", is_flag=True, help="For demonstrations: the record says that nobody looked.")
@click.option("--wait", is_flag=True, help="Return when the evidence is sealed; ends with 4 when it isn't.")
def confirm_cases(
    *, numbers: tuple[int, ...], named: str | None, reason: str, by: str, demonstration: bool, wait: bool
) -> None:
    """Decide that cases NUMBERS are not licensed; their evidence is captured and sealed.

    One that is decided so already keeps its first reason.
    """
    desk = open_desk()
    owner = desk.owner(named)
    by = by or person()
    from registry import models
    from registry.cases import decisions

    who = decisions.DEMONSTRATION if demonstration else by
    undo_for = decisions.AT_ONCE if wait else decisions.UNDO_FOR
    outcomes = _decide(desk, owner, numbers, "Not licensed", "CONFIRM", by=who, reason=reason, undo_for=undo_for)
    if before := [outcome.case.number for outcome in outcomes if not outcome.done]:
        kept = " Its first reason stays; add to it: exhibit api POST cases/N/notes" if reason else ""
        note(f"Not licensed already, and left as it was: {_listed(before)}.{kept}")
    if wait:
        rows = [outcome.case for outcome in outcomes]
        wait_for_seals(desk, rows)
        newest = models.Bundle.objects.filter(case__in=rows).order_by("case_id", "-number").distinct("case_id")
        end_where_unsealed(newest.select_related("case"))
    elif not desk.workers_run:
        note("No worker runs to seal the evidence: start them with `exhibit up`, or add --wait.")


@case_command.command("clear", epilog=examples('exhibit case clear 5 --reason "Not our picture."'))
@click.argument("numbers", nargs=-1, required=True, type=AT_LEAST_1)
@owner_option
@reason_option
@click.option("--by", metavar="NAME", help=WHO)
@click.option(
    "--copies", is_flag=True, help="They are copies, and nothing is wrong with them: no error of the comparison."
)
def clear_cases(*, numbers: tuple[int, ...], named: str | None, reason: str, by: str, copies: bool) -> None:
    """Record that cases NUMBERS aren't copies, or that nothing is wrong with them."""
    desk = open_desk()
    owner = desk.owner(named)
    by = by or person()
    _decide(desk, owner, numbers, "Cleared", "COPIES" if copies else "CLEAR", by=by, reason=reason)


@case_command.command("license", epilog=examples('exhibit case license 6 --licence 2 --reason "Agreed by mail."'))
@click.argument("numbers", nargs=-1, required=True, type=AT_LEAST_1)
@owner_option
@click.option("--licence", required=True, type=click.IntRange(min=1), metavar="N", help="The licence that permits it.")
@reason_option
@click.option("--by", metavar="NAME", help=WHO)
def license_cases(*, numbers: tuple[int, ...], named: str | None, licence: int, reason: str, by: str) -> None:
    """Record that a licence permits the uses of cases NUMBERS."""
    desk = open_desk()
    owner = desk.owner(named)
    by = by or person()
    from registry import scoped

    granted = scoped.licence(owner, licence)
    _decide(desk, owner, numbers, "Licensed", "LICENSE", by=by, reason=reason, licence=granted)


@case_command.command("reopen", epilog=examples('exhibit case reopen 5 --reason "It is our picture after all."'))
@click.argument("numbers", nargs=-1, required=True, type=AT_LEAST_1)
@owner_option
@reason_option
@click.option("--by", metavar="NAME", help=WHO)
def reopen_cases(*, numbers: tuple[int, ...], named: str | None, reason: str, by: str) -> None:
    """Open the decided cases NUMBERS again; their history and their bundles stay."""
    desk = open_desk()
    owner = desk.owner(named)
    by = by or person()
    _decide(desk, owner, numbers, "Open again", "REOPEN", by=by, reason=reason)


@case_command.command("undo", epilog=examples("exhibit case undo 5"))
@click.argument("numbers", nargs=-1, required=True, type=AT_LEAST_1)
@owner_option
@click.option("--by", metavar="NAME", help=WHO)
def undo_cases(*, numbers: tuple[int, ...], named: str | None, by: str) -> None:
    """Take back what you decided of cases NUMBERS: they are open again. What somebody else decided stays.

    Evidence isn't sealed within 20 seconds after a case is decided, unless --wait was said. Ends with 2 when somebody
    else has decided a case meanwhile.
    """
    desk = open_desk()
    owner = desk.owner(named)
    by = by or person()
    _decide(desk, owner, numbers, "Undone", "UNDO", by=by)


def _decide(
    desk: Desk,
    owner: "models.Owner",
    numbers: Sequence[int],
    word: str,
    choice: str,
    *,
    reason: str = "",
    **wished: Untyped,
) -> "list[decisions.Outcome]":
    """Decide cases and say of which it is so now; to decide once more: not licensed, is no mistake.

    Where some were decided otherwise the first one's ``ConflictError`` is raised, and the others are said.
    """
    from registry.cases import decisions

    wish = decisions.Wish(decisions.Choice[choice], reason=reason.strip(), **wished)
    outcomes = decisions.decide_each(desk.services, owner, numbers, wish)
    if done := [outcome.case.number for outcome in outcomes if outcome.done]:
        say(f"{word}: {_listed(done)}.")
    agreed = [
        outcome
        for outcome in outcomes
        if wish.choice is decisions.Choice.CONFIRM and outcome.case.decision == wish.choice
    ]
    refused = [outcome.refusal for outcome in outcomes if outcome.refusal is not None and outcome not in agreed]
    for refusal in refused[1:]:
        note(refusal.message)
    if refused:
        raise refused[0]
    return outcomes


def _listed(numbers: Sequence[int]) -> str:
    return ", ".join(map(str, numbers))
