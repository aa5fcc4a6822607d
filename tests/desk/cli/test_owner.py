"""Test `exhibit owner add`, and which owner a command selects."""

from registry.cases.sample import add_sample
from registry.models import Membership, Owner, Role, User
from tests.assets.command_line import Terminal


def test_with_several_owners_one_has_to_be_named(cli: Terminal, studio: str) -> None:
    cli.run("owner", "add", "灯塔档案", "--slug", "lighthouse")
    ran = cli.run("case", "list", code=2)
    assert "lighthouse, the-studio" in ran.err
    assert cli.ask("case", "list", "--owner", "灯塔档案") == {"cases": []}


def test_a_sample_is_meant_only_where_it_is_named(cli: Terminal, studio: str) -> None:
    user = User.objects.create_user(username="ann@example.org", email="ann@example.org")
    Membership.objects.create(user=user, owner=Owner.objects.get(slug=studio), role=Role.OWNER)
    sample = add_sample(cli.desk.services, user)
    cli.run("watch", "add", "shop", "--site", "https://shop.example/")
    assert Owner.objects.get(slug=studio).watches.exists()
    Owner.objects.filter(slug=studio).update(sample=True)
    assert f"--owner {sample.slug}" in cli.run("case", "list", code=2).err
    cli.run("case", "list", "--owner", sample.slug)


def test_an_owner_is_shown_with_its_counts_and_has_its_name_alone(cli: Terminal) -> None:
    told = cli.ask("owner", "add", "The Studio", "--contact", "rights@studio.example")
    assert (told["owner"], told["contact"], told["works"], told["members"]) == (
        "the-studio", "rights@studio.example", 0, 0,
    )  # fmt: skip
    assert cli.api("GET", "/owners")["items"] == [told]
    cli.run("owner", "add", "the studio", code=2)
