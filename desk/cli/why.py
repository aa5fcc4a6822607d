"""`exhibit why`."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from desk.cli.common.files import read_picture
from desk.cli.common.frame import examples, finish, open_desk, person
from desk.cli.common.options import FILE, json_option, owner_option
from desk.cli.common.show import fields, note, say, table, tell
from desk.cli.compare import MAX_BYTES, measured_file
from exhibit.errors import ExitCode, WrongUseError
from exhibit.types import Decision, Json
from registry.configuration import load_config

if TYPE_CHECKING:
    from indexer.search import explanation as explaining

KEEP = "Save the pair for `exhibit calibrate`, as a copy or as different pictures."


@click.command("why", epilog=examples("exhibit why ours.jpg theirs.png", "exhibit why 12 theirs.png --save copy"))
@click.argument("original")
@click.argument("copy", type=FILE)
@owner_option
@click.option("--save", "keep", type=click.Choice(["copy", "different"]), help=KEEP)
@json_option
def why_command(*, original: str, copy: Path, named: str | None, keep: str | None, as_json: bool) -> None:
    """Explain why COPY matches or does not match ORIGINAL, with the measurements, limits and result of each stage.

    ORIGINAL is a file or the number of a work. For a work, COPY is searched for among all works of the owner. No case
    is changed. Exits with 0 if COPY matches, 1 if it does not.
    """
    from indexer.calibration import filed_pairs
    from indexer.search import explanation as explaining

    data, about, before = read_picture(copy, MAX_BYTES), f"{Path(original).name} / {copy.name}", list[int]()
    if Path(original).is_file():
        registered, features = measured_file(Path(original))
        explained = explaining.explain(data, {0: features})
        if keep is not None:
            pairs = filed_pairs.FiledPairs(load_config().data_dir)
            pairs.add(registered, data, filed_pairs.Judgement(keep), explained, about=about, by=person())
    elif original.isdecimal():
        desk = open_desk()
        from registry import scoped
        from registry.matches import explanations

        work = scoped.work(desk.owner(named), int(original))
        explained = explanations.explain_search(desk.services, work, data)
        before = explanations.list_preceding_works(work, explained)
        if keep is not None:
            explanations.store_pair(
                desk.services, work, explained, data, filed_pairs.Judgement(keep), name=copy.name, by=person()
            )
    else:
        raise WrongUseError(
            f"{original} is neither a file nor the number of a work.", hint="List works: exhibit api GET works"
        )
    tell(_plain(explained, before), lambda: _tell(explained, before), as_json=as_json)
    if keep is not None:
        note("Saved the pair for calibrations.")
    if explained.decision is Decision.NONE:
        finish(ExitCode.CHECK_FAILED)


def _tell(explained: "explaining.Explanation[int]", before: list[int]) -> None:
    from indexer.compare import wording

    say(f"{explained.decision}: {explained.sentences[0]}")
    for sentence in (*explained.sentences[1:], *(wording.REASONS.get(reason, reason) for reason in explained.reasons)):
        say(f"  {sentence}")
    odds = (
        []
        if explained.examined is None
        else wording.describe_odds(explained.examined.related, explained.examined.exposure)
    )
    fields(*(("  odds", words) for words in odds))
    fields(("  ranked before it", ", ".join(f"work {number}" for number in before)))
    lines: list[tuple[str, str, str, str]] = []
    for gate in explained.gates:
        lines.append((gate.title, "", "", "passed" if gate.passed else "FAILED"))
        lines += [(f"  {what}", figure, limit, "" if holds else "not met") for what, figure, limit, holds in gate.rows]
    table(("", "measured", "limit or weight", "result"), lines)


def _plain(explained: "explaining.Explanation[int]", before: list[int]) -> Mapping[str, Json]:
    return {
        "decision": explained.decision,
        "fell": explained.failed_gate and explained.failed_gate.name,
        "sentences": explained.sentences,
        "reasons": explained.reasons,
        **{name: getattr(explained.examined, name, None) for name in ("related", "exposure", "figures")},
        "before": before,
        "gates": [asdict(gate) for gate in explained.gates],
    }
