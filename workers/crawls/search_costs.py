"""What a watch that asks searches costs, before it is arranged."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from itertools import product
from typing import Any, Unpack

from exhibit.errors import WrongUseError
from exhibit.sentences import Sentence
from exhibit.types import Money, Price
from registry.crawls import budgets, inquiries
from registry.crawls.watching import Subjects
from registry.models import Owner
from workers.crawls.search_keys import price_of
from workers.crawls.search_services import service_of, services_for
from workers.services.wiring import Services


@dataclass(frozen=True, slots=True)
class Estimate:
    """What a run asks a search at most, and what that costs if nothing is free and each request is sent once."""

    search: str  # its short name
    name: str  # what people call it
    searches: int  # pictures of works, or sets of words
    pages: int  # requests for each
    price: Price | None  # of a request; ``None`` if unknown

    @property
    def cost(self) -> Money | None:
        """Of a run; ``None`` if unknown."""
        if self.price is None:
            return None
        return Money(self.searches * self.pages * self.price.each.millionths, self.price.each.currency)


def estimate(
    services: Services, owner: Owner, names: Collection[str], *, budget: Mapping[str, Any], **asked: Unpack[Subjects]
) -> list[Estimate]:
    """What each search would cost; raises as :func:`workers.crawls.watches.arrange`."""
    names, words, works = list(dict.fromkeys(names)), asked.get("words") or (), asked.get("works") or ()
    found = services_for(services.config, names, words, works)
    check_costs(services, owner, names, budget)
    usual = min((service.pace.searches for service in found), default=0)
    pictures = inquiries.pictures_of(owner.pk, works).count() if any(one.takes_pictures for one in found) else 1
    searches = min(int(budget.get("searches", usual)), len(words) or pictures)
    return [
        Estimate(name, one.name, searches, one.pace.pages, price_of(owner, name, one))
        for name, one in zip(names, found, strict=True)
    ]


def check_costs(services: Services, owner: Owner, names: Collection[str], budget: Mapping[str, Any]) -> None:
    """Refuse money in a budget with which a search could never be asked: its price is unknown, or in another currency.

    Raises ``WrongUseError``.
    """
    for limit, name in product(budgets.limits(budget).values(), names):
        service = service_of(services.config, name)
        price = price_of(owner, name, service)
        if price is None:
            said = Sentence("Nothing says what %(name)s costs, so no money can limit it.", name=service.name)
        elif price.each.currency != limit.currency:
            said = Sentence("The price of %(name)s is in %(code)s.", name=service.name, code=price.each.currency)
        else:
            continue
        hint = Sentence(
            "Say what your account pays: exhibit search price %(search)s 3.50USD --requests 1000", search=name
        )
        raise WrongUseError(said, hint=hint)
