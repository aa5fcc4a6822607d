"""`exhibit calibrate`: match probabilities measured on your own photographs."""

import shutil
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from desk.cli.common.context import format_examples, get_actor_name, open_command_context
from desk.cli.common.files import write_file
from desk.cli.common.options import ANY_PATH, EXISTING_FILE, OUTPUT_FILE, json_option
from desk.cli.common.output import echo_fields, echo_json_and_exit, echo_note, echo_table, echo_text, format_count
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError
from exhibit.types import Decision, Untyped

if TYPE_CHECKING:
    from evidence.accuracy import counts as counting
    from indexer.calibration import calibrate
    from indexer.search import folders

MAX_LISTED = 20
COLUMNS = ("source", "searched for", "counted", "certain", "fixed", "any time", "review", "fixed", "any time")
FORMULAS = """
Upper bounds on false alarms per million pictures (95%), averaged over the N counted photographs, of which x failed.
fixed: N was fixed in advance; the p at which C(N,0)(1-p)^N + ... + C(N,x)p^x(1-p)^(N-x) = 0.05, or 1-0.05^(1/N)
any time: N may depend on the results; the p at which e^(-sx) / (1-p(1-e^-s))^N has a mean of 20 over s = 3, 1, 1/3"""
DUPLICATES_HELP = "Text file that lists files of the same picture: one line per picture, paths separated by semicolons."
EXAMPLES = format_examples(
    "exhibit calibrate --folder ~/Pictures/archive --dry-run",
    "exhibit calibrate --folder ~/Pictures/archive",
    "exhibit calibrate --folder ~/Pictures/archive --counts counts.json",
    "exhibit calibrate --join ours.json --join theirs.json --out joined.json --trust our-keys.json",
)


@click.command("calibrate", epilog=EXAMPLES)
@click.option(
    "--folder", type=ANY_PATH, metavar="DIR", help="Folder of photographs; list duplicates with --duplicates."
)
@click.option("--duplicates", type=ANY_PATH, metavar="FILE", help=DUPLICATES_HELP)
@click.option(
    "--max-edited",
    type=click.IntRange(min=20),
    default=300,
    show_default=True,
    help="Maximum number of photographs to edit.",
)
@click.option("--jobs", type=click.IntRange(min=1, max=256), default=1, show_default=True, help="Number of processes.")
@click.option(
    "--counts", type=OUTPUT_FILE, metavar="FILE", help="Output file for signed result counts, which --join can combine."
)
@click.option("--omit-list", "without_list", is_flag=True, help="Omit the list of photographs from the --counts file.")
@click.option("--dry-run", is_flag=True, help="Print the planned measurements without making them.")
@click.option(
    "--join",
    "join_files",
    type=EXISTING_FILE,
    multiple=True,
    metavar="FILE",
    help="Signed result counts of an installation (file written by --counts); repeatable.",
)
@click.option("--out", type=OUTPUT_FILE, metavar="FILE", help="With --join: output file for the signed result.")
@click.option(
    "--trust", type=EXISTING_FILE, multiple=True, metavar="LIST", help="With --join: trust list of accepted logs."
)
@json_option
def calibrate_command(
    *,
    folder: Path | None,
    counts: Path | None,
    without_list: bool,
    dry_run: bool,
    join_files: tuple[Path, ...],
    out: Path | None,
    trust: tuple[Path, ...],
    as_json: bool,
    **options: Untyped,
) -> None:
    """Measure how often matches are correct on your own photographs, and use the result for new matches.

    Exhibit edits photographs from --folder, and compares every picture with all photographs in the folder. The results
    determine the probabilities of new matches, and an upper bound on false alarms of about 3 in N for N photographs.
    Earlier matches keep their probabilities. Pairs saved with `exhibit why --save` are shown, but not counted. The
    folder must contain at least 20 photographs. After an interruption, run the command again.

    With --join, combine counts of several installations, written with --counts, into one bound. Photographs that
    occur in several counts are counted once. A signature proves who wrote the counts, not that they are correct. Save
    the result as joined.json in the data folder to show it in the web interface.

    List calibrations: exhibit api GET /operator/calibrations. Reset: exhibit api POST /operator/calibrations/reset
    """
    if join_files:
        _join_counts(join_files, out, trust)
        return
    if folder is None:
        raise InvalidRequestError("No folder was given.", hint="Add --folder DIR, or --join FILE --out FILE.")
    from indexer.calibration import calibrate, filed_pairs, measure

    plan, jobs = measure.Plan(options["max_edited"]), options["jobs"]
    if dry_run:
        echo_text(calibrate.describe_plan(calibrate.CalibrationInputs(folder, folder, "", "", plan, (), jobs)))
        return
    context = open_command_context()
    from registry.fingerprints.ports import get_descriptors
    from registry.log import accuracy
    from registry.matches import calibrations

    groups = () if options["duplicates"] is None else calibrate.read_groups(options["duplicates"])
    scratch = context.config.data_dir / "calibration"
    name = folder.resolve().name
    description = f"The folder {name[:80]} of this installation"
    model_file = get_descriptors(context.services).get_serving_file(context.config.data_dir)
    inputs = calibrate.CalibrationInputs(
        folder, scratch, f"{name[:40]}-{now():%Y-%m}", description, plan, groups, jobs, model_file
    )
    outcome = calibrate.calibrate(inputs, _make_progress_reporter())
    if counts is not None:
        write_file(counts, accuracy.sign_counts(context.services, outcome, list_photographs=not without_list))
    calibrations.activate_calibration(outcome.calibration, by=get_actor_name())
    outcome = replace(
        outcome, kept=tuple(calibrate.measure_filed_pairs(filed_pairs.FiledPairs(context.config.data_dir)))
    )
    # The files are private: they contain a small grey copy of each photograph.
    shutil.rmtree(scratch, ignore_errors=True)
    _echo_outcome(outcome, as_json=as_json)


