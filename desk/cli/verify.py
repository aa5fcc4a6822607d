"""`exhibit verify`, which needs no server."""

import multiprocessing
import os
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from desk.cli.common.context import exit_with, format_examples
from desk.cli.common.files import write_file
from desk.cli.common.options import ANY_PATH, OUTPUT_FILE, json_option
from desk.cli.common.output import echo_json, echo_text, track_progress
from exhibit.errors import ExhibitError, ExitCode, InvalidRequestError

if TYPE_CHECKING:
    from evidence.verdict import result as verdicts, trust as lists
    from evidence.verify import packages, verifier as verifiers

BUNDLES_PER_PROCESS = 2  # Minimum number of bundles for which an additional process saves time.
HTML_HELP = "Output file for a web page that verifies files, signatures and log entries; it contains the trust list."
MINIMUM_HELP = "Required number of {}; by default, the number that the trust list requires."
DEFAULT_LIST_NOTE = (
    "This result uses the default trust list, which contains no logs, owners or timestamp services of installations. "
    "Ask the sender of the bundle for a trust list (created by `exhibit trust FILE`), check the list, and verify again "
    "with --trust FILE."
)


@click.command(
    "verify",
    epilog=format_examples(
        "exhibit verify bundle.zip",
        "exhibit verify court.zip",
        "exhibit verify *.zip --trust court-list.json --json",
        "exhibit verify bundle.zip --trust court-list.json --timestamps 2 --cosigners 2",
        "exhibit verify --html verify.html --trust court-list.json",
    ),
)
@click.argument("bundles", nargs=-1, type=ANY_PATH)
@click.option("--trust", metavar="FILE", type=ANY_PATH, help="Trust list; by default the one included in Exhibit.")
@click.option(
    "--timestamps",
    "timestamps",
    metavar="N",
    type=click.IntRange(min=1),
    help=MINIMUM_HELP.format("timestamp services"),
)
@click.option(
    "--cosigners", metavar="N", type=click.IntRange(min=0), help=MINIMUM_HELP.format("cosigners (log witnesses)")
)
@click.option("--html", metavar="FILE", type=OUTPUT_FILE, help=HTML_HELP)
@click.option(
    "--jobs", type=click.IntRange(min=1, max=256), help="Number of processes; by default the number of cores."
)
@json_option
def verify_command(
    *,
    bundles: tuple[Path, ...],
    trust: Path | None,
    timestamps: int | None,
    cosigners: int | None,
    html: Path | None,
    jobs: int | None,
    as_json: bool,
) -> None:
    """Verify evidence BUNDLES (ZIP files or unpacked folders) offline, against a trust list.

    The command verifies all bundles in a package, a filing or a folder. If there are several bundles, it also compares
    the checkpoints of each log, and the facts of each case.

    Exits with 0 if all bundles are complete, with 1 if a check failed or bundles contradict each other, with 2 if a
    file is not a bundle, and with 4 if no check failed but a proof required by the trust list is missing.
    """
    from evidence import __main__ as tables
    from evidence.verdict import result as verdicts, trust as lists
    from evidence.verify import packages, split_views

    trust_list = _apply_minimum(lists.load_trust() if trust is None else lists.load_trust(trust), timestamps, cosigners)
    if html is not None:
        from evidence import page

        write_file(html, page.build_page(trust_list))
        echo_text(f"Verification page written to {html}. Deliver it separately from the bundles.")
    elif not bundles:
        raise InvalidRequestError("No bundle was given.", hint="Specify ZIP files or folders, or add --html FILE.")
    if not bundles:
        return
    sources = packages.find_bundles_at(bundles)
    results = [
        result
        for _, result in zip(track_progress(sources, "Verifying"), _verify_all(sources, trust_list, jobs), strict=True)
    ]
    completed_results = [result for result in results if isinstance(result, verdicts.Verdict)]
    log_splits = split_views.find_split_views(view for verdict in completed_results for view in verdict.views)
    contradictions, shared_matches = tables.find_contradictions(results), tables.list_shared_sightings(results)
    if as_json:
        echo_json(tables.results_to_dict(sources, results, log_splits, contradictions))
    else:
        lines = [*map(tables.format_contradiction, contradictions), *map(tables.format_contradiction, shared_matches)]
        _echo_results(sources, results, [*map(tables.format_split_view, log_splits), *lines])
        if trust is None and any(verdict.outcome is ExitCode.INCOMPLETE for verdict in completed_results):
            echo_text(DEFAULT_LIST_NOTE)
    exit_with(
        ExitCode.CHECK_FAILED
        if log_splits or contradictions
        else verdicts.find_most_severe(map(tables.get_exit_code, results))
    )


def _apply_minimum(trust: "lists.Trust", timestamps: int | None, cosigners: int | None) -> "lists.Trust":
    """Return the trust list with the required numbers of timestamp services and cosigners from the options.

    Raises:
        InvalidRequestError: The list contains fewer services than required.
    """
    from evidence.formats import codec
    from evidence.verdict import trust as lists

    if timestamps is None and cosigners is None:
        return trust
    requirements = trust.requires or lists.Requirements(1)
    requirements = replace(requirements, timestamps=timestamps or requirements.timestamps)
    adjusted_trust = replace(
        trust, requires=replace(requirements, cosigners=requirements.cosigners if cosigners is None else cosigners)
    )
    try:
        return lists.Trust.from_json(adjusted_trust.to_json(), label="Your minimum")
    except codec.FormatError as error:
        raise InvalidRequestError(
            error.message, hint="Add --trust with a list that contains enough services."
        ) from error


def _verify_all(
    sources: "Sequence[packages.BundleLocation | packages.RefusedPath]", trust: "lists.Trust", jobs: int | None
) -> "Iterator[verdicts.Verdict | ExhibitError]":
    """Verify all bundles in their order, with one process per core if there are enough of them."""
    from indexer.search import processes

    jobs = jobs or max(1, min(os.cpu_count() or 1, len(sources) // BUNDLES_PER_PROCESS))
    multiprocessing.set_forkserver_preload(["evidence.verify.packages", "registry.bundles.verifier_drawings"])
    return processes.run_in_processes(jobs, (_make_verifier, trust), _verify_bundle, sources)


def _make_verifier(trust: "lists.Trust") -> "verifiers.Verifier":
    from evidence.verify import verifier as verifiers
    from registry.bundles import verifier_drawings

    return verifiers.Verifier(trust, verifier_drawings.CONTENT_GENERATORS)


def _verify_bundle(
    verifier: "verifiers.Verifier", location: "packages.BundleLocation | packages.RefusedPath"
) -> "verdicts.Verdict | ExhibitError":
    from evidence.verify import packages

    try:
        return (
            location.error
            if isinstance(location, packages.RefusedPath)
            else packages.verify_location(verifier, location)
        )
    except ExhibitError as error:
        return error


def _echo_results(
    sources: "Sequence[packages.BundleLocation | packages.RefusedPath]",
    results: "Sequence[verdicts.Verdict | ExhibitError]",
    contradictions: Sequence[str],
) -> None:
    from evidence import __main__ as tables

    for position, (bundle, result) in enumerate(zip(sources, results, strict=True)):
        if position:
            click.echo()
        if isinstance(result, ExhibitError):
            echo_text(tables.format_result(bundle, result))
        else:
            click.echo(tables.format_verdict(result))
    if len(results) > 1:
        click.echo(f"\n{tables.format_summary(sources, results)}")
        for contradiction in contradictions:
            click.echo(f"\n{contradiction}")
