"""`exhibit model add`: models that compute descriptors of pictures."""

import sys
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from desk.cli.common.context import (
    CommandContext,
    confirm,
    exit_with,
    format_examples,
    get_actor_name,
    open_command_context,
)
from desk.cli.common.options import EXISTING_FILE, EXISTING_FOLDER, json_option, yes_option
from desk.cli.common.output import (
    echo_fields,
    echo_json,
    echo_note,
    echo_table,
    echo_text,
    format_size,
    format_time,
    select_fields,
)
from exhibit.errors import ExitCode, InvalidRequestError

if TYPE_CHECKING:
    from indexer.calibration import recall
    from registry.fingerprints import descriptor_models, model_files

RECALL_LABELS = (
    ("first", "R@1"),
    ("few", "R@10"),
    ("rare", "R@1e-4, above 1 in 10,000 unrelated pairs"),
    ("never", "R@0FP, above all unrelated pairs"),
)
model_command = click.Group(
    "model", help="Manage neural-network models that compute picture descriptors, used to find edited copies."
)


@model_command.command(
    "add",
    epilog=format_examples(
        "exhibit model add sscd.onnx --card sscd.toml --photos ~/Pictures",
        "exhibit model add sscd.zip --key 9c5e2ab07d41f386 --photos ~/Pictures",
        notes=(
            "Recall of edited copies:",
            "R@1    fraction of copies whose original is the nearest picture",
            "R@10   fraction of copies whose original is among the ten nearest pictures",
            "R@0FP  fraction of copies that are nearer to the original than any unrelated picture",
        ),
    ),
)
@click.argument("file", type=EXISTING_FILE)
@click.option(
    "--card", type=EXISTING_FILE, help="Model card for an ONNX file (TOML); see docs/reference/descriptors.md."
)
@click.option(
    "--key", default="", metavar="HEX", help="First digits of the author's public key, obtained from the author."
)
@click.option("--force", is_flag=True, help="Add the model even if a newer card of this model is installed.")
@click.option(
    "--photos",
    type=EXISTING_FOLDER,
    help="Folder of photographs for the measurement; by default, the registered works.",
)
@click.option("--works", default=60, show_default=True, type=click.IntRange(4, 500), help="Maximum number of searches.")
@yes_option
@json_option
def add_model(
    *,
    file: Path,
    card: Path | None,
    key: str,
    force: bool,
    photos: Path | None,
    works: int,
    yes: bool,
    as_json: bool,
) -> None:
    """Add the model in FILE, and measure this model and the model in use. This takes several minutes.

    FILE is an ONNX file with a --card, or a ZIP exported by another installation. For a ZIP, the command
    shows the card and asks for confirmation. The measurement requires at least 20 photographs; several hundred give
    better results.

    Exits with 1 if the model could not be measured, or if its recall is below the recall claimed on its card.

    Use a model: exhibit api POST /operator/models/NAME/use. List models: exhibit api GET /operator/models
    """
    is_shared = zipfile.is_zipfile(file)
    if is_shared == (card is not None):
        hint = "Add --card for an ONNX file. Omit --card for an exported ZIP, which contains its card."
        raise InvalidRequestError("FILE and --card do not match.", hint=hint)
    context = open_command_context()
    from registry.fingerprints import descriptor_models, shared_models

    remarks: tuple[str, ...] = ()
    if card is not None:
        row = descriptor_models.add_model(context.services, file, card, by=get_actor_name())
    else:
        offer = shared_models.read_signed_model(file, key, allow_older=force)
        remarks = offer.remarks
        if not as_json:
            _echo_card(context, offer.card, remarks)
        if not yes:
            confirm("Add and measure this model?")
        row = shared_models.import_signed_model(context.services, offer, by=get_actor_name())
    name = f"{row.name}@{row.version}"
    reason, result = "", None
    try:
        result = _measure(context, name, photos, works)
    except InvalidRequestError as error:
        reason = error.message
    comparison = (
        descriptor_models.compare_with_claim(descriptor_models.get_model(context.services, name)) if result else None
    )
    if as_json:
        output = {"name": row.name, "version": row.version, "remarks": remarks, "error": reason}
        echo_json(
            {
                **output,
                "measured": result and _comparison_to_dict(result),
                "compared": comparison and asdict(comparison),
            }
        )
    elif result is None:
        echo_text(f"{name} was added but not measured, so it cannot be used. {reason}")
        echo_note(f"Measure the model: exhibit model add {file} --photos DIR")
    else:
        _echo_measurement(result)
        _echo_next_step(name, comparison)
    if result is None or (comparison is not None and comparison.falls_short):
        exit_with(ExitCode.CHECK_FAILED)


