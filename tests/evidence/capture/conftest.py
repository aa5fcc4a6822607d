"""A shop on loopback: a page and its image."""

from collections.abc import Iterator

import pytest

from tests.assets.exact_site import PAGE, PICTURE, Site, answer


@pytest.fixture
def site() -> Iterator[Site]:
    with Site().running() as running:
        running.answers["/shop"] = answer(PAGE)
        running.answers["/red%20one.png"] = answer(PICTURE, headers="Content-Type: image/png\r\n")
        yield running
