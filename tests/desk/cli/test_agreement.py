"""`exhibit agreement`: who may search here blindly, and until when."""

import json

from tests.assets.command_line import Terminal
from tests.assets.partners import new_signer, partner_of


def test_an_agreement_is_made_listed_and_ended(cli: Terminal) -> None:
    partner_of(new_signer(), "anna")
    terms = ("--fields", "page,seen", "--until", "2090-01-01", "--queries", "100")
    assert "no agreements" in cli.run("agreement", "list").out
    number = cli.run("agreement", "add", "anna", *terms).out.split()[1]
    assert "still holds" in cli.run("agreement", "add", "anna", *terms, code=2).err
    (told,) = json.loads(cli.run("agreement", "list", "--json").out)["agreements"]
    assert (told["partner"], told["queries"], told["used"], told["ended_at"]) == ("anna", 100, 0, None)
    assert "has ended" in cli.run("agreement", "end", number).out
    assert "exhibit agreement list" in cli.run("agreement", "end", number, code=2).err
    assert "No such fields" in cli.run("agreement", "add", "anna", "--fields", "all", *terms[2:], code=2).err
