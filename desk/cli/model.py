"""Networks that describe pictures: ours, and those that somebody brings."""

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from desk.cli.common.files import written_whole
from desk.cli.common.frame import Desk, ask, examples, finish, open_desk, person
from desk.cli.common.options import FILE, FOLDER, TO_WRITE, json_option, yes_option
from desk.cli.common.show import counted, echo_json, fields, moment, note, only_json, say, size, table, tell, told
from exhibit.errors import ExitCode, WrongUseError

if TYPE_CHECKING:
    from indexer.calibration import recall
    from registry.fingerprints import model_files, networks

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
photos_option = click.option(
    "--photos", type=FOLDER, help="Folder of photographs; your registered works, if not named."
)
works_option = click.option(
    "--works", default=60, show_default=True, type=click.IntRange(4, 500), help="How many are looked for."
)
ANYWAY = "Although it finds less here than claimed"
model_command = click.Group("model", help="The network that describes pictures, so that edited copies are found.")


@model_command.command(
    "add", epilog=examples("exhibit model add sscd.onnx --card sscd.toml"), short_help="Add an ONNX file."
)
@click.argument("file", type=FILE)
@click.option("--card", required=True, type=FILE, help="What the network needs, in TOML; docs/descriptor.md shows one.")
@json_option
def add_model(*, file: Path, card: Path, as_json: bool) -> None:
    """Add a network of your own as an ONNX file. It is tried at once; it can be used when it has been measured."""
    desk = open_desk()
    from registry.fingerprints import networks

    row = networks.add_model(desk.services, file, card, by=person())
    only_json({"name": row.name, "version": row.version, "sha256": row.digest.hex, "bytes": row.size}, asked=as_json)
    say(f"Added {row}, {row.card['width']} components, licence {row.card['licence']}.")
    note(f"Measure it: exhibit model measure {row.name}@{row.version} --photos DIR")


@model_command.command(
    "measure",
    epilog=examples("exhibit model measure sscd", "exhibit model measure sscd@1 --photos ~/Pictures"),
    short_help="Measure what one finds in edited pictures.",
)
@click.argument("name")
@photos_option
@works_option
@json_option
def measure_model(*, name: str, photos: Path | None, works: int, as_json: bool) -> None:
    """Measure what a network finds: photographs in all edits, beside the network in use. Takes some minutes.

    At least 20 photographs are needed, better some hundred. `exhibit model list --help` explains the figures.
    """
    desk = open_desk()
    from indexer.calibration import recall
    from registry.fingerprints import networks

    networks.model_named(desk.services, name)
    found = _measured(desk, name, photos, works)
    answer = {found.name: recall.as_plain(found.recall), "beside": {found.serving: recall.as_plain(found.beside)}}
    tell(answer, lambda: _show_measured(found), as_json=as_json)


