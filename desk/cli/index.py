"""`exhibit index`: the search indexes."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

from desk.cli.common.context import CommandContext, exit_with, format_examples, open_command_context
from desk.cli.common.options import json_option
from desk.cli.common.output import echo_note, echo_result, echo_table, echo_text, format_count, format_size
from exhibit.errors import ExitCode, InvalidRequestError

if TYPE_CHECKING:
    from registry.matches import index_upkeep

MILVUS, DATA_FOLDER = "milvus", "data-folder"

index_command = click.Group("index", help="Manage search indexes, which are built from the database.")


@index_command.command("check", epilog=format_examples("exhibit index check", "exhibit index check --json"))
@json_option
def check_indexes(*, as_json: bool) -> None:
    """Compare all search indexes with the database, and show their contents.

    The index phash256 contains hashes, the index rootsift contains local features of works, and the other indexes
    contain descriptors of a model. Pending changes are not in the index files yet; searches read such changes from the
    database.

    Exits with 1 if an index is damaged.
    """
    context = open_command_context()
    from registry.matches import index_upkeep

    states = index_upkeep.check_indexes(context.services)
    work_size = index_upkeep.measure_work_size(context.services, states)
    result = {"indexes": [asdict(state) for state in states], "each_work": asdict(work_size)}
    echo_result(result, lambda: _echo_states(states, work_size), as_json=as_json)
    if any(state.problems for state in states):
        echo_note("Rebuild the indexes: exhibit index rebuild")
        exit_with(ExitCode.CHECK_FAILED)


@index_command.command(
    "rebuild",
    epilog=format_examples(
        "exhibit index rebuild",
        f"exhibit index rebuild --to {MILVUS}",
        f"exhibit index rebuild --to {DATA_FOLDER} --drop",
    ),
)
@click.option("--to", type=click.Choice([MILVUS, DATA_FOLDER]), help="New location of the index of crawled pictures.")
@click.option("--drop", is_flag=True, help="With --to: delete the index from its previous location.")
@json_option
def rebuild_indexes(*, to: str | None, drop: bool, as_json: bool) -> None:
    """Rebuild the search indexes from the database. Searches continue meanwhile.

    With --to, move only the index of crawled pictures to Milvus, or back to the data folder of this machine. Then
    change the setting milvus_url, restart Exhibit, and run the same command with --drop. After an interruption, run the
    command again.

    Exits with 1 if entries are missing, with 3 if Milvus does not respond.
    """
    if drop and to is None:
        raise InvalidRequestError("--drop requires the new location.", hint="Add --to.")
    context = open_command_context()
    if to is not None:
        _move_archive(context, to, drop=drop, as_json=as_json)
        return
    from registry.matches import index_upkeep

    rebuilt = index_upkeep.rebuild_indexes(context.services)
    results = [{"collection": str(collection), "space": str(space)} for collection, space in rebuilt]
    lines = [f"Rebuilt {result['collection']} in {result['space']}." for result in results]
    echo_result({"rebuilt": results}, *lines, as_json=as_json)


def _move_archive(context: CommandContext, to: str, *, drop: bool, as_json: bool) -> None:
    from registry.matches import index_upkeep

    entries: dict[str, int] = {}
    for space, entry_count, required_count in index_upkeep.copy_found_indexes(context.services, to_milvus=to == MILVUS):
        entries[space] = entry_count
        if entry_count < required_count:
            echo_note(f"{space}: {entry_count:,} of {required_count:,}")
    if drop:
        index_upkeep.drop_found_indexes(context.services, from_milvus=to != MILVUS)
    lines = [
        f"{space}: {format_count(entry_count, 'entry', 'entries')}, complete." for space, entry_count in entries.items()
    ]
    if not drop:
        lines.append(
            "Restart Exhibit with EXHIBIT_MILVUS_URL set."
            if to == MILVUS
            else "Restart Exhibit without EXHIBIT_MILVUS_URL."
        )
        lines.append("Then run this command again with --drop to delete the previous index.")
    echo_result({"to": to, "entries": entries}, *lines, as_json=as_json)


def _echo_states(states: "Sequence[index_upkeep.IndexState]", work_size: "index_upkeep.WorkSize") -> None:
    columns = ("collection", "space", "vectors", "pending changes", "size", "bytes per vector", "state")
    lines = []
    for state in states:
        measurements = (state.vectors, state.behind, format_size(state.size), state.entry_size)
        lines.append([state.collection, state.space, *measurements, "; ".join(state.problems) or "intact"])
    echo_table(columns, lines)
    if work_size.works:
        total = format_size(work_size.indexes + work_size.features)
        parts = f"{format_size(work_size.indexes)} in indexes, {format_size(work_size.features)} in feature files"
        echo_text(
            f"Size per registered picture, without its file ({format_count(work_size.works, 'picture')}): "
            f"{total} ({parts})."
        )
