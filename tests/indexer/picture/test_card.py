import re
from dataclasses import asdict
from textwrap import dedent

import pytest

from exhibit.digests import Digest
from exhibit.errors import InvalidRequestError
from indexer.picture.card import card_from_dict, create_space, read_card
from tests import CHECKOUT
from tests.assets.networks import CARD


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ("name = [", "not valid TOML"),
        (CARD.replace('licence = "CC0-1.0"', ""), "licence"),
        (CARD.replace('"colours"', '"../colours"'), r"\.\./colours is not valid"),
        (CARD.replace('"colours"', '"descriptor"'), "descriptor is reserved"),
        (CARD.replace('version = "1"', 'version = "1/2"'), "1/2 is not valid"),
        (CARD.replace("mean = [128, 128, 128]", "mean = [128]"), "three numbers"),
        (CARD.replace("deviation = [64, 64, 64]", "deviation = [64, 0, 64]"), "deviation .*greater than 0"),
        (CARD.replace("width = 64", "width = true", 1), "whole number"),
        (CARD.replace("width = 64", "width = 4096", 1), "16 to 1024"),
        (CARD.replace("[output]", 'resize = "cut"\n[output]'), "one of squash, crop, pad"),
        (CARD + "colour = 3", r"unknown key: output\.colour"),
        ("input = 3", "input must be a table"),
    ],
)
def test_invalid_model_card_is_refused_with_a_message(wrong: str, sentence: str) -> None:
    with pytest.raises(InvalidRequestError, match=sentence):
        read_card(wrong)


def test_model_card_round_trips_and_determines_the_vector_space() -> None:
    card = read_card(CARD)
    assert card_from_dict(asdict(card)) == card
    other = create_space(read_card(CARD.replace("[64, 64, 64]", "[64, 64, 65]")), Digest.from_bytes(b"x"))
    assert create_space(card, Digest.from_bytes(b"x")).parameters != other.parameters


def test_model_cards_in_the_documentation_are_valid() -> None:
    page = (CHECKOUT / "docs" / "reference" / "descriptors.md").read_text("utf-8")
    examples = [block for block in re.findall(r"(?:^    .*\n)+", page, re.MULTILINE) if "[input]" in block]
    assert [read_card(dedent(block)).name for block in examples] == ["sscd", "sscd-int8", "dinov2-small"]
