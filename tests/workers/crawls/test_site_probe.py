"""What a watch can't visit is refused when it is given, with the address and the reason."""

from types import SimpleNamespace
from typing import Any

import pytest

from exhibit.errors import RefusedError
from exhibit.network.guard import Guard
from registry.models import HostDenial
from workers.crawls.site_probe import check_addresses


@pytest.mark.django_db
def test_an_address_that_cannot_be_visited_is_named_with_the_reason() -> None:
    HostDenial.objects.create(host="shop.example", reason="opted out")
    services: Any = SimpleNamespace(guard=Guard())
    check_addresses(services, ["https://other.example/"])
    for url, reason in (
        ("https://www.shop.example/a", "denied-host"),
        ("http://10.0.0.1/", "private-address"),
        ("ftp://other.example/", "scheme"),
    ):
        with pytest.raises(RefusedError) as refused:
            check_addresses(services, ["https://other.example/", url])
        assert (refused.value.reason, url in refused.value.message) == (reason, True)
