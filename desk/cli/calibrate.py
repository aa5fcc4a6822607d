"""`exhibit calibrate`: match probabilities measured on your own photographs."""

import shutil
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from desk.cli.common.files import write_file
from desk.cli.common.frame import examples, open_desk, person
from desk.cli.common.options import FILE, PLACE, TO_WRITE, json_option
from desk.cli.common.show import counted, fields, note, only_json, say, table
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import WrongUseError
from exhibit.types import Decision, Untyped

if TYPE_CHECKING:
    from evidence.accuracy import counts as counting
    from indexer.calibration import calibrate
    from indexer.search import folders

LISTED = 20
COLUMNS = ("source", "searched for", "counted", "certain", "fixed", "any time", "review", "fixed", "any time")
FORMULAS = """
Upper bounds of false alarms per million pictures (95%), on average over the N photographs counted, of which x failed.
fixed: N was fixed in advance; the p at which C(N,0)(1-p)^N + ... + C(N,x)p^x(1-p)^(N-x) = 0.05, or 1-0.05^(1/N)
any time: N may depend on the results; the p at which e^(-sx) / (1-p(1-e^-s))^N has a mean of 20 over s = 3, 1, 1/3"""
SAME = "List of files that show the same picture: one line per picture, paths separated by ;."
EXAMPLES = examples(
    "exhibit calibrate --folder ~/Pictures/archive --dry-run",
    "exhibit calibrate --folder ~/Pictures/archive",
    "exhibit calibrate --folder ~/Pictures/archive --counts counts.json",
    "exhibit calibrate --join ours.json --join theirs.json --out joined.json --trust our-keys.json",
)


@click.command("calibrate", epilog=EXAMPLES)
@click.option("--folder", type=PLACE, metavar="DIR", help="Folder of photographs, each of a different picture.")
@click.option("--duplicates", "same", type=PLACE, metavar="FILE", help=SAME)
@click.option(
    "--max-edited",
    "edited",
    type=click.IntRange(min=20),
    default=300,
    show_default=True,
    help="Maximum number of edited pictures.",
)
@click.option("--jobs", type=click.IntRange(min=1, max=256), default=1, show_default=True, help="Number of processes.")
@click.option(
    "--counts", type=TO_WRITE, metavar="FILE", help="Output file for signed counts, to join with those of others."
)
@click.option("--omit-list", "without_list", is_flag=True, help="Omit the list of photographs from --counts.")
@click.option("--dry-run", is_flag=True, help="Print the measurements that would be made, without making them.")
@click.option(
    "--join",
    "joined",
    type=FILE,
    multiple=True,
    metavar="FILE",
    help="Signed counts of an installation; repeat for each one.",
)
@click.option("--out", type=TO_WRITE, metavar="FILE", help="With --join: output file for the signed result.")
@click.option("--trust", type=FILE, multiple=True, metavar="LIST", help="With --join: trust list of accepted logs.")
@json_option
def calibrate_command(
    *,
    folder: Path | None,
    counts: Path | None,
    without_list: bool,
    dry_run: bool,
    joined: tuple[Path, ...],
    out: Path | None,
    trust: tuple[Path, ...],
    as_json: bool,
    **how: Untyped,
) -> None:
    """Measure how often matches are correct on your own photographs, and use that for new matches.

    Exhibit edits the photographs in --folder and searches for them among each other. The results determine the
    probabilities of new matches and the bound on false alarms, about 3 in N for N photographs. Earlier matches keep
    their probabilities. Pairs saved with `exhibit why --save` are shown, but not counted. At least 20 photographs are
    required. After an interruption, run the command again.

    With --join, combine counts of several installations, written with --counts, into one bound. Photographs in several
    counts are counted once. A signature proves who wrote the counts, not that they are correct. Save the result as
    joined.json in the data folder to show it on the site.

    List calibrations: exhibit api GET /operator/calibrations. Reset: exhibit api POST /operator/calibrations/reset
    """
    if joined:
        _join(joined, out, trust)
        return
    if folder is None:
        raise WrongUseError("No folder was given.", hint="Add --folder DIR, or --join FILE --out FILE.")
    from indexer.calibration import calibrate, filed_pairs, measure

    plan, jobs = measure.Plan(how["edited"]), how["jobs"]
    if dry_run:
        say(calibrate.describe_plan(calibrate.Order(folder, folder, "", "", plan, (), jobs)))
        return
    desk = open_desk()
    from registry.fingerprints.ports import get_descriptors
    from registry.log import accuracy
    from registry.matches import calibrations

    groups = () if how["same"] is None else calibrate.read_groups(how["same"])
    scratch = desk.config.data_dir / "calibration"
    name = folder.resolve().name
    described = f"The folder {name[:80]} of this installation"
    network = get_descriptors(desk.services).serving_file(desk.config.data_dir)
    order = calibrate.Order(folder, scratch, f"{name[:40]}-{now():%Y-%m}", described, plan, groups, jobs, network)
    outcome = calibrate.calibrate(order, _meter())
    if counts is not None:
        write_file(counts, accuracy.sign_counts(desk.services, outcome, list_photographs=not without_list))
    calibrations.activate(outcome.calibration, by=person())
    outcome = replace(outcome, kept=tuple(calibrate.measure_filed_pairs(filed_pairs.FiledPairs(desk.config.data_dir))))
    shutil.rmtree(scratch, ignore_errors=True)  # the measurements contain a small grey copy of each photograph
    _tell(outcome, as_json=as_json)


