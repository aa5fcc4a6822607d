"""How figures become probabilities: measured on an archive of one's own."""

import json
import shutil
from dataclasses import replace
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING

import click

from desk.cli.common.files import write_file
from desk.cli.common.frame import examples, finish, open_desk, person
from desk.cli.common.options import FILE, PLACE, TO_WRITE, json_option
from desk.cli.common.show import counted, echo_json, fields, note, only_json, say, table
from exhibit.clock import now
from exhibit.digests import Digest
from exhibit.errors import ExitCode, WrongUseError
from exhibit.types import Decision, Untyped

if TYPE_CHECKING:
    from evidence.accuracy import counts as counting
    from indexer.calibration import calibrate
    from indexer.search import folders

LISTED = 20
COLUMNS = ("source", "searched for", "counted", "certain", "fixed", "any time", "review", "fixed", "any time")
FORMULAS = """
At most so many false alarms in a million pictures, 95%, on average over the N photographs counted, of which x failed.
fixed: numbers were fixed beforehand; the p at which C(N,0)(1-p)^N + ... + C(N,x)p^x(1-p)^(N-x) = 0.05, or 1-0.05^(1/N)
any time: whatever made somebody stop; the p at which e^(-sx) / (1-p(1-e^-s))^N has a mean of 20 over s = 3, 1, 1/3"""
SAME = "Which files show the same picture: a line for each picture, paths with ; between."
EXAMPLES = examples(
    "exhibit calibrate --folder ~/Pictures/archive --dry-run",
    "exhibit calibrate --folder ~/Pictures/archive",
    "exhibit calibrate --folder ~/Pictures/archive --counts counts.json",
    "exhibit calibrate show",
)


@click.group("calibrate", invoke_without_command=True, epilog=EXAMPLES)
@click.option("--folder", type=PLACE, metavar="DIR", help="Photographs, each of another picture.")
@click.option("--same", type=PLACE, metavar="FILE", help=SAME)
@click.option("--edited", type=click.IntRange(min=20), default=300, show_default=True, help="Edit at most so many.")
@click.option("--jobs", type=click.IntRange(min=1, max=256), default=1, show_default=True, help="Processes.")
@click.option("--counts", type=TO_WRITE, metavar="FILE", help="Write the counts, signed, to join them with others'.")
@click.option("--without-list", is_flag=True, help="Leave the list of photographs out of FILE: nobody can add it then.")
@click.option("--dry-run", is_flag=True, help="Say what would be measured, and do nothing.")
@json_option
@click.pass_context
def calibrate_command(
    context: click.Context,
    /,
    *,
    folder: Path | None,
    counts: Path | None,
    without_list: bool,
    dry_run: bool,
    as_json: bool,
    **how: Untyped,
) -> None:
    """Measure how often the comparison is right on an archive of your own, and use that from now on.

    Photographs are edited, and searched for among one another; from what is found follow the probabilities of new
    matches and the bound on false alarms. Earlier matches keep theirs. The bound is some 3 in N, so more photographs
    allow to claim more; with fewer than 20 it ends with 2. After an interruption the same command goes on. What this
    version makes of the pairs that `exhibit why --keep` filed is told beside; no figure is reckoned from them.
    """
    if context.invoked_subcommand is not None:
        return
    if folder is None:
        raise WrongUseError("No folder is named.", hint="exhibit calibrate --folder DIR, or exhibit calibrate show")
    from indexer.calibration import calibrate, kept, measure
    from registry.fingerprints.ports import get_descriptors

    plan, jobs = measure.Plan(how["edited"]), how["jobs"]
    if dry_run:
        say(calibrate.foretold(calibrate.Order(folder, folder, "", "", plan, (), jobs)))
        return
    desk = open_desk()
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
        write_file(counts, accuracy.sign_counts(desk.services, outcome, listed=not without_list))
    calibrations.use(outcome.calibration, by=person())
    outcome = replace(outcome, kept=tuple(calibrate.measure_kept(kept.KeptPairs(desk.config.data_dir))))
    shutil.rmtree(scratch, ignore_errors=True)  # what was measured holds a small grey copy of each photograph
    _tell(outcome, as_json=as_json)


def _meter() -> "folders.Progress":
    """Says how far it is, on standard error, a line for each twentieth."""
    told: dict[str, int] = {}

    def show(stage: str, done: int, total: int) -> None:
        part = done * 20 // max(1, total)
        if told.get(stage) != part:
            told[stage] = part
            note(f"{stage} {done:,} of {total:,}")

    return show


def _tell(outcome: "calibrate.Outcome", *, as_json: bool) -> None:
    from indexer.calibration import calibrate

    only_json({**_plain(outcome), "digest": outcome.calibration.digest.hex}, asked=as_json)
    fields(*calibrate.told(outcome))
    for decision in (Decision.CERTAIN, Decision.REVIEW):
        pairs = sorted({alarm.files for alarm in outcome.alarms(decision)})
        if pairs:
            say(f"\nDifferent photographs that were decided {decision}, {counted(len(pairs), 'pair')}:")
            for files in pairs[:LISTED]:
                say("  " + "  ".join(files))
    if outcome.alarms(Decision.CERTAIN) or outcome.alarms(Decision.REVIEW):
        say("\nWhere two files show the same picture, name them with --same and calibrate again.")
    if outcome.misjudged:
        say("\nPairs that you kept, and that come out otherwise than you said:")
    for pair in outcome.misjudged:
        said = "copy" if pair.copy else "different"
        say(f"  {pair.files[0]}: {said}, decided {pair.verification.decision}")
    say("In use for new matches from now on.")


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


