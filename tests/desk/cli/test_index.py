"""Test `exhibit index`: search indexes are checked against the rows, rebuilt and moved."""

from dataclasses import replace

import pytest

from registry.models import MilvusCollection, Owner
from registry.services.services import Services
from tests.assets.command_line import Terminal
from tests.assets.documented_keys import json_keys
from tests.assets.milvus_server import Server
from tests.assets.rows import create_case


@pytest.mark.long
def test_indexes_are_checked_and_rebuilt(cli: Terminal, studio: str) -> None:
    create_case(cli.desk.services, Owner.objects.get())
    rebuilt = cli.run_json("index", "rebuild")["rebuilt"]
    assert {"collection": "works", "space": "phash256@1"} in rebuilt
    checked = cli.run_json("index", "check")
    assert set(checked) == json_keys("`exhibit index check`")
    before = checked["indexes"]
    assert {frozenset(row) for row in before} == {frozenset(json_keys("index"))}
    assert {(item["collection"], item["behind"], tuple(item["problems"])) for item in before} == {
        ("works", 0, ()),
        ("pictures", 0, ()),
        ("prints", 0, ()),
    }
    assert any(item["vectors"] for item in before)
    assert checked["each_work"]["features"] > 10_000
    damaged = next((cli.data / "indexes").glob("works-*/*.faiss"))
    damaged.write_bytes(damaged.read_bytes()[:-8])
    assert any(item["problems"] for item in cli.run_json("index", "check", code=1)["indexes"])
    assert "exhibit index rebuild" in cli.run("index", "check", code=1).err
    cli.run("index", "rebuild")
    assert [item["vectors"] for item in cli.run_json("index", "check")["indexes"]] == [
        item["vectors"] for item in before
    ]


def test_seen_images_are_moved_into_milvus_and_back(cli: Terminal, studio: str, milvus_server: Server) -> None:
    create_case(cli.desk.services, Owner.objects.get())
    cli.run("index", "rebuild", "--drop", code=2)
    assert "EXHIBIT_MILVUS_URL" in cli.run("index", "rebuild", "--to", "milvus", code=2).err
    cli.desk.__dict__["services"] = Services(replace(cli.desk.config, milvus_url=milvus_server.url))
    moved = cli.run_json("index", "rebuild", "--to", "milvus")
    assert set(moved) == json_keys("`exhibit index rebuild --to`")
    assert moved["entries"]["phash256@1"] == 1
    assert "EXHIBIT_MILVUS_URL" in cli.run("index", "rebuild", "--to", "data-folder").out
    cli.run("index", "rebuild", "--to", "data-folder", "--drop")
    assert not MilvusCollection.objects.exists()
