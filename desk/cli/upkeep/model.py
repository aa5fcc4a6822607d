"""Networks that describe pictures: ours, and those that somebody brings."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from desk.cli.common.command import FILE, FOLDER, AsJson, GivenFile, Word, command
from desk.cli.common.frame import Desk, person
from desk.cli.common.show import counted, echo_json, note, say, size, table

if TYPE_CHECKING:
    from indexer.calibration.recall import Recall
    from workers.matching.descriptor_models import Measured, ModelState

STATES = {
    "serving": "in use",
    "building": "being brought into use",
    "failed": "stopped",
    "measured": "measured",
    "shipped": "comes with Exhibit",
    "added": "not measured",
}
FIGURES = """\b
Figures, empty until `exhibit model measure` has run; a network only proposes,
what decides is the comparison that follows:
  R@1       share of edited copies whose original was the nearest picture
  R@10      ... was among the ten nearest
  R@0FP     ... was nearer than the two pictures of any unrelated pair
  ms        milliseconds to describe one picture
  pictures  how many it has described; of how many, while that goes on

"""
RECALLS = (
    ("first", "R@1"),
    ("few", "R@10"),
    ("rare", "R@1e-4, above 1 in 10,000 strange pairs"),
    ("never", "R@0FP, above all strange pairs"),
)
model_command = click.Group("model", help="The network that describes pictures, so that edited copies are found.")


@command("add", "exhibit model add sscd.onnx --card sscd.toml", of=model_command, short_help="Add an ONNX file.")
@click.option("--card", required=True, type=FILE, help="What the network needs, in TOML; docs/operator.md shows one.")
def add_model(*, desk: Desk, file: GivenFile, card: Path, as_json: AsJson) -> None:
    """Add a network of your own as an ONNX file. It is tried at once; it can be used when it has been measured."""
    from workers.matching import descriptor_models

    row = descriptor_models.add_model(desk.services, file, card, by=person())
    if as_json:
        echo_json({"name": row.name, "version": row.version, "sha256": row.digest.hex, "bytes": row.size})
        return
    say(f"Added {row}, {row.card['width']} components, licence {row.card['licence']}.")
    note(f"Measure it: exhibit model measure {row.name}@{row.version} --photos DIR")


@command(
    "measure",
    "exhibit model measure sscd",
    "exhibit model measure sscd@1 --photos ~/Pictures",
    of=model_command,
    short_help="Measure what one finds in edited pictures.",
)
@click.option("--photos", type=FOLDER, help="Folder of photographs; your registered works, if not named.")
@click.option("--works", default=60, show_default=True, type=click.IntRange(4, 500), help="How many are looked for.")
def measure_model(*, desk: Desk, name: Word, photos: Path | None, works: int, as_json: AsJson) -> None:
    """Measure what a network finds: photographs in all edits, beside the network in use. Takes some minutes.

    At least 20 photographs are needed, better some hundred. `exhibit model list --help` explains the figures.
    """
    from workers.matching import descriptor_models

    descriptor_models.model_named(desk.services, name)
    with click.progressbar(length=100, label="Measuring", file=sys.stderr) as bar:

        def progress(done: int, total: int) -> None:
            bar.update(100 * done // total - bar.pos)

        found = descriptor_models.measure_model(desk.services, name, photos, works, progress)
    if as_json:
        from indexer.calibration.recall import as_plain

        echo_json({found.name: as_plain(found.recall), "beside": {found.serving: as_plain(found.beside)}})
    else:
        _show_measured(found)


@command("list", "exhibit model list", above=FIGURES, of=model_command, short_help="List them, with state and figures.")
def list_models(*, desk: Desk, as_json: AsJson) -> None:
    """List the networks: which is in use, how far another is, and what was measured of each."""
    from workers.matching.descriptor_models import model_states

    states = model_states(desk.services)
    if as_json:
        echo_json({"models": [_plain(state) for state in states]})
        return
    columns = ("name", "version", "state", "width", "size", "R@1", "R@10", "R@0FP", "ms", "pictures")
    table(columns, [_row(state) for state in states])
    for state in states:
        for line in _remarks(state):
            note(line)


@command(
    "use",
    "exhibit model use sscd",
    "exhibit model use descriptor",
    of=model_command,
    short_help="Bring a measured one into use.",
)
def use_model(*, desk: Desk, name: Word) -> None:
    """Bring a network into use: all pictures are described anew in the background, and then it serves.

    The one in use serves until then; `exhibit model list` shows how far it is. Naming the one in use stops what is
    under way.
    """
    from workers.matching import descriptor_models

    row = descriptor_models.use_model(desk.services, name, by=person())
    states = descriptor_models.model_states(desk.services)
    state = next(state for state in states if (state.name, state.version) == (row.name, row.version))
    if state.state == "serving":
        say(f"{row} stays in use.")
        return
    say(f"{row} is being brought into use: {counted(state.waiting, 'picture')} to describe.")
    if state.beyond_reach:
        say(_out_of_reach(state))
    if not desk.workers_run:
        note("The workers do it; start them: exhibit up")


@command("drop", "exhibit model drop sscd", of=model_command, short_help="Remove one that isn't in use.")
def drop_model(*, desk: Desk, name: Word) -> None:
    """Remove a network that isn't in use, with everything that was described by it."""
    from workers.matching import descriptor_models

    say(f"Removed {descriptor_models.drop_model(desk.services, name, by=person())}.")