def _measured(desk: Desk, name: str, photos: Path | None, works: int) -> "networks.Measured":
    from registry.fingerprints import networks

    with click.progressbar(length=100, label="Measuring", file=sys.stderr) as bar:

        def progress(done: int, total: int) -> None:
            bar.update(100 * done // total - bar.pos)

        return networks.measure_model(desk.services, name, photos, works, progress)


@model_command.command(
    "export",
    epilog=examples(
        "exhibit model export sscd --out sscd.zip",
        'exhibit model export sscd --out sscd.zip --author Heron --key heron.pem --terms "Not for resale"',
    ),
    short_help="Write one into a file for others.",
)
@click.argument("name")
@click.option("--out", required=True, type=TO_WRITE, metavar="FILE", help="The file, a ZIP.")
@click.option("--author", default="", metavar="TEXT", help="A name or pseudonym; your log's name, if not given.")
@click.option("--terms", default="", metavar="TEXT", help="On which terms others may use it, besides its licence.")
@click.option("--price", default="", metavar="TEXT", help="What you ask for it, in words; nothing is paid here.")
@click.option("--key", type=TO_WRITE, metavar="FILE", help="PEM file of the author's key, made if missing.")
def export_model(*, name: str, out: Path, author: str, terms: str, price: str, key: Path | None) -> None:
    """Write a measured network and its card, signed, into a file that other installations import.

    The key stands for the author: without --key it is this installation's own, and keep the file of another safe.
    """
    desk = open_desk()
    from evidence.keys import ed25519
    from registry.fingerprints import shared_models
    from registry.log.own_log import get_author_signer

    signer = ed25519.FileSigner(key) if key else get_author_signer(desk.services)
    row, chunks = shared_models.export_model(desk.services, name, author, terms, price, signer, by=person())
    with written_whole(out) as file:
        file.writelines(chunks)
    say(f"Wrote {row} to {out}, signed by {(row.shared or {}).get('key') or signer.public_key.hex()}.")


@model_command.command(
    "import",
    epilog=examples(
        "exhibit model import sscd.zip", "exhibit model import sscd.zip --key 9c5e2ab07d41f386 --photos ~/Pictures"
    ),
    short_help="Take in one of somebody else, and measure it.",
)
@click.argument("file", type=FILE)
@click.option("--key", default="", metavar="HEX", help="How the author's key has to begin, as its author told you.")
@click.option("--anyway", is_flag=True, help="Although a newer card of it is here.")
@yes_option
@photos_option
@works_option
@json_option
def import_model(
    *, file: Path, key: str, photos: Path | None, works: int, anyway: bool, yes: bool, as_json: bool
) -> None:
    """Take in a network that somebody exported: shows its card, asks, tries it within limits, and measures it here.

    Ends with 1 where it finds less here than its card claims, in R@1 or R@10 over the same edits, by more than .05 and
    what chance explains with so many works; it can't be used then without --anyway. Compare the key with what its
    author says.
    """
    desk = open_desk()
    from registry.fingerprints import networks, shared_models

    offer = shared_models.look_at(file, key, anyway=anyway)
    if not as_json:
        _show_card(desk, offer.card, offer.remarks)
    if not yes:
        ask("Take it in and measure it?")
    row = shared_models.take_in(desk.services, offer, by=person())
    name = f"{row.name}@{row.version}"
    reason = ""
    try:
        _measured(desk, name, photos, works)
    except WrongUseError as error:
        reason = error.message
    beside = None if reason else networks.compared_of(networks.model_named(desk.services, name))
    if as_json:
        echo_json({"name": row.name, "version": row.version, "author": offer.card.author, "key": offer.card.key.hex(),
                   "remarks": offer.remarks, "compared": beside and asdict(beside)})  # fmt: skip
    elif beside is None:
        say(f"{name} is here and wasn't measured, so it can't be used. {reason}")
        note(f"Measure it: exhibit model measure {name} --photos DIR")
    else:
        _show_compared(name, beside)
    if beside is None or beside.falls_short:
        finish(ExitCode.CHECK_FAILED)


def _show_card(desk: Desk, card: "model_files.SignedCard", remarks: tuple[str, ...]) -> None:
    network, measured = card.network, card.measured
    claimed = measured.overall
    fields(
        ("network", f"{network.name} {network.version}, {network.width} components, {size(card.size)}"),
        ("author", card.author),
        ("key", card.key.hex()),
        ("made", moment(card.made_at, desk.zone)),
        *told(network, "licence", "source"),
        *told(card, "terms", "price"),
        ("claimed", f"R@1 {_share(claimed.first)}, R@10 {_share(claimed.few)}"),
        ("photographs", f"{measured.photos} in {len(measured.by_edit)} edits among {measured.references}"),
        ("measured", f"{moment(measured.at, desk.zone)}, {measured.command}"),
    )
    for remark in remarks:
        note(remark)


def _show_compared(name: str, beside: "model_files.Compared") -> None:
    rows = [
        [label, _share(getattr(beside.claimed, key)), _share(getattr(beside.measured, key))] for key, label in RECALLS
    ]
    table((f"over {beside.edits} edits", "claimed", "here"), rows)
    if beside.falls_short:
        say(f"{name} finds less here than its card claims, so it isn't used.")
        note(f"{ANYWAY}: exhibit model use {name} --anyway")
    else:
        say(f"{name} finds here what its card claims. Bring it into use: exhibit model use {name}")


@model_command.command(
    "list", epilog=FIGURES + examples("exhibit model list"), short_help="List them, with state and figures."
)
@json_option
def list_models(*, as_json: bool) -> None:
    """List the networks: which is in use, how far another is, and what was measured of each."""
    desk = open_desk()
    from registry.fingerprints import networks

    states = networks.model_states(desk.services)
    only_json({"models": [_plain(state) for state in states]}, asked=as_json)
    columns = ("name", "version", "state", "width", "size", "R@1", "R@10", "R@0FP", "ms", "pictures")
    table(columns, [_row(state) for state in states])
    for state in states:
        for line in _remarks(state):
            note(line)


@model_command.command(
    "use",
    epilog=examples("exhibit model use sscd", "exhibit model use descriptor"),
    short_help="Bring a measured one into use.",
)
@click.argument("name")
@click.option("--anyway", is_flag=True, help=f"{ANYWAY}.")
def use_model(*, name: str, anyway: bool) -> None:
    """Bring a network into use: all pictures are described anew in the background, and then it serves.

    The one in use serves until then; `exhibit model list` shows how far it is. Naming the one in use stops what is
    under way.
    """
    desk = open_desk()
    from registry.fingerprints import networks

    row = networks.use_model(desk.services, name, anyway=anyway, by=person())
    states = networks.model_states(desk.services)
    state = next(state for state in states if (state.name, state.version) == (row.name, row.version))
    if state.state == "serving":
        say(f"{row} stays in use.")
        return
    say(f"{row} is being brought into use: {counted(state.waiting, 'picture')} to describe.")
    if state.beyond_reach:
        say(_out_of_reach(state))
    if not desk.workers_run:
        note("The workers do it; start them: exhibit up")


@model_command.command("drop", epilog=examples("exhibit model drop sscd"), short_help="Remove one that isn't in use.")
@click.argument("name")
def drop_model(*, name: str) -> None:
    """Remove a network that isn't in use, with everything that was described by it."""
    desk = open_desk()
    from registry.fingerprints import networks

    say(f"Removed {networks.drop_model(desk.services, name, by=person())}.")


def _plain(state: "networks.ModelState") -> dict[str, Any]:
    return {**asdict(state), "measured_at": state.measured_at and state.measured_at.isoformat()}


def _row(state: "networks.ModelState") -> list[object]:
    figures: list[object] = ["", "", "", ""]
    if state.recall is not None:
        overall = state.recall.overall
        shares = map(_share, (overall.first, overall.few, overall.never))
        figures = [*shares, f"{state.recall.milliseconds:.1f}"]
    done = f"{state.described} of {state.described + state.waiting}" if state.waiting else str(state.described)
    return [state.name, state.version, STATES[state.state], state.width, size(state.size), *figures, done]


def _remarks(state: "networks.ModelState") -> list[str]:
    name = f"{state.name} {state.version}"
    lines = [f"{name}: {state.error}"] if state.error else []
    if state.key:
        lines.append(f"{name}: by {state.author}, key {state.key}")
    if state.compared is not None:
        claimed, here = state.compared.claimed, state.compared.measured
        less = ", so it is used by --anyway alone" if state.compared.falls_short else ""
        shares = [f"{_share(of.first)} and {_share(of.few)}" for of in (claimed, here)]
        lines.append(f"{name}: R@1 and R@10 claimed {shares[0]}, here {shares[1]}{less}.")
    if state.beyond_reach and state.state != "serving":
        lines.append(f"{name}: {_out_of_reach(state)}")
    if state.failed:
        lines.append(f"{name}: {state.failed} pictures couldn't be described by it.")
    return lines


def _out_of_reach(state: "networks.ModelState") -> str:
    return (
        f"{state.beyond_reach} pictures aren't kept any more, so it can't describe them; "
        "they will be found by their hashes only."
    )


def _show_measured(found: "networks.Measured") -> None:
    mine, other = found.recall, found.beside
    say(f"{mine.photos} photographs in {len(mine.by_edit)} edits among {mine.references}; {mine.pairs} strange pairs.")
    click.echo()
    rows = [[label, _share(getattr(mine.overall, key)), _share(getattr(other.overall, key))] for key, label in RECALLS]
    rows.append(["milliseconds a picture", f"{mine.milliseconds:.1f}", f"{other.milliseconds:.1f}"])
    table(("", found.name, f"in use: {found.serving}"), rows)
    click.echo()
    table(("R@10 by edit", found.name, "in use"), _by_edit(mine, other))


def _by_edit(mine: "recall.Recall", other: "recall.Recall") -> list[list[object]]:
    """The edits in which one of the two misses something."""
    return [
        [edit, _share(mine.by_edit[edit].few), _share(other.by_edit[edit].few)]
        for edit in mine.by_edit
        if min(mine.by_edit[edit].few, other.by_edit[edit].few) < 1
    ]


def _share(value: float) -> str:
    return f"{value:.3f}"