def _meter() -> "folders.Progress":
    """Return a function that prints the progress on standard error in steps of 5 per cent."""
    last_shown: dict[str, int] = {}

    def show(stage: str, done: int, total: int) -> None:
        part = done * 20 // max(1, total)
        if last_shown.get(stage) != part:
            last_shown[stage] = part
            note(f"{stage} {done:,} of {total:,}")

    return show


def _tell(outcome: "calibrate.Outcome", *, as_json: bool) -> None:
    from indexer.calibration import calibrate

    only_json({**_plain(outcome), "digest": outcome.calibration.digest.hex}, asked=as_json)
    fields(*calibrate.summarize(outcome))
    for decision in (Decision.CERTAIN, Decision.REVIEW):
        pairs = sorted({alarm.files for alarm in outcome.alarms(decision)})
        if pairs:
            say(f"\nFalse alarms ({decision}), {counted(len(pairs), 'pair')}:")
            for files in pairs[:LISTED]:
                say("  " + "  ".join(files))
    if outcome.alarms(Decision.CERTAIN) or outcome.alarms(Decision.REVIEW):
        say("\nIf two files show the same picture, list them in a file and add --duplicates FILE.")
    if outcome.misjudged:
        say("\nSaved pairs with a different result:")
    for pair in outcome.misjudged:
        label = "copy" if pair.copy else "different"
        say(f"  {pair.files[0]}: saved as {label}, result {pair.verification.decision}")
    say("New matches use this calibration.")


def _plain(outcome: "calibrate.Outcome") -> dict[str, object]:
    return {
        "name": outcome.calibration.name,
        "photographs": outcome.calibration.certain.photographs,
        "skipped": [{"file": picture.path, "reason": picture.reason} for picture in outcome.skipped],
        "kept": [
            {"pair": pair.files[0], "copy": pair.copy, "decision": pair.verification.decision} for pair in outcome.kept
        ],
        **{
            str(decision): {
                "failed": outcome.calibration.bound(decision).failed,
                "at_most_in_a_million": outcome.calibration.bound(decision).per_million,
                "pairs": sorted({alarm.files for alarm in outcome.alarms(decision)}),
            }
            for decision in (Decision.CERTAIN, Decision.REVIEW)
        },
    }


def _join(files: tuple[Path, ...], out: Path | None, trust: tuple[Path, ...]) -> None:
    """Combine signed counts of several installations into one bound on false alarms."""
    if out is None:
        raise WrongUseError("The output file is missing.", hint="Add --out FILE.")
    desk = open_desk()
    from evidence.accuracy import counts as counting
    from evidence.verdict import trust as lists
    from registry.log.local_log import get_log

    keys = {log.vkey for path in trust for log in lists.load_trust(path).logs}
    calibrations_given = []
    for path in files:
        counts, key = counting.read_signed_statement(counting.Counts, data := path.read_bytes(), what=path.name)
        if trust and key not in keys:
            note(f"Ignored {path.name}: no trust list contains its key {key}.")
        else:
            calibrations_given.append(counting.Source(Digest.of(data), key, counts))
    joined = counting.join_counts(calibrations_given, now().date().isoformat())
    write_file(out, counting.sign_statement(get_log(desk.services), joined))
    names = ["+".join(source.key.split("+", 2)[:2]) for source in joined.sources]  # name and key ID of its log
    parts = [
        (name, replace(joined, sources=(single_source,)))
        for name, single_source in zip(names, joined.sources, strict=True)
    ]
    parts += [("together", joined), ("without the largest", joined.without_largest)]
    table(COLUMNS, [_line(label, part) for label, part in parts])
    say(FORMULAS)


def _line(label: str, part: "counting.JoinedCounts") -> list[object]:
    bounds = part.bounds
    photographs = sum(source.stated.photographs for source in part.sources)
    cells = [(bound.failed, bound.per_million, bound.per_million_at_any_time) for bound in bounds.values()]
    return [label, photographs, bounds[Decision.CERTAIN].photographs, *chain.from_iterable(cells)]
