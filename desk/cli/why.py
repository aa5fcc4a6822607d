"""`exhibit why`."""

from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from desk.cli.common.context import exit_with, format_examples, get_actor_name, open_command_context
from desk.cli.common.files import read_picture
from desk.cli.common.options import EXISTING_FILE, json_option, owner_option
from desk.cli.common.output import echo_fields, echo_note, echo_result, echo_table, echo_text
from desk.cli.compare import MAX_BYTES, measure_file
from exhibit.errors import ExitCode, InvalidRequestError
from exhibit.types import Decision, Json
from registry.configuration import load_config

if TYPE_CHECKING:
    from indexer.search import explanation as explaining

SAVE_HELP = "Save the pair for `exhibit calibrate`, as a copy or as different pictures."


@click.command(
    "why", epilog=format_examples("exhibit why ours.jpg theirs.png", "exhibit why 12 theirs.png --save copy")
)
@click.argument("original")
@click.argument("copy", type=EXISTING_FILE)
@owner_option
@click.option("--save", "judgement", type=click.Choice(["copy", "different"]), help=SAVE_HELP)
@json_option
def why_command(*, original: str, copy: Path, owner_name: str | None, judgement: str | None, as_json: bool) -> None:
    """Explain why COPY matches or does not match ORIGINAL, with the measurements, limits and result of each stage.

    ORIGINAL is a file or the number of a work. If ORIGINAL is a work number, COPY is compared with all works of the
    owner. The command changes no cases. Exits with 0 if COPY matches, and with 1 if COPY does not match.
    """
    from indexer.calibration import filed_pairs
    from indexer.search import explanation as explaining

    data, description, preceding_works = (
        read_picture(copy, MAX_BYTES),
        f"{Path(original).name} / {copy.name}",
        list[int](),
    )
    if Path(original).is_file():
        original_data, features = measure_file(Path(original))
        explanation = explaining.explain(data, {0: features})
        if judgement is not None:
            pairs = filed_pairs.FiledPairs(load_config().data_dir)
            pairs.add(
                original_data,
                data,
                filed_pairs.Judgement(judgement),
                explanation,
                picture_names=description,
                by=get_actor_name(),
            )
    elif original.isdecimal():
        context = open_command_context()
        from registry import scoped
        from registry.matches import explanations

        work = scoped.get_work(context.get_owner(owner_name), int(original))
        explanation = explanations.explain_search(context.services, work, data)
        preceding_works = explanations.list_preceding_works(work, explanation)
        if judgement is not None:
            explanations.store_pair(
                context.services,
                work,
                explanation,
                data,
                filed_pairs.Judgement(judgement),
                name=copy.name,
                by=get_actor_name(),
            )
    else:
        raise InvalidRequestError(
            f"{original} is neither a file nor a work number.", hint="List works: exhibit api GET works"
        )
    echo_result(
        _to_json(explanation, preceding_works), lambda: _echo_explanation(explanation, preceding_works), as_json=as_json
    )
    if judgement is not None:
        echo_note("Saved the pair for calibrations.")
    if explanation.decision is Decision.NONE:
        exit_with(ExitCode.CHECK_FAILED)


def _echo_explanation(explanation: "explaining.Explanation[int]", preceding_works: list[int]) -> None:
    from indexer.compare import wording

    echo_text(f"{explanation.decision}: {explanation.sentences[0]}")
    for sentence in (
        *explanation.sentences[1:],
        *(wording.REASONS.get(reason, reason) for reason in explanation.reasons),
    ):
        echo_text(f"  {sentence}")
    odds = (
        []
        if explanation.examined is None
        else wording.describe_odds(explanation.examined.related, explanation.examined.exposure)
    )
    echo_fields(*(("  odds", text) for text in odds))
    echo_fields(("  ranked higher", ", ".join(f"work {number}" for number in preceding_works)))
    rows: list[tuple[str, str, str, str]] = []
    for gate in explanation.gates:
        rows.append((gate.title, "", "", "passed" if gate.passed else "FAILED"))
        rows += [
            (f"  {measurement}", value, limit, "" if is_met else "not met")
            for measurement, value, limit, is_met in gate.rows
        ]
    echo_table(("", "measured", "limit or weight", "result"), rows)


def _to_json(explanation: "explaining.Explanation[int]", preceding_works: list[int]) -> Mapping[str, Json]:
    return {
        "decision": explanation.decision,
        "fell": explanation.failed_gate and explanation.failed_gate.name,
        "sentences": explanation.sentences,
        "reasons": explanation.reasons,
        **{name: getattr(explanation.examined, name, None) for name in ("related", "exposure", "figures")},
        "before": preceding_works,
        "gates": [asdict(gate) for gate in explanation.gates],
    }