@calibrate_command.command(
    "show",
    epilog=examples("exhibit calibrate show", "exhibit calibrate show --json"),
    short_help="Show those there are.",
)
@json_option
def show_calibrations(*, as_json: bool) -> None:
    """Show the calibrations that were ever used, and which one is used now. Ends with 4 when none fits."""
    open_desk()
    from exhibit.comparison import calibration
    from indexer.picture import spaces
    from registry.matches import calibrations

    active = calibrations.active(spaces.PIPELINE)
    rows = [(row.shipped, calibration.Calibration.from_json(row.content.encode())) for row in calibrations.every()]
    if as_json:
        told = [{**json.loads(one.to_json()), "digest": one.digest.hex, "shipped": shipped} for shipped, one in rows]
        echo_json({"in_use": None if active is None else active.digest.hex, "calibrations": told})
    elif rows:
        columns = ("name", "digest", "for", "photographs", "certain, in a million", "review, in a million", "in use")
        lines = [
            (one.name, one.digest.hex[:12], one.pipeline, one.certain.photographs, one.certain.per_million,
             one.review.per_million, "yes" if one == active else "")
            for _, one in rows
        ]  # fmt: skip
        table(columns, lines)
        say("In a million: at most so many false alarms in a million pictures, with 95% confidence.")
    if active is None:
        pipeline = spaces.PIPELINE
        note(f"There is no calibration for {pipeline} with the network in use yet, so matches have no probability.")
        note("Make one: exhibit calibrate --folder DIR")
        finish(ExitCode.INCOMPLETE)


@calibrate_command.command(
    "reset", epilog=examples("exhibit calibrate reset"), short_help="Use none of your own any more."
)
def use_shipped() -> None:
    """Use none of your own calibrations any more, but the one that came with the software, for matches from now on.

    Yours stay, unused, for the earlier matches that got their probability from them.
    """
    open_desk()
    from indexer.picture import spaces
    from registry.matches import calibrations

    calibrations.use_shipped(by=person())
    pipeline = spaces.PIPELINE
    active = calibrations.active(pipeline)
    if active is None:
        say(f"None came with the software for {pipeline} and the network in use: new matches have no probability.")
    else:
        say(f"New matches get their probability from {active.name}, which came with the software.")


@calibrate_command.command(
    "join",
    epilog=examples(
        "exhibit calibrate join ours.json theirs.json --out joined.json",
        "exhibit calibrate join ours.json theirs.json --out joined.json --trust our-keys.json --trust their-keys.json",
    ),
    short_help="Join signed counts of several installations.",
)
@click.argument("files", nargs=-1, required=True, type=FILE)
@click.option("--out", type=TO_WRITE, required=True, metavar="FILE", help="Written, signed.")
@click.option("--trust", type=FILE, multiple=True, metavar="LIST", help="Count only logs of these trust lists.")
def join_counts(*, files: tuple[Path, ...], out: Path, trust: tuple[Path, ...]) -> None:
    """Join FILES, which `exhibit calibrate --counts` wrote on several installations, into one bound on false alarms.

    A photograph that several have counts once. A signature says whose counts they are, not that they are true: compare
    the lines, and name whom you trust. In the data folder as joined.json, the result is shown on the site.
    """
    desk = open_desk()
    from evidence.accuracy import counts as counting
    from evidence.verdict import trust as lists
    from registry.log.own_log import get_log

    keys = {log.vkey for path in trust for log in lists.load_trust(path).logs}
    given = []
    for path in files:
        counts, key = counting.read_signed(counting.Counts, data := path.read_bytes(), what=path.name)
        if trust and key not in keys:
            note(f"Left out, since no trust list names its key: {path.name}, {key}")
        else:
            given.append(counting.Source(Digest.of(data), key, counts))
    joined = counting.join(given, now().date().isoformat())
    write_file(out, counting.signed(get_log(desk.services), joined))
    names = ["+".join(source.key.split("+", 2)[:2]) for source in joined.sources]  # of its log, and which key
    parts = [(name, replace(joined, sources=(one,))) for name, one in zip(names, joined.sources, strict=True)]
    parts += [("together", joined), ("without the largest", joined.without_largest)]
    table(COLUMNS, [_line(label, part) for label, part in parts])
    say(FORMULAS)


def _line(label: str, part: "counting.Joined") -> list[object]:
    bounds = part.bounds
    stated = sum(source.stated.photographs for source in part.sources)
    cells = [(bound.failed, bound.per_million, bound.per_million_at_any_time) for bound in bounds.values()]
    return [label, stated, bounds[Decision.CERTAIN].photographs, *chain.from_iterable(cells)]
