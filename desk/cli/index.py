"""Looking after what is searched."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from desk.cli.common.frame import examples, finish, open_desk
from desk.cli.common.options import json_option
from desk.cli.common.show import note, only_json, say, size, table, tell
from exhibit.errors import ExitCode

if TYPE_CHECKING:
    from workers.matching import index_upkeep

index_command = click.Group("index", help="The indexes, which are made of the rows and can be made again.")


@index_command.command("stats", epilog=examples("exhibit index stats"), short_help="Say what each index holds.")
@json_option
def show_stats(*, as_json: bool) -> None:
    """Say what each index holds.

    Searched are the registered works, and the pictures seen. phash256 holds hashes, rootsift the local features of
    works, the others what a network says. A picture has several hashes; rootsift counts works.
    Changes behind are newer than the files; whoever searches reads them from the rows. The last figures are what a
    registered work takes on disk beside its file.
    """
    desk = open_desk()
    from workers.matching import index_upkeep

    states = index_upkeep.index_states(desk.services)
    each = index_upkeep.work_size(desk.services, states)
    only_json({"indexes": [asdict(state) for state in states], "each_work": asdict(each)}, asked=as_json)
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
    tell({"indexes": [asdict(state) for state in states]}, lambda: _show(states), as_json=as_json)
    if any(state.problems for state in states):
        note("Make them again: exhibit index rebuild")
        finish(ExitCode.CHECK_FAILED)
    if not as_json:
        behind = max((state.behind for state in states), default=0)
        say(f"All is well. Changes not yet in an index: {behind:,} at most.")


@index_command.command(
    "rebuild", epilog=examples("exhibit index rebuild"), short_help="Make every index again from the rows."
)
def rebuild_indexes() -> None:
    """Make every index again from the rows; whoever searches goes on meanwhile."""
    desk = open_desk()
    from workers.matching import index_upkeep

    for collection, space in index_upkeep.rebuild_indexes(desk.services):
        say(f"Made {collection} in {space}.")


def _show(states: "list[index_upkeep.IndexState]") -> None:
    columns = ("searched", "space", "vectors", "changes behind", "size", "bytes a vector", "state")
    lines = []
    for state in states:
        well = "whole; changes are read from the rows" if state.behind else "well"
        figures = (state.vectors, state.behind, size(state.size), state.entry_size)
        lines.append([state.collection, state.space, *figures, "; ".join(state.problems) or well])
    table(columns, lines)
