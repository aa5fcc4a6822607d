"""`exhibit user`: who may sign in, with passwords that are shown once."""

from tests.assets.command_line import Terminal


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
