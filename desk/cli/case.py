"""`exhibit case`: list cases, and decide that their uses are not licensed."""

from typing import TYPE_CHECKING

import click

from desk.cli.common.context import DECISIONS, format_examples, get_actor_name, open_command_context
from desk.cli.common.options import AT_LEAST_1, json_option, optional_reason_option, owner_option
from desk.cli.common.output import echo_list, echo_note, echo_text, truncate
from desk.cli.common.wait import exit_if_unsealed, wait_for_seals
from exhibit.types import CaseDecision

if TYPE_CHECKING:
    from desk.schemas import cases as schemas
    from registry import models

case_command = click.Group("case", help="Manage cases. A case contains all uses of one work by one site.")


@case_command.command(
    "list",
    epilog=format_examples(
        "exhibit case list",
        "exhibit case list --decision open --json",
        "exhibit case list --search shop.example/prints",
    ),
)
@owner_option
@click.option("--decision", type=click.Choice(DECISIONS), help="List only cases with this decision.")
@click.option(
    "--search",
    "search_text",
    default="",
    metavar="TEXT",
    help="List only cases with TEXT in the site name, title or URLs.",
)
@json_option
def list_cases(*, owner_name: str | None, decision: str | None, search_text: str, as_json: bool) -> None:
    """List cases (uses of your works).

    Get a case with its pages, evidence and history: exhibit api GET cases/N
    """
    owner = open_command_context().get_owner(owner_name)
    from desk.schemas import cases as schemas
    from registry import scoped
    from registry.cases import search

    rows = scoped.list_owner_cases(owner)
    selected_rows = rows if decision is None else rows.filter(decision=decision)
    if search_text.strip():
        selected_rows = selected_rows.filter(search.build_search_condition(owner, search_text.strip()))
    case_rows = schemas.Case.from_rows(schemas.prefetch_uses(selected_rows))
    columns = ("case", "work", "site", "match", "pages", "decision", "bundles")
    hint = "List all cases: exhibit case list" if rows.exists() else "Run a watch: exhibit watch run NAME --wait"
    empty_message = f"No cases found. {hint}"
    echo_list("cases", case_rows, columns, _build_row, empty_message=empty_message, as_json=as_json)
    if not as_json:
        _report_missed_copies(owner)


def _report_missed_copies(owner: "models.Owner") -> None:
    """Report watches that missed a known copy, so that an empty list is not mistaken for the absence of copies."""
    from registry.crawls import copy_checks

    for crawl, result in copy_checks.list_recent_misses(owner):
        reason = f" ({result.reason})" if result.reason else ""
        known_copy = f"number {result.known_copy.number}, {result.known_copy.url}"
        echo_note(f"The watch {crawl.watch.name} missed a known copy in its last crawl{reason}: {known_copy}.")


def _build_row(case: "schemas.Case") -> list[object]:
    from desk.texts import cases

    matches = {use.match for use in case.uses if use.licence is None} or {use.match for use in case.uses}
    match = "certain" if "certain" in matches else ", ".join(sorted(matches))
    sealed_count = sum(bundle.seal is not None for bundle in case.bundles)
    title, decision = truncate(f"{case.work.number}: {case.work.title}", 40), cases.decision_in_words(case.decision)
    return [case.number, title, case.site or "(files)", match, case.pages, decision, sealed_count]


@case_command.command(
    "confirm",
    epilog=format_examples(
        'exhibit case confirm 3 4 --reason "No permission was given."',
        "exhibit case confirm 3 --wait",
        notes=(
            "Download a bundle: exhibit api GET cases/N/bundles/1/file --output bundle.zip",
            "Other decisions:   exhibit api POST cases/N/decisions --field decision=dismissed --field reason=TEXT",
            "Undo:              exhibit api POST cases/N/undo",
        ),
    ),
)
@click.argument("numbers", nargs=-1, required=True, type=AT_LEAST_1)
@owner_option
@optional_reason_option
@click.option("--by", metavar="NAME", help="Name to record as the person who decided; your login name by default.")
@click.option(
    "--demonstration", is_flag=True, help="Record that this is a demonstration without a review of the cases."
)
@click.option("--wait", is_flag=True, help="Wait until the evidence is sealed; exit with 4 if it is not.")
def confirm_cases(
    *, numbers: tuple[int, ...], owner_name: str | None, reason: str, by: str, demonstration: bool, wait: bool
) -> None:
    """Decide that the uses in cases NUMBERS are not licensed, and seal their evidence.

    Cases already decided as not licensed are unchanged.
    """
    context = open_command_context()
    owner = context.get_owner(owner_name)
    from registry import models
    from registry.cases import decisions

    request = decisions.DecisionRequest(
        decisions.DecisionChoice.CONFIRM,
        by=decisions.DEMONSTRATION_ACTOR if demonstration else by or get_actor_name(),
        reason=reason.strip(),
        undo_period=decisions.NO_DELAY if wait else decisions.UNDO_PERIOD,
    )
    outcomes = decisions.decide_cases(context.services, owner, numbers, request)
    confirmed_cases = [outcome.case for outcome in outcomes if outcome.case.decision == CaseDecision.CONFIRMED]
    if decided_numbers := [outcome.case.number for outcome in outcomes if outcome.is_applied]:
        echo_text(f"Recorded as not licensed: {_format_numbers(decided_numbers)}.")
    refusals = [outcome.refusal for outcome in outcomes if outcome.refusal and outcome.case not in confirmed_cases]
    for refusal in refusals[1:]:
        echo_note(refusal.message)
    if refusals:
        raise refusals[0]
    if unchanged_numbers := [case.number for case in confirmed_cases if case.number not in decided_numbers]:
        reason_note = " To add a note: exhibit api POST cases/N/notes" if reason else ""
        echo_note(f"Already decided as not licensed, unchanged: {_format_numbers(unchanged_numbers)}.{reason_note}")
    if wait:
        wait_for_seals(context, confirmed_cases)
        latest_bundles = (
            models.Bundle.objects.filter(case__in=confirmed_cases).order_by("case_id", "-number").distinct("case_id")
        )
        exit_if_unsealed(latest_bundles.select_related("case"))
    elif not context.has_workers:
        echo_note(
            "No worker is running, so the evidence is not sealed yet. Start Exhibit with `exhibit up`, or add --wait."
        )


def _format_numbers(numbers: list[int]) -> str:
    return ", ".join(map(str, numbers))
