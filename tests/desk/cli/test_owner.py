"""Test `exhibit owner add`, and which owner a command selects."""

from registry.cases.sample import add_sample
from registry.models import Membership, Owner, Role, User
from tests.assets.command_line import Terminal


def test_owner_must_be_selected_if_there_are_several(cli: Terminal, studio: str) -> None:
    cli.run("owner", "add", "灯塔档案", "--slug", "lighthouse")
    result = cli.run("case", "list", code=2)
    assert "lighthouse, the-studio" in result.err
    assert cli.run_json("case", "list", "--owner", "灯塔档案") == {"cases": []}


def test_sample_owner_is_used_only_when_selected(cli: Terminal, studio: str) -> None:
    user = User.objects.create_user(username="ann@example.org", email="ann@example.org")
    Membership.objects.create(user=user, owner=Owner.objects.get(slug=studio), role=Role.OWNER)
    sample = add_sample(cli.desk.services, user)
    cli.run("watch", "add", "shop", "--site", "https://shop.example/")
    assert Owner.objects.get(slug=studio).watches.exists()
    Owner.objects.filter(slug=studio).update(sample=True)
    assert f"--owner {sample.slug}" in cli.run("case", "list", code=2).err
    cli.run("case", "list", "--owner", sample.slug)


def test_owner_is_shown_with_counts_and_its_name_is_unique(cli: Terminal) -> None:
    data = cli.run_json("owner", "add", "The Studio", "--contact", "rights@studio.example")
    assert (data["owner"], data["contact"], data["works"], data["members"]) == (
        "the-studio", "rights@studio.example", 0, 0,
    )  # fmt: skip
    assert cli.api("GET", "/owners")["items"] == [data]
    cli.run("owner", "add", "the studio", code=2)
