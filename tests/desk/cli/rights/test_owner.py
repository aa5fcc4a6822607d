"""`exhibit owner` and `exhibit user`: rights holders, and the people who sign in for them."""

from tests.assets.command_line import Terminal


def test_with_several_owners_one_has_to_be_named(cli: Terminal, studio: str) -> None:
    cli.run("owner", "add", "灯塔档案", "--slug", "lighthouse")
    ran = cli.run("work", "list", code=2)
    assert ran.err.splitlines()[0] == "There are several owners."
    assert "lighthouse, the-studio" in ran.err
    assert "灯塔档案" in cli.run("owner", "list").out


def test_an_owner_is_told_with_its_counts_and_has_its_name_alone(cli: Terminal) -> None:
    assert cli.run("owner", "list").out == 'There is no owner yet. Add one: exhibit owner add "NAME"\n'
    told = cli.ask("owner", "add", "The Studio", "--contact", "rights@studio.example")
    assert (told["owner"], told["contact"], told["works"], told["members"]) == (
        "the-studio", "rights@studio.example", 0, 0,
    )  # fmt: skip
    assert cli.ask("owner", "list") == {"owners": [told]}
    assert "There is an owner named" in cli.run("owner", "add", "the studio", code=2).err


def test_a_person_gets_a_password_that_is_shown_once(cli: Terminal, studio: str) -> None:
    own = ("--owner", studio)
    assert "Use --generate." in cli.run("user", "add", "ann@studio.example", *own, code=2).err
    assert "isn't an e-mail address" in cli.run("user", "add", "ann", "--generate", *own, code=2).err
    shown = cli.run("user", "add", "ann@studio.example", "--generate", *own).out
    assert len(shown.splitlines()[-1].split()[-1]) >= 12
    assert cli.ask("user", "list") == {"users": [{"email": "ann@studio.example", "owner": studio, "role": "owner"}]}
    assert "bob@studio.example is reviewer" in cli.run("user", "add", "bob@studio.example", "--generate", *own).out
    assert "is owner of The Studio already" in cli.run("user", "add", "Ann@studio.example", *own).out
    assert [one["role"] for one in cli.ask("user", "list")["users"]] == ["owner", "reviewer"]


def test_a_new_password_takes_the_place_of_the_old_one_and_an_operator_gets_a_link(cli: Terminal, studio: str) -> None:
    from registry.models import User

    cli.run("user", "add", "ann@studio.example", "--generate")
    shown = cli.run("user", "password", "ann@studio.example", "--generate").out
    assert User.objects.get().check_password(shown.split()[-1])
    assert cli.run("user", "password", "bob@studio.example", "--generate", code=2).out == ""
    links = [cli.run("user", "operator").out for _ in range(2)]
    assert all("http" in one for one in links)
    assert links[0] != links[1]
