"""`exhibit verify`, which needs no server."""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from desk.cli.common.files import write_file
from desk.cli.common.frame import examples, finish
from desk.cli.common.options import PLACE, TO_WRITE, json_option
from desk.cli.common.show import echo_json, say, tracked
from exhibit.errors import ExhibitError, ExitCode, WrongUseError

if TYPE_CHECKING:
    from evidence.verdict import result as verdicts, trust as lists
    from evidence.verify import packages, verifier as verifiers

REPAYS = 2  # bundles for which a process repays its start
ONE_PAGE = "Output file for a web page that verifies files, signature and log; includes the trust list."
MINIMUM = "Required number of {}; by default that of the trust list."
OUR_LIST = (
    "This result uses the default trust list, which contains no logs, owners or timestamp services of installations. "
    "Ask the sender of the bundle for their list (`exhibit trust FILE`), check it, and add --trust FILE."
)


@click.command(
    "verify",
    epilog=examples(
        "exhibit verify bundle.zip",
        "exhibit verify court.zip",
        "exhibit verify *.zip --trust court-list.json --json",
        "exhibit verify bundle.zip --trust court-list.json --timestamps 2 --cosigners 2",
        "exhibit verify --html verify.html --trust court-list.json",
    ),
)
@click.argument("bundles", nargs=-1, type=PLACE)
@click.option("--trust", metavar="FILE", type=PLACE, help="Trust list; by default the one included in Exhibit.")
@click.option(
    "--timestamps", "witnesses", metavar="N", type=click.IntRange(min=1), help=MINIMUM.format("timestamp services")
)
@click.option("--cosigners", metavar="N", type=click.IntRange(min=0), help=MINIMUM.format("log witnesses"))
@click.option("--html", metavar="FILE", type=TO_WRITE, help=ONE_PAGE)
@click.option(
    "--jobs", type=click.IntRange(min=1, max=256), help="Number of processes; by default the number of cores."
)
@json_option
def verify_command(
    *,
    bundles: tuple[Path, ...],
    trust: Path | None,
    witnesses: int | None,
    cosigners: int | None,
    html: Path | None,
    jobs: int | None,
    as_json: bool,
) -> None:
    """Verify evidence BUNDLES, ZIPs or unpacked folders, offline against a trust list.

    All bundles in a package, a filing or a folder are verified. Several bundles are also compared with each other:
    checkpoints of the same log, and facts of the same case.

    Exits with 0 if all bundles are complete, 1 if a check failed or bundles contradict each other, 2 if a file is not a
    bundle, 4 if no check failed but a proof required by the trust list is missing.
    """
    from evidence import __main__ as tables
    from evidence.verdict import result as verdicts, trust as lists
    from evidence.verify import packages, split_views

    pinned = _with_minimum(lists.load_trust() if trust is None else lists.load_trust(trust), witnesses, cosigners)
    if html is not None:
        from evidence import page

        write_file(html, page.page(pinned))
        say(f"Written to {html}. Deliver it separately from the bundles.")
    elif not bundles:
        raise WrongUseError("No bundle was given.", hint="Enter ZIPs, folders, or --html FILE.")
    if not bundles:
        return
    places = packages.found_at(bundles)
    results = [result for _, result in zip(tracked(places, "Verifying"), _results(places, pinned, jobs), strict=True)]
    finished = [result for result in results if isinstance(result, verdicts.Verdict)]
    splits = split_views.split_views(view for verdict in finished for view in verdict.views)
    accounts, shared = tables.find_contradictions(results), tables.find_shared_matches(results)
    if as_json:
        echo_json(tables.results_to_dict(places, results, splits, accounts))
    else:
        lines = [*map(tables.format_account, accounts), *map(tables.format_account, shared)]
        _tell(places, results, [*map(tables.format_split_view, splits), *lines])
        if trust is None and any(verdict.outcome is ExitCode.INCOMPLETE for verdict in finished):
            say(OUR_LIST)
    finish(ExitCode.CHECK_FAILED if splits or accounts else verdicts.most_severe(map(tables.get_exit_code, results)))


def _with_minimum(trust: "lists.Trust", witnesses: int | None, cosigners: int | None) -> "lists.Trust":
    """The list with the checker's own minimum in place of its own; raises ``WrongUseError`` when it pins too few."""
    from evidence.formats import codec
    from evidence.verdict import trust as lists

    if witnesses is None and cosigners is None:
        return trust
    own = trust.requires or lists.Requirements(1)
    own = replace(own, witnesses=witnesses or own.witnesses)
    adjusted = replace(trust, requires=replace(own, cosigners=own.cosigners if cosigners is None else cosigners))
    try:
        return lists.Trust.from_json(adjusted.to_json(), what="Your minimum")
    except codec.FormatError as error:
        raise WrongUseError(error.message, hint="Use a trust list with that many services, with --trust.") from error


def _results(
    places: "Sequence[packages.Place | packages.Refused]", trust: "lists.Trust", jobs: int | None
) -> "Iterator[verdicts.Verdict | ExhibitError]":
    """What checking gives, in the order of what was found; several bundles are checked by a process a core."""
    from indexer.search import processes

    jobs = jobs or max(1, min(os.cpu_count() or 1, len(places) // REPAYS))
    multiprocessing.set_forkserver_preload(["evidence.verify.packages", "registry.bundles.verifier_drawings"])
    return processes.run_in_processes(jobs, (_verifier, trust), _verified, places)


def _verifier(trust: "lists.Trust") -> "verifiers.Verifier":
    from evidence.verify import verifier as verifiers
    from registry.bundles import verifier_drawings

    return verifiers.Verifier(trust, verifier_drawings.MAKERS)


def _verified(
    verifier: "verifiers.Verifier", place: "packages.Place | packages.Refused"
) -> "verdicts.Verdict | ExhibitError":
    from evidence.verify import packages

    try:
        return place.error if isinstance(place, packages.Refused) else packages.verified(verifier, place)
    except ExhibitError as error:
        return error


def _tell(
    places: "Sequence[packages.Place | packages.Refused]",
    results: "Sequence[verdicts.Verdict | ExhibitError]",
    contradictions: Sequence[str],
) -> None:
    from evidence import __main__ as tables

    for place, (bundle, result) in enumerate(zip(places, results, strict=True)):
        if place:
            click.echo()
        if isinstance(result, ExhibitError):
            say(tables.format_result(bundle, result))
        else:
            click.echo(tables.format_verdict(result))
    if len(results) > 1:
        click.echo(f"\n{tables.format_summary(places, results)}")
        for contradiction in contradictions:
            click.echo(f"\n{contradiction}")
