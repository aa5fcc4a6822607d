"""`exhibit owner`: rights holders, and whom a command means."""

from registry.models import Owner
from tests.assets.command_line import Terminal


def test_with_several_owners_one_has_to_be_named(cli: Terminal, studio: str) -> None:
    cli.run("owner", "add", "灯塔档案", "--slug", "lighthouse")
    ran = cli.run("work", "list", code=2)
    assert ran.err.splitlines()[0] == "There are several owners."
    assert "lighthouse, the-studio" in ran.err
    assert "灯塔档案" in cli.run("owner", "list").out


def test_a_sample_is_meant_only_where_it_is_named(cli: Terminal, studio: str) -> None:
    cli.run("user", "add", "ann@studio.example", "--generate")
    cli.run("owner", "sample", "on", "ann@studio.example")
    (sample,) = {row["owner"] for row in cli.ask("owner", "list")["owners"]} - {studio}
    cli.run("watch", "add", "shop", "--site", "https://shop.example/")
    assert cli.ask("owner", "list")["owners"][-1]["watches"] == 1
    cli.run("owner", "add", "Lighthouse")
    assert sample not in cli.run("work", "list", code=2).err


def test_where_there_is_a_sample_alone_that_is_said(cli: Terminal, studio: str) -> None:
    Owner.objects.update(sample=True)
    ran = cli.run("work", "list", code=2)
    assert ran.err.splitlines() == [
        "There is no owner yet but a sample.",
        f'Add one: exhibit owner add "NAME"; the sample is named with --owner {studio}',
    ]


def test_an_owner_asks_for_derived_works_and_no_more(cli: Terminal, studio: str) -> None:
    for wanted, said in (("on", "are shown."), ("off", "are shown no more.")):
        assert said in cli.run("owner", "derived", wanted).out
        assert [owner["derived"] for owner in cli.ask("owner", "list")["owners"]] == [wanted == "on"]


def test_an_owner_has_a_web_archive_asked_and_no_more(cli: Terminal, studio: str) -> None:
    for wanted, said in (("on", "is asked from now on."), ("off", "is asked no more.")):
        assert said in cli.run("owner", "web-archive", wanted).out
        assert [owner["web_archive"] for owner in cli.ask("owner", "list")["owners"]] == [wanted == "on"]


def test_an_owner_is_told_with_its_counts_and_has_its_name_alone(cli: Terminal) -> None:
    assert cli.run("owner", "list").out == 'There is no owner yet. Add one: exhibit owner add "NAME"\n'
    told = cli.ask("owner", "add", "The Studio", "--contact", "rights@studio.example")
    assert (told["owner"], told["contact"], told["works"], told["members"]) == (
        "the-studio", "rights@studio.example", 0, 0,
    )  # fmt: skip
    assert cli.ask("owner", "list") == {"owners": [told]}
    assert "There is an owner named" in cli.run("owner", "add", "the studio", code=2).err