def _plain(state: "ModelState") -> dict[str, Any]:
    return {**asdict(state), "measured_at": state.measured_at and state.measured_at.isoformat()}


def _row(state: "ModelState") -> list[object]:
    figures: list[object] = ["", "", "", ""]
    if state.recall is not None:
        overall = state.recall.overall
        shares = map(_share, (overall.first, overall.few, overall.never))
        figures = [*shares, f"{state.recall.milliseconds:.1f}"]
    done = f"{state.described} of {state.described + state.waiting}" if state.waiting else str(state.described)
    return [state.name, state.version, STATES[state.state], state.width, size(state.size), *figures, done]


def _remarks(state: "ModelState") -> list[str]:
    name = f"{state.name} {state.version}"
    lines = [f"{name}: {state.error}"] if state.error else []
    if state.beyond_reach and state.state != "serving":
        lines.append(f"{name}: {_out_of_reach(state)}")
    if state.failed:
        lines.append(f"{name}: {state.failed} pictures couldn't be described by it.")
    return lines


def _out_of_reach(state: "ModelState") -> str:
    return (
        f"{state.beyond_reach} pictures aren't kept any more, so it can't describe them; "
        "they will be found by their hashes only."
    )


def _show_measured(found: "Measured") -> None:
    mine, other = found.recall, found.beside
    say(f"{mine.photos} photographs in {len(mine.by_edit)} edits among {mine.references}; {mine.pairs} strange pairs.")
    click.echo()
    rows = [[label, _share(getattr(mine.overall, key)), _share(getattr(other.overall, key))] for key, label in RECALLS]
    rows.append(["milliseconds a picture", f"{mine.milliseconds:.1f}", f"{other.milliseconds:.1f}"])
    table(("", found.name, f"in use: {found.serving}"), rows)
    click.echo()
    table(("R@10 by edit", found.name, "in use"), _by_edit(mine, other))


def _by_edit(mine: "Recall", other: "Recall") -> list[list[object]]:
    """The edits in which one of the two misses something."""
    return [
        [edit, _share(mine.by_edit[edit].few), _share(other.by_edit[edit].few)]
        for edit in mine.by_edit
        if min(mine.by_edit[edit].few, other.by_edit[edit].few) < 1
    ]


def _share(value: float) -> str:
    return f"{value:.3f}"