def _measure(
    context: CommandContext, name: str, photos: Path | None, works: int
) -> "descriptor_models.RecallComparison":
    from registry.fingerprints import descriptor_models

    with click.progressbar(length=100, label="Measuring", file=sys.stderr) as bar:

        def progress(done: int, total: int) -> None:
            bar.update(100 * done // total - bar.pos)

        return descriptor_models.measure_model(context.services, name, photos, works, progress)


def _comparison_to_dict(measurement: "descriptor_models.RecallComparison") -> dict[str, object]:
    from indexer.calibration import recall

    serving_recall = {measurement.serving_name: recall.recall_to_dict(measurement.serving_recall)}
    return {measurement.name: recall.recall_to_dict(measurement.recall), "beside": serving_recall}


def _echo_card(context: CommandContext, card: "model_files.SignedCard", remarks: tuple[str, ...]) -> None:
    model, measurement = card.network, card.measured
    claimed = measurement.mean_recall
    echo_fields(
        ("model", f"{model.name} {model.version}, {model.width} components, {format_size(card.size)}"),
        ("author", card.author),
        ("key", card.key.hex()),
        ("created", format_time(card.made_at, context.zone)),
        *select_fields(model, "licence", "source"),
        *select_fields(card, "terms", "price"),
        ("claimed", f"R@1 {_format_fraction(claimed.first)}, R@10 {_format_fraction(claimed.few)}"),
        (
            "photographs",
            (
                f"{measurement.photos} in {len(measurement.by_edit)} edits among {measurement.references} "
                f"reference photographs"
            ),
        ),
        ("measured", f"{format_time(measurement.at, context.zone)}, {measurement.command}"),
    )
    for remark in remarks:
        echo_note(remark)


def _echo_next_step(name: str, comparison: "model_files.ClaimComparison | None") -> None:
    """Print the claims of a model's card beside its measurements, and the command to use the model."""
    command = f"exhibit api POST /operator/models/{name}/use"
    if comparison is None:
        echo_text(f"Use the model: {command}")
        return
    rows = [
        [label, _format_fraction(getattr(comparison.claimed, key)), _format_fraction(getattr(comparison.measured, key))]
        for key, label in RECALL_LABELS
    ]
    click.echo()
    echo_table((f"over {comparison.edits} edits", "claimed", "measured"), rows)
    if comparison.falls_short:
        echo_text(f"The recall of {name} is below the recall claimed on its card, so the model is not used.")
        echo_note(f"Use the model anyway: {command} --field force=true")
    else:
        echo_text(f"The recall of {name} meets the recall claimed on its card. Use the model: {command}")


def _echo_measurement(measurement: "descriptor_models.RecallComparison") -> None:
    added_recall, serving_recall = measurement.recall, measurement.serving_recall
    edits = f"{len(added_recall.by_edit)} edits among {added_recall.references} reference photographs"
    echo_text(f"{added_recall.photos} photographs, each in {edits}; {added_recall.pairs} unrelated pairs.")
    click.echo()
    rows = [
        [
            label,
            _format_fraction(getattr(added_recall.overall, key)),
            _format_fraction(getattr(serving_recall.overall, key)),
        ]
        for key, label in RECALL_LABELS
    ]
    rows.append(["milliseconds per picture", f"{added_recall.milliseconds:.1f}", f"{serving_recall.milliseconds:.1f}"])
    echo_table(("", measurement.name, f"in use: {measurement.serving_name}"), rows)
    click.echo()
    echo_table(("R@10 by edit", measurement.name, "in use"), _list_imperfect_edits(added_recall, serving_recall))


def _list_imperfect_edits(added: "recall.Recall", serving: "recall.Recall") -> list[list[object]]:
    """List the edits in which the recall of one of the two models is below 1."""
    return [
        [edit, _format_fraction(added.by_edit[edit].few), _format_fraction(serving.by_edit[edit].few)]
        for edit in added.by_edit
        if min(added.by_edit[edit].few, serving.by_edit[edit].few) < 1
    ]


def _format_fraction(value: float) -> str:
    return f"{value:.3f}"
