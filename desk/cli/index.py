"""`exhibit index`: the search indexes."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from desk.cli.common.frame import Desk, examples, finish, open_desk
from desk.cli.common.options import json_option
from desk.cli.common.show import counted, note, say, size, table, tell
from exhibit.errors import ExitCode, WrongUseError

if TYPE_CHECKING:
    from registry.matches import index_upkeep

MILVUS, HERE = "milvus", "data-folder"

index_command = click.Group("index", help="Manage search indexes, which are built from the database.")


@index_command.command("check", epilog=examples("exhibit index check", "exhibit index check --json"))
@json_option
def check_indexes(*, as_json: bool) -> None:
    """Compare all search indexes with the database, and show their contents.

    The index phash256 contains hashes, rootsift local features of works, the others descriptors of a network. Pending
    changes are not in the files yet; searches read them from the database.

    Exits with 1 if an index is damaged.
    """
    desk = open_desk()
    from registry.matches import index_upkeep

    states = index_upkeep.check_indexes(desk.services)
    each = index_upkeep.measure_work_size(desk.services, states)
    answer = {"indexes": [asdict(state) for state in states], "each_work": asdict(each)}
    tell(answer, lambda: _show(states, each), as_json=as_json)
    if any(state.problems for state in states):
        note("Rebuild them: exhibit index rebuild")
        finish(ExitCode.CHECK_FAILED)


@index_command.command(
    "rebuild",
    epilog=examples(
        "exhibit index rebuild", f"exhibit index rebuild --to {MILVUS}", f"exhibit index rebuild --to {HERE} --drop"
    ),
)
@click.option("--to", type=click.Choice([MILVUS, HERE]), help="New location of the index of seen pictures.")
@click.option("--drop", is_flag=True, help="With --to: delete the index from its previous location.")
@json_option
def rebuild_indexes(*, to: str | None, drop: bool, as_json: bool) -> None:
    """Rebuild all indexes from the database. Searches continue meanwhile.

    With --to, move only the index of seen pictures into Milvus or into this machine's data folder. Then change the
    setting milvus_url, restart, and run the same command with --drop. After an interruption, run the command again.

    Exits with 1 if entries are missing, with 3 if Milvus does not respond.
    """
    if drop and to is None:
        raise WrongUseError("--drop requires the new location.", hint="Add --to.")
    desk = open_desk()
    if to is not None:
        _move(desk, to, drop=drop, as_json=as_json)
        return
    from registry.matches import index_upkeep

    rebuilt = index_upkeep.rebuild_indexes(desk.services)
    results = [{"collection": str(collection), "space": str(space)} for collection, space in rebuilt]
    lines = [f"Rebuilt {result['collection']} in {result['space']}." for result in results]
    tell({"rebuilt": results}, *lines, as_json=as_json)


def _move(desk: Desk, to: str, *, drop: bool, as_json: bool) -> None:
    from registry.matches import index_upkeep

    entries: dict[str, int] = {}
    for space, stored, required in index_upkeep.move_archive(desk.services, to_milvus=to == MILVUS):
        entries[space] = stored
        if stored < required:
            note(f"{space}: {stored:,} of {required:,}")
    if drop:
        index_upkeep.drop_archive(desk.services, from_milvus=to != MILVUS)
    lines = [f"{space}: {counted(stored, 'entry', 'entries')}, complete." for space, stored in entries.items()]
    if not drop:
        lines.append("Restart with EXHIBIT_MILVUS_URL set." if to == MILVUS else "Restart without EXHIBIT_MILVUS_URL.")
        lines.append("Then run the same command with --drop to delete the previous index.")
    tell({"to": to, "entries": entries}, *lines, as_json=as_json)


def _show(states: "Sequence[index_upkeep.IndexState]", each: "index_upkeep.WorkSize") -> None:
    columns = ("collection", "space", "vectors", "pending changes", "size", "bytes per vector", "state")
    lines = []
    for state in states:
        figures = (state.vectors, state.behind, size(state.size), state.entry_size)
        lines.append([state.collection, state.space, *figures, "; ".join(state.problems) or "intact"])
    table(columns, lines)
    if each.works:
        whole = size(each.indexes + each.features)
        parts = f"{size(each.indexes)} in indexes, {size(each.features)} of features"
        say(f"Size per work, without its file ({counted(each.works, 'work')}): {whole} ({parts}).")
