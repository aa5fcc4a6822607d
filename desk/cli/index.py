"""Looking after what is searched."""

from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from desk.cli.common.frame import examples, finish, open_desk
from desk.cli.common.options import json_option
from desk.cli.common.show import counted, note, only_json, say, size, table, tell
from exhibit.errors import ExitCode

if TYPE_CHECKING:
    from registry.matches import index_upkeep

MILVUS, HERE = "milvus", "data-folder"

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
    from registry.matches import index_upkeep

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
    from registry.matches import index_upkeep

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
    from registry.matches import index_upkeep

    for collection, space in index_upkeep.rebuild_indexes(desk.services):
        say(f"Made {collection} in {space}.")


@index_command.command("move", epilog=examples(f"exhibit index move --to {MILVUS}", f"exhibit index move --to {HERE}"))
@click.option("--to", type=click.Choice([MILVUS, HERE]), required=True, help="Where they are to be searched.")
@click.option("--drop", is_flag=True, help="Remove them from the other place, where nobody searches any more.")
@json_option
def move_index(*, to: str, drop: bool, as_json: bool) -> None:
    """Move the pictures seen into Milvus, or into this machine's data folder.

    They are read from the rows and counted. Exhibit may run meanwhile and searches where its setting milvus_url says;
    set that afterwards, and restart. After an interruption the same command goes on. Ends with 1 when there aren't as
    many entries as the rows have, with 3 when Milvus doesn't answer.
    """
    desk = open_desk()
    from registry.matches import index_upkeep

    entries: dict[str, int] = {}
    for space, there, wanted in index_upkeep.move_archive(desk.services, to_milvus=to == MILVUS):
        entries[space] = there
        if there < wanted:
            note(f"{space}: {there:,} of {wanted:,}")
    if drop:
        index_upkeep.drop_archive(desk.services, from_milvus=to != MILVUS)
    only_json({"to": to, "entries": entries}, asked=as_json)
    for space, there in entries.items():
        say(f"{space}: {counted(there, 'entry', 'entries')}, as many as the rows have.")
    if not drop:
        say("Restart with EXHIBIT_MILVUS_URL set." if to == MILVUS else "Restart without EXHIBIT_MILVUS_URL.")
        say("Then the same command with --drop removes them from where they were.")


def _show(states: "list[index_upkeep.IndexState]") -> None:
    columns = ("searched", "space", "vectors", "changes behind", "size", "bytes a vector", "state")
    lines = []
    for state in states:
        well = "whole; changes are read from the rows" if state.behind else "well"
        figures = (state.vectors, state.behind, size(state.size), state.entry_size)
        lines.append([state.collection, state.space, *figures, "; ".join(state.problems) or well])
    table(columns, lines)
