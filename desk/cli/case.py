"""`exhibit case`: the uses that were found, and deciding that they are not licensed."""

from typing import TYPE_CHECKING

import click

from desk.cli.common.frame import DECISIONS, examples, open_desk, person
from desk.cli.common.options import AT_LEAST_1, json_option, owner_option, why_option
from desk.cli.common.show import listed, note, say, short
from desk.cli.common.wait import end_where_unsealed, wait_for_seals
from exhibit.types import CaseDecision

if TYPE_CHECKING:
    from desk.schemas import cases as schemas
    from registry import models

case_command = click.Group("case", help="Manage cases. A case contains all uses of one work by one site.")


@case_command.command(
    "list",
    epilog=examples(
        "exhibit case list",
        "exhibit case list --decision open --json",
        "exhibit case list --search shop.example/prints",
    ),
)
@owner_option
@click.option("--decision", type=click.Choice(DECISIONS), help="Only cases with this decision.")
@click.option("--search", "words", default="", metavar="TEXT", help="Only cases with TEXT in site, title or URLs.")
@json_option
def list_cases(*, named: str | None, decision: str | None, words: str, as_json: bool) -> None:
    """List cases.

    Get a case with its pages, evidence and history: exhibit api GET cases/N
    """
    owner = open_desk().owner(named)
    from desk.schemas import cases as schemas
    from registry import scoped
    from registry.cases import search

    rows = scoped.cases(owner)
    selected = rows if decision is None else rows.filter(decision=decision)
    if words.strip():
        selected = selected.filter(search.filter_by_words(owner, words.strip()))
    case_rows = schemas.Case.from_rows(schemas.with_uses(selected))
    columns = ("case", "work", "site", "match", "pages", "decision", "bundles")
    hint = "List all cases: exhibit case list" if rows.exists() else "Run a watch: exhibit watch run NAME --wait"
    nothing = f"No cases found. {hint}"
    listed("cases", case_rows, columns, _line, nothing=nothing, as_json=as_json)
    if not as_json:
        _tell_missed(owner)


def _tell_missed(of: "models.Owner") -> None:
    """Report watches that missed a known copy, so that an empty list is not mistaken for the absence of copies."""
    from registry.crawls import canaries

    for crawl, result in canaries.list_recent_misses(of):
        why = f" ({result.reason})" if result.reason else ""
        canary = f"number {result.canary.number}, {result.canary.url}"
        note(f"The watch {crawl.watch.name} missed a known copy in its last crawl{why}: {canary}.")


def _line(case: "schemas.Case") -> list[object]:
    from desk.texts import cases

    matches = {use.match for use in case.uses if use.licence is None} or {use.match for use in case.uses}
    match = "certain" if "certain" in matches else ", ".join(sorted(matches))
    sealed_count = sum(bundle.seal is not None for bundle in case.bundles)
    title, decided = short(f"{case.work.number}: {case.work.title}", 40), cases.decision_in_words(case.decision)
    return [case.number, title, case.site or "(files)", match, case.pages, decided, sealed_count]


@case_command.command(
    "confirm",
    epilog=examples(
        'exhibit case confirm 3 4 --reason "No permission was given."',
        "exhibit case confirm 3 --wait",
        notes=(
            "Download a bundle: exhibit api GET cases/N/bundles/1/file --output bundle.zip",
            "Other decisions:   exhibit api POST cases/N/decisions --field decision=cleared --field reason=TEXT",
            "Undo:              exhibit api POST cases/N/undo",
        ),
    ),
)
@click.argument("numbers", nargs=-1, required=True, type=AT_LEAST_1)
@owner_option
@why_option
@click.option("--by", metavar="NAME", help="Person recorded as the author of the decision; your login name by default.")
@click.option(
    "--demonstration", is_flag=True, help="Record that this is a demonstration and no person reviewed the cases."
)
@click.option("--wait", is_flag=True, help="Wait until the evidence is sealed; exit with 4 if it is not.")
def confirm_cases(
    *, numbers: tuple[int, ...], named: str | None, reason: str, by: str, demonstration: bool, wait: bool
) -> None:
    """Decide that the uses in cases NUMBERS are not licensed, and seal their evidence.

    Cases already decided as not licensed are unchanged.
    """
    desk = open_desk()
    owner = desk.owner(named)
    from registry import models
    from registry.cases import decisions

    wish = decisions.DecisionRequest(
        decisions.Choice.CONFIRM,
        by=decisions.DEMONSTRATION if demonstration else by or person(),
        reason=reason.strip(),
        undo_for=decisions.NO_DELAY if wait else decisions.UNDO_FOR,
    )
    outcomes = decisions.decide_each(desk.services, owner, numbers, wish)
    confirmed = [outcome.case for outcome in outcomes if outcome.case.decision == CaseDecision.CONFIRMED]
    if done := [outcome.case.number for outcome in outcomes if outcome.done]:
        say(f"Decided as not licensed: {_numbers(done)}.")
    refused = [outcome.refusal for outcome in outcomes if outcome.refusal and outcome.case not in confirmed]
    for refusal in refused[1:]:
        note(refusal.message)
    if refused:
        raise refused[0]
    if before := [case.number for case in confirmed if case.number not in done]:
        reason_note = " To add a note: exhibit api POST cases/N/notes" if reason else ""
        note(f"Already not licensed, unchanged: {_numbers(before)}.{reason_note}")
    if wait:
        wait_for_seals(desk, confirmed)
        newest = models.Bundle.objects.filter(case__in=confirmed).order_by("case_id", "-number").distinct("case_id")
        end_where_unsealed(newest.select_related("case"))
    elif not desk.workers_run:
        note("No worker is running, so the evidence is not sealed yet. Start Exhibit with `exhibit up`, or add --wait.")


def _numbers(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))
