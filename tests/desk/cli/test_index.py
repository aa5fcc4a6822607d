"""`exhibit index`: what is searched, checked against the rows and made again."""

from dataclasses import replace

import pytest

from registry.models import MilvusCollection, Owner
from registry.services.services import Services
from tests.assets.command_line import Terminal
from tests.assets.documented import json_keys
from tests.assets.milvus_server import Server
from tests.assets.rows import found_case


@pytest.mark.long
def test_indexes_are_checked_and_made_again(cli: Terminal, studio: str) -> None:
    found_case(cli.desk.services, Owner.objects.get())
    assert "Made works in phash256" in cli.run("index", "rebuild").out
    before = cli.ask("index", "check")["indexes"]
    assert {(one["collection"], one["behind"], tuple(one["problems"])) for one in before} == {
        ("works", 0, ()),
        ("pictures", 0, ()),
        ("prints", 0, ()),
    }
    assert any(one["vectors"] for one in before)
    assert "All is well. Changes not yet in an index: 0 at most." in cli.run("index", "check").out
    damaged = next((cli.data / "indexes").glob("works-*/*.faiss"))
    damaged.write_bytes(damaged.read_bytes()[:-8])
    assert any(one["problems"] for one in cli.ask("index", "check", code=1)["indexes"])
    assert "Make them again: exhibit index rebuild" in cli.run("index", "check", code=1).err
    cli.run("index", "rebuild")
    assert [one["vectors"] for one in cli.ask("index", "check")["indexes"]] == [one["vectors"] for one in before]
    stats = cli.ask("index", "stats")
    assert set(stats) == json_keys("`exhibit index stats`")
    assert {frozenset(row) for row in stats["indexes"]} == {frozenset(json_keys("index"))}
    assert stats["each_work"]["features"] > 10_000
    assert "On disk each of 1 registered works takes" in cli.run("index", "stats").out


def test_pictures_seen_are_moved_into_milvus_and_back(cli: Terminal, studio: str, milvus_server: Server) -> None:
    found_case(cli.desk.services, Owner.objects.get())
    assert "EXHIBIT_MILVUS_URL" in cli.run("index", "move", "--to", "milvus", code=2).err
    cli.desk.__dict__["services"] = Services(replace(cli.desk.config, milvus_url=milvus_server.url))
    moved = cli.ask("index", "move", "--to", "milvus")
    assert set(moved) == json_keys("`exhibit index move`")
    assert moved["entries"]["phash256@1"] == 1
    assert "1 entry, as many as the rows have." in cli.run("index", "move", "--to", "milvus").out
    assert "Restart without EXHIBIT_MILVUS_URL." in cli.run("index", "move", "--to", "data-folder").out
    cli.run("index", "move", "--to", "data-folder", "--drop")
    assert not MilvusCollection.objects.exists()
