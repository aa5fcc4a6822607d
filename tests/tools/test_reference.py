"""The pages of docs/reference are those that the code gives, and say something of everything."""

import re
from types import ModuleType

import click
import pytest

from tools.reference import api, bundle_fields, commands, faces, scale, settings


@pytest.mark.parametrize("module", [commands, settings, api, faces, bundle_fields, scale], ids=lambda one: one.__name__)
def test_the_page_is_the_one_that_the_code_gives(module: ModuleType) -> None:
    text = module.PAGE.read_text("utf-8")
    assert text == module.page(), "run python -m tools.reference"
    assert re.findall(r"^.*(?:\| \?|: \?|## \?).*$", text, re.MULTILINE) == [], (
        "say on the page, or in the code, what it is"
    )


def test_what_a_page_says_by_hand_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    """A new command gets a question mark, one with words keeps them."""
    known = list(commands.all_commands())
    option = click.Option(["--json"], is_flag=True)
    new = click.Command("new", params=[option], help="Do something new.", epilog="\b\nExamples:\n  exhibit new --json")
    monkeypatch.setattr(commands, "all_commands", lambda: iter([*known, ("Upkeep", "new", new)]))
    before, after = commands.PAGE.read_text("utf-8").splitlines(), commands.page().splitlines()
    assert set(before) <= set(after)
    assert "### exhibit new" in after
    assert f"{commands.JSON}?" in after


def test_one_deed_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """A row whose names all stand in another one says nothing more, wherever it stands."""
    repeated = [("Works", [["work open"], [], []]), ("Works", [[], [], ["public-work"]])]
    told = list(faces.rows())
    monkeypatch.setattr(faces, "rows", lambda: iter([repeated[0], *told, *repeated]))
    assert faces.page().count("`work open`") == 1
    assert faces.page().count("`public-work`") == 1