def _make_progress_reporter() -> "folders.Progress":
    """Return a function that prints the progress on standard error in steps of 5 per cent."""
    last_shown: dict[str, int] = {}

    def report(stage: str, done: int, total: int) -> None:
        step = done * 20 // max(1, total)
        if last_shown.get(stage) != step:
            last_shown[stage] = step
            echo_note(f"{stage} {done:,} of {total:,}")

    return report


def _echo_outcome(outcome: "calibrate.CalibrationResult", *, as_json: bool) -> None:
    from indexer.calibration import calibrate

    echo_json_and_exit({**_outcome_to_dict(outcome), "digest": outcome.calibration.digest.hex}, is_requested=as_json)
    echo_fields(*calibrate.summarize(outcome))
    for decision in (Decision.CERTAIN, Decision.REVIEW):
        pairs = sorted({alarm.files for alarm in outcome.find_false_alarms(decision)})
        if pairs:
            echo_text(f"\nFalse alarms ({decision}), {format_count(len(pairs), 'pair')}:")
            for files in pairs[:MAX_LISTED]:
                echo_text("  " + "  ".join(files))
    if outcome.find_false_alarms(Decision.CERTAIN) or outcome.find_false_alarms(Decision.REVIEW):
        echo_text("\nIf two files show the same picture, list them in a file and add --duplicates FILE.")
    if outcome.misjudged_samples:
        echo_text("\nSaved pairs whose result differs from the saved label:")
    for pair in outcome.misjudged_samples:
        label = "copy" if pair.copy else "different"
        echo_text(f"  {pair.files[0]}: saved as {label}, result {pair.verification.decision}")
    echo_text("New matches use this calibration.")


def _outcome_to_dict(outcome: "calibrate.CalibrationResult") -> dict[str, object]:
    return {
        "name": outcome.calibration.name,
        "photographs": outcome.calibration.certain.photographs,
        "skipped": [{"file": picture.path, "reason": picture.reason} for picture in outcome.skipped_files],
        "kept": [
            {"pair": pair.files[0], "copy": pair.copy, "decision": pair.verification.decision} for pair in outcome.kept
        ],
        **{
            str(decision): {
                "failed": outcome.calibration.get_bound(decision).false_alarms,
                "at_most_in_a_million": outcome.calibration.get_bound(decision).per_million,
                "pairs": sorted({alarm.files for alarm in outcome.find_false_alarms(decision)}),
            }
            for decision in (Decision.CERTAIN, Decision.REVIEW)
        },
    }


def _join_counts(files: tuple[Path, ...], out: Path | None, trust: tuple[Path, ...]) -> None:
    """Combine signed counts of several installations into one bound on false alarms."""
    if out is None:
        raise InvalidRequestError("No output file was given.", hint="Add --out FILE.")
    context = open_command_context()
    from evidence.accuracy import counts as counting
    from evidence.verdict import trust as lists
    from registry.log.local_log import get_log

    keys = {log.vkey for path in trust for log in lists.load_trust(path).logs}
    sources = []
    for path in files:
        counts, key = counting.read_signed_statement(
            counting.FalseAlarmCounts, data := path.read_bytes(), file_label=path.name
        )
        if trust and key not in keys:
            echo_note(f"Ignored {path.name}: no trust list contains the signing key {key}.")
        else:
            sources.append(counting.CountsSource(Digest.from_bytes(data), key, counts))
    joined_counts = counting.join_counts(sources, now().date().isoformat())
    write_file(out, counting.sign_statement(get_log(context.services), joined_counts))
    names = ["+".join(source.key.split("+", 2)[:2]) for source in joined_counts.sources]  # Name and key ID of the log.
    parts = [
        (name, replace(joined_counts, sources=(single_source,)))
        for name, single_source in zip(names, joined_counts.sources, strict=True)
    ]
    parts += [("together", joined_counts), ("without the largest", joined_counts.without_largest)]
    echo_table(COLUMNS, [_build_row(label, part) for label, part in parts])
    echo_text(FORMULAS)


def _build_row(label: str, counts: "counting.JointFalseAlarmCounts") -> list[object]:
    bounds = counts.bounds
    photographs = sum(source.stated.photographs for source in counts.sources)
    cells = [(bound.false_alarms, bound.per_million, bound.per_million_at_any_time) for bound in bounds.values()]
    return [label, photographs, bounds[Decision.CERTAIN].photographs, *chain.from_iterable(cells)]
