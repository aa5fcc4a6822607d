"""Looking after what is searched."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from desk.cli.common.frame import examples, finish, json_option, open_desk
from desk.cli.common.show import echo_json, note, say, size, table
from exhibit.errors import ExitCode

if TYPE_CHECKING:
    from workers.matching.index_upkeep import IndexState


@click.group("index")
def index_command() -> None:
    """The indexes, which are made of the rows and can be made again."""


@index_command.command("stats", short_help="Say what each index holds.", epilog=examples("exhibit index stats"))
@json_option
def show_stats(*, as_json: bool) -> None:
    """Say what each index holds.

    Searched are the registered works, and the pictures seen. phash256 holds hashes, rootsift the local features of
    works, the others what a network says. A picture has several hashes; rootsift counts works.
    Changes behind are newer than the files; whoever searches reads them from the rows. The last figures are what a
    registered work takes on disk beside its file.
    """
    desk = open_desk()
    from workers.matching.index_upkeep import index_states, work_size

    states = index_states(desk.services)
    each = work_size(desk.services, states)
    if as_json:
        echo_json({"indexes": [asdict(state) for state in states], "each_work": asdict(each)})
        return
    _show(states)
    if each.works:
        whole = size(each.indexes + each.features)
        parts = f"{size(each.indexes)} in indexes, {size(each.features)} of measured features"
        say(f"On disk each of {each.works:,} registered works takes {whole} beside its file: {parts}.")


@index_command.command("check", epilog=examples("exhibit index check"))
@json_option
def check_indexes(*, as_json: bool) -> None:
    """Read every index whole and hold it against the rows. Ends with 1 when something is wrong."""
    desk = open_desk()
    from workers.matching import index_upkeep

    states = index_upkeep.check_indexes(desk.services)
    if as_json:
        echo_json({"indexes": [asdict(state) for state in states]})
    else:
        _show(states)
    if any(state.problems for state in states):
        note("Make them again: exhibit index rebuild")
        finish(ExitCode.CHECK_FAILED)
    if not as_json:
        say(
            f"All is well. Changes not yet in an index: {max((state.behind for state in states), default=0):,} at most."
        )


@index_command.command(
    "rebuild", short_help="Make every index again from the rows.", epilog=examples("exhibit index rebuild")
)
def rebuild_indexes() -> None:
    """Make every index again from the rows; whoever searches goes on meanwhile."""
    desk = open_desk()
    from workers.matching import index_upkeep

    for collection, space in index_upkeep.rebuild_indexes(desk.services):
        say(f"Made {collection} in {space}.")


def _show(states: "list[IndexState]") -> None:
    columns = ("searched", "space", "vectors", "changes behind", "size", "bytes a vector", "state")
    table(
        columns,
        [
            [
                state.collection,
                state.space,
                state.vectors,
                state.behind,
                size(state.size),
                state.entry_size,
                "; ".join(state.problems) or ("whole; changes are read from the rows" if state.behind else "well"),
            ]
            for state in states
        ],
    )
