"""Access to a page's content by its structure instead of by its sentences."""

import re
from typing import Any, Protocol

from parsel import Selector, SelectorList


class Answer(Protocol):
    """A response of a test client or a view."""

    content: Any


def select(page: Answer | str, css: str) -> SelectorList[Selector]:
    """Return the elements of a page, or of a part of one, that match a CSS selector."""
    text: str = page if isinstance(page, str) else page.content.decode()
    return Selector(text=text or " ", type="html").css(css)


def has_test_id(page: Answer | str, name: str) -> bool:
    """Return True if an element has this ``data-testid``."""
    return bool(select(page, f'[data-testid="{name}"]'))


def message_levels(page: Answer | str) -> list[str]:
    """Return the level of each message at the top of a page, such as ``success`` or ``error``."""
    return [css.split()[-1] for css in select(page, "p.message[role=status]::attr(class)").getall()]


def numbers_in(text: str) -> list[str]:
    """Return the numbers in a sentence, in order, without digit separators."""
    return [number.replace(",", "") for number in re.findall(r"\d[\d,]*(?:\.\d+)?", text)]


def numbers_at(page: Answer | str, name: str) -> list[str]:
    """Return the numbers within the element with this ``data-testid``."""
    return numbers_in(" ".join(select(page, f'[data-testid="{name}"]').xpath("string()").getall()))
