"""`exhibit model add`: networks that describe pictures."""

import sys
import zipfile
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from desk.cli.common.frame import Desk, ask, examples, finish, open_desk, person
from desk.cli.common.options import FILE, FOLDER, json_option, yes_option
from desk.cli.common.show import echo_json, fields, moment, note, say, size, table, told
from exhibit.errors import ExitCode, WrongUseError

if TYPE_CHECKING:
    from indexer.calibration import recall
    from registry.fingerprints import model_files, networks

RECALLS = (
    ("first", "R@1"),
    ("few", "R@10"),
    ("rare", "R@1e-4, above 1 in 10,000 unrelated pairs"),
    ("never", "R@0FP, above all unrelated pairs"),
)
model_command = click.Group(
    "model", help="Manage networks that compute descriptors of pictures, to find edited copies."
)


@model_command.command(
    "add",
    epilog=examples(
        "exhibit model add sscd.onnx --card sscd.toml --photos ~/Pictures",
        "exhibit model add sscd.zip --key 9c5e2ab07d41f386 --photos ~/Pictures",
        notes=(
            "Recall of edited copies:",
            "R@1    share whose original is the nearest picture",
            "R@10   share whose original is among the ten nearest",
            "R@0FP  share that is nearer than any unrelated pair",
        ),
    ),
)
@click.argument("file", type=FILE)
@click.option("--card", type=FILE, help="Description of an ONNX file (TOML); see docs/reference/descriptors.md.")
@click.option(
    "--key", default="", metavar="HEX", help="First digits of the author's public key, obtained from the author."
)
@click.option("--force", "anyway", is_flag=True, help="Add the network even if a newer card of it is installed.")
@click.option(
    "--photos", type=FOLDER, help="Folder of photographs for the measurement; the registered works by default."
)
@click.option("--works", default=60, show_default=True, type=click.IntRange(4, 500), help="Number of searches.")
@yes_option
@json_option
def add_model(
    *,
    file: Path,
    card: Path | None,
    key: str,
    anyway: bool,
    photos: Path | None,
    works: int,
    yes: bool,
    as_json: bool,
) -> None:
    """Add the network in FILE, and measure it and the one in use. This takes minutes.

    FILE is an ONNX file with a --card, or a ZIP exported by another installation. The command shows the card of a ZIP
    and asks for confirmation. The measurement requires at least 20 photographs; some hundred are better.

    Exits with 1 if the network was not measured, or its recall is below the claim of its card.

    Use it: exhibit api POST /operator/models/NAME/use. List networks: exhibit api GET /operator/models
    """
    is_shared = zipfile.is_zipfile(file)
    if is_shared == (card is not None):
        hint = "Add --card for an ONNX file; omit it for an exported ZIP, which includes its card."
        raise WrongUseError("FILE and --card do not match.", hint=hint)
    desk = open_desk()
    from registry.fingerprints import networks, shared_models

    remarks: tuple[str, ...] = ()
    if card is not None:
        row = networks.add_model(desk.services, file, card, by=person())
    else:
        offer = shared_models.read_offer(file, key, anyway=anyway)
        remarks = offer.remarks
        if not as_json:
            _show_card(desk, offer.card, remarks)
        if not yes:
            ask("Add and measure this network?")
        row = shared_models.import_offer(desk.services, offer, by=person())
    name = f"{row.name}@{row.version}"
    reason, result = "", None
    try:
        result = _measure(desk, name, photos, works)
    except WrongUseError as error:
        reason = error.message
    beside = networks.compare_with_claim(networks.get_model(desk.services, name)) if result else None
    if as_json:
        answer = {"name": row.name, "version": row.version, "remarks": remarks, "error": reason}
        echo_json({**answer, "measured": result and _plain(result), "compared": beside and asdict(beside)})
    elif result is None:
        say(f"{name} was added but not measured, so it cannot be used. {reason}")
        note(f"Measure it: exhibit model add {file} --photos DIR")
    else:
        _show_measured(result)
        _show_next(name, beside)
    if result is None or (beside is not None and beside.falls_short):
        finish(ExitCode.CHECK_FAILED)


def _measure(desk: Desk, name: str, photos: Path | None, works: int) -> "networks.RecallComparison":
    from registry.fingerprints import networks

    with click.progressbar(length=100, label="Measuring", file=sys.stderr) as bar:

        def progress(done: int, total: int) -> None:
            bar.update(100 * done // total - bar.pos)

        return networks.measure_model(desk.services, name, photos, works, progress)


def _plain(measurement: "networks.RecallComparison") -> dict[str, object]:
    from indexer.calibration import recall

    beside = {measurement.serving: recall.as_dict(measurement.beside)}
    return {measurement.name: recall.as_dict(measurement.recall), "beside": beside}


def _show_card(desk: Desk, card: "model_files.SignedCard", remarks: tuple[str, ...]) -> None:
    network, measurement = card.network, card.measured
    claimed = measurement.overall
    fields(
        ("network", f"{network.name} {network.version}, {network.width} components, {size(card.size)}"),
        ("author", card.author),
        ("key", card.key.hex()),
        ("created", moment(card.made_at, desk.zone)),
        *told(network, "licence", "source"),
        *told(card, "terms", "price"),
        ("claimed", f"R@1 {_share(claimed.first)}, R@10 {_share(claimed.few)}"),
        ("photographs", f"{measurement.photos} in {len(measurement.by_edit)} edits among {measurement.references}"),
        ("measured", f"{moment(measurement.at, desk.zone)}, {measurement.command}"),
    )
    for remark in remarks:
        note(remark)


def _show_next(name: str, beside: "model_files.Comparison | None") -> None:
    """Show what the card of a network claims beside what was measured, and how to use it."""
    command = f"exhibit api POST /operator/models/{name}/use"
    if beside is None:
        say(f"Use it: {command}")
        return
    rows = [
        [label, _share(getattr(beside.claimed, key)), _share(getattr(beside.measured, key))] for key, label in RECALLS
    ]
    click.echo()
    table((f"over {beside.edits} edits", "claimed", "measured"), rows)
    if beside.falls_short:
        say(f"The recall of {name} is below the claim of its card, so it is not used.")
        note(f"Use it anyway: {command} --field anyway=true")
    else:
        say(f"The recall of {name} meets the claim of its card. Use it: {command}")


def _show_measured(measurement: "networks.RecallComparison") -> None:
    own, other = measurement.recall, measurement.beside
    edits = f"{len(own.by_edit)} edits among {own.references}"
    say(f"{own.photos} photographs in {edits}; {own.pairs} unrelated pairs.")
    click.echo()
    rows = [[label, _share(getattr(own.overall, key)), _share(getattr(other.overall, key))] for key, label in RECALLS]
    rows.append(["milliseconds per picture", f"{own.milliseconds:.1f}", f"{other.milliseconds:.1f}"])
    table(("", measurement.name, f"in use: {measurement.serving}"), rows)
    click.echo()
    table(("R@10 by edit", measurement.name, "in use"), _by_edit(own, other))


def _by_edit(own: "recall.Recall", other: "recall.Recall") -> list[list[object]]:
    """The edits in which one of the two misses something."""
    return [
        [edit, _share(own.by_edit[edit].few), _share(other.by_edit[edit].few)]
        for edit in own.by_edit
        if min(own.by_edit[edit].few, other.by_edit[edit].few) < 1
    ]


def _share(value: float) -> str:
    return f"{value:.3f}"
