"""The operator's partners, agreements, contributors and timestamp services."""

import json
from datetime import UTC, date, datetime, time
from typing import Annotated, Any

from eth_utils import address
from ninja import Path, Query, Router
from pydantic import Field

from desk.api.common.auth import OPERATOR, Call
from desk.schemas import log as schemas, owners as owner_schemas, requests
from desk.schemas.base import Answer, Moment
from evidence.anchors.evm import kind as evm
from exhibit.errors import NotFoundError, WrongUseError
from registry.alliance import blind_search, cosigning, partners, pdq_feed, signed_calls
from registry.crawls import sightings
from registry.edge import accounts, contributors, deliveries
from registry.log import added_services, service_availability
from registry.log.anchors import get_anchor_configs
from registry.models import Agreement, Contributor, Partner
from registry.services import addresses
from registry.services.anchors import session_for
from workers import wiring

router = Router(tags=["operator"], auth=OPERATOR)
ONE = "/operator/partners/{name}"
Named = Annotated[str, Path(max_length=200, pattern=requests.IN_LINE_SOMETHING, description="Name.")]
DisclosedField = Annotated[str, Field(max_length=20, pattern=requests.IN_LINE_SOMETHING)]
PublicKey = Annotated[str, Field(max_length=500, pattern=requests.IN_LINE_SOMETHING)]
CardUrl = Annotated[str, Query(max_length=2_000, pattern=requests.URL, description="Address of the partner's site.")]
OfContributor = Annotated[str, Query(max_length=200, pattern=requests.IN_LINE, description="Only this contributor.")]
Most = Annotated[int, Query(ge=1, le=2**31, description="Maximum number of pictures, newest first.")]


class Card(Answer):
    """Address and public keys of an installation."""

    format: str = Field(description="Format and version.")
    url: str = Field(description="Address of the site.")
    log: str = Field(description="Public key of the log.")
    witness: str = Field(description="Public key of the log witness.")


class NewPartner(requests.RequestBody):
    """An installation to add as a partner. Compare its keys with its operator before you add it."""

    name: requests.Name = Field(examples=["anna"], description="Name that you give to the partner.")
    url: requests.Url = Field(examples=["https://anna.example"], description="Address of the partner's site.")
    log: PublicKey = Field(description="Public key of its log.", examples=["anna.example/log+9b84e97f+AX…"])
    witness: PublicKey = Field(description="Public key of its log witness.", examples=["anna.example/w+9b84e97f+BF…"])


class Partners(Answer):
    """Partners, including revoked ones."""

    items: list[schemas.Partner]


class Captures(requests.RequestBody):
    """Visits that partners make for each other. Null leaves a field unchanged."""

    requests_visits: requests.Flag | None = Field(
        None, description="Request visits by the partner to the pages of each case."
    )
    daily_visits: Annotated[requests.Whole, Field(ge=0, le=100_000)] | None = Field(
        None, description="Maximum visits per day that this installation makes for the partner."
    )


class PartnerProblems(Answer):
    """Problems of partners' logs, by partner."""

    faults: dict[str, str]


class Forks(Answer):
    """Pairs of signed checkpoints that contradict each other."""

    forks: list[schemas.Fork]


class FeedMatches(Answer):
    """Pictures seen here that are similar to those in a partner's feed."""

    feed_at: Moment = Field(description="Time of the feed.")
    hashes: int = Field(description="Number of hashes in the feed.")
    compared: int = Field(description="Number of pictures that were compared.")
    found: list[schemas.FeedMatch]


class NewAgreement(requests.RequestBody):
    """Permission for a partner to search the pictures seen here, without disclosing either side's pictures."""

    partner: requests.Name = Field(examples=["anna"], description="Name of the partner.")
    fields: list[DisclosedField] = Field(
        max_length=5,
        description="Data returned for a match: `page`, `image`, `seen`, `digest` or `hash`.",
        examples=[["page", "seen"]],
    )
    valid_until: requests.Date = Field(description="Last day of the agreement.")
    queries: requests.Number = Field(examples=[100_000], description="Maximum number of queries.")


class Agreements(Answer):
    """Agreements, including ended ones."""

    items: list[schemas.Agreement]


class BlindMatches(Answer):
    """Pictures seen by a partner that match works registered here, as reported by the partner."""

    found: list[schemas.BlindMatch]
    missing: str = Field(description="Reason why the search is incomplete; empty if it is complete.")


class NewContributor(requests.RequestBody):
    """A contributor to invite."""

    name: requests.Name = Field(examples=["Ann's machine"], description="Name of the contributor.")


class ContributorToken(Answer):
    """A contributor's token, shown once. The contributor runs `exhibit contributor join URL TOKEN`."""

    name: str
    token: str
    url: str = Field(description="Address of this installation.")


class ContributorAccount(requests.RequestBody):
    """A signed account of contributors."""

    account: str = Field(max_length=1_000_000, pattern=requests.CLEAN, description="The account as a JSON text.")
    key: str = Field(
        "",
        max_length=500,
        pattern=requests.IN_LINE,
        description="Public key of the log; by default the key that the account names.",
    )


class TimestampServices(Answer):
    """Timestamp services, and the required number of them."""

    items: list[schemas.TimestampService]
    needed: int = Field(description="Number of services required for a bundle.")


class AvailableService(Answer):
    """A public timestamp service that can be added."""

    name: str
    title: str
    learns: str = Field(description="Data that the service receives.")
    costs: str = Field(description="Price.")
    takes: str = Field(description="Typical duration until a timestamp is complete.")
    page: str = Field(description="URL of the service's site.")


class AvailableServices(Answer):
    """Public timestamp services that can be added."""

    items: list[AvailableService]


class NewTimestampService(requests.RequestBody):
    """A public timestamp service to add."""

    name: requests.Name = Field(examples=["freetsa"], description="Name of the service, as listed.")


class ContractRequest(requests.RequestBody):
    """A transaction that was sent earlier, if any."""

    transaction: str = Field(
        "",
        max_length=200,
        pattern=requests.IN_LINE,
        description="Hash of the earlier transaction; no other one is sent.",
    )


class Contract(Answer):
    """The contract of an EVM chain."""

    transaction: str = Field(description="Hash of the transaction.")
    contract: str | None = Field(
        description="Address of the contract for exhibit.toml; null until a block contains it."
    )


@router.get("/operator/card", response=Card)
def get_own_card(request: Call) -> Card:
    """Get this installation's card, for operators of partners."""
    return Card(**signed_calls.own_card(wiring.services()))


@router.get("/operator/partner-card", response=Card)
def get_partner_card(request: Call, url: CardUrl) -> Card:
    """Get the card of another installation. Compare its keys with its operator before you add it."""
    card = signed_calls.read_card(wiring.services(), signed_calls.fetch_card(wiring.services(), url))
    if card.url.rstrip("/") != url.rstrip("/"):
        hint = "If its operator told you that address, request it instead."
        raise WrongUseError(f"The card names another address, {card.url}.", hint=hint)
    return Card(format=card.format, url=card.url, log=card.log, witness=card.witness)


@router.get("/operator/partners", response=Partners)
def list_partners(request: Call) -> Partners:
    """List partners and problems of their logs."""
    return Partners(items=schemas.Partner.from_rows(Partner.objects.order_by("name", "pk")))


@router.post("/operator/partners", response={201: schemas.Partner})
def add_partner(request: Call, new: NewPartner) -> schemas.Partner:
    """Add a partner, or update the address and keys of an existing one. Its log is cosigned from then on."""
    plain = {"format": signed_calls.FORMAT, "url": new.url, "log": new.log, "witness": new.witness}
    card = signed_calls.read_card(wiring.services(), json.dumps(plain).encode())
    row = partners.add(new.name, card.url, card.log, card.witness, by=request.auth.by)
    return schemas.Partner.from_row(row)


@router.patch(ONE + "/captures", response=schemas.Partner)
def set_partner_captures(request: Call, name: Named, new: Captures) -> schemas.Partner:
    """Set whether a partner visits pages of cases, and how many visits it may request. Both are off by default."""
    partners.set_captures(
        partners.get_partner(name), ask=new.requests_visits, visits=new.daily_visits, by=request.auth.by
    )
    return schemas.Partner.from_row(partners.get_partner(name))


@router.post(ONE + "/revoke", response=schemas.Partner)
def revoke_partner(request: Call, name: Named, new: requests.Reason) -> schemas.Partner:
    """Revoke a partner. Its earlier signatures remain stored."""
    row = partners.get_partner(name)
    partners.revoke(row, by=request.auth.by, reason=new.reason)
    return schemas.Partner.from_row(Partner.objects.get(pk=row.pk))


@router.post("/operator/partners/compare", response=PartnerProblems)
def compare_partner_logs(request: Call) -> PartnerProblems:
    """Compare the checkpoints of partners' logs now. Exhibit also does this every hour."""
    return PartnerProblems(faults=cosigning.compare_checkpoints(wiring.services()))


@router.get("/operator/forks", response=Forks)
def list_forks(request: Call) -> Forks:
    """List pairs of checkpoints that contradict each other, as proof for others."""
    return Forks(forks=[schemas.Fork(**fork) for fork in cosigning.list_forks()])


@router.get(ONE + "/feed", response=FeedMatches)
def read_partner_feed(request: Call, name: Named, most: Most = 10_000) -> FeedMatches:
    """Find pictures seen here that are similar to a partner's feed of PDQ hashes. A similar hash proves nothing."""
    feed = pdq_feed.read_feed(wiring.services(), partners.get_partner(name))
    pictures = sightings.list_public_pictures().filter(bytes_state="stored").order_by("-pk")[:most]
    near_pairs, compared_count = pdq_feed.find_near(wiring.services(), feed, list(pictures))
    finds = [schemas.FeedMatch.from_row(sighting, bits=bits, theirs=page) for bits, page, sighting in near_pairs]
    return FeedMatches(feed_at=feed.at, hashes=len(feed.pages), compared=compared_count, found=finds)


@router.post(ONE + "/search", response=BlindMatches)
def search_partner(request: Call, name: Named) -> BlindMatches:
    """Search the pictures that a partner has seen for all works. The partner learns only the number of works."""
    done = blind_search.search(wiring.services(), partners.get_partner(name))
    results = [
        schemas.BlindMatch(
            works=blind_search.works_of(match.picture),
            exact=match.exact,
            bands=match.bands,
            told=match.disclosed_values,
        )
        for match in done.matches
    ]
    return BlindMatches(found=results, missing=done.missing)


@router.get("/operator/agreements", response=Agreements)
def list_agreements(request: Call) -> Agreements:
    """List agreements about blind searches, and the queries used."""
    rows = Agreement.objects.select_related("partner").order_by("pk")
    return Agreements(items=schemas.Agreement.from_rows(rows))


@router.post("/operator/agreements", response={201: schemas.Agreement})
def add_agreement(request: Call, new: NewAgreement) -> schemas.Agreement:
    """Allow a partner to run blind searches here. Neither side sees the other's pictures."""
    until = datetime.combine(date.fromisoformat(str(new.valid_until)), time(), UTC)
    row = partners.create_agreement(
        partners.get_partner(new.partner), new.fields, until, new.queries, by=request.auth.by
    )
    return schemas.Agreement.from_row(row)


@router.delete("/operator/agreements/{int:number}", response={204: None})
def end_agreement(request: Call, number: int) -> None:
    """End an agreement immediately."""
    partners.end_agreement(number, by=request.auth.by)


@router.get("/operator/contributors", response=dict[str, Any])
def list_contributors(request: Call, name: OfContributor = "") -> Any:  # noqa: ANN401 - a signed document
    """Get the results and checks of contributors, signed with the log's key."""
    rows = Contributor.objects.order_by("pk")
    selected = list(rows.filter(name=name) if name else rows)
    if name and not selected:
        raise NotFoundError(f"There is no contributor {name!r}.")
    done = {row.pk: owner_schemas.Contributor.from_row(row).model_dump(mode="json") for row in selected}
    return deliveries.signed_account(wiring.services(), done)


@router.post("/operator/contributors", response={201: ContributorToken})
def invite_contributor(request: Call, new: NewContributor) -> ContributorToken:
    """Invite a contributor, and create a token for their machine."""
    row, token = contributors.invite(new.name, by=request.auth.by)
    return ContributorToken(name=row.name, token=token, url=addresses.absolute(wiring.services().config))


@router.post("/operator/contributors/check", response=dict[str, Any])
def check_contributor_account(request: Call, new: ContributorAccount) -> Any:  # noqa: ANN401 - a signed document
    """Verify the signature of a contributor account, and return the account."""
    return accounts.read_account(new.account.encode(), new.key)


@router.delete("/operator/contributors/{name}", response={204: None})
def remove_contributor(request: Call, name: Named, discard_results: bool = False) -> None:  # noqa: FBT002 - of the query
    """Remove a contributor. With `discard_results`, fetch their URLs again from here."""
    contributors.remove_contributor(contributors.get_contributor(name), by=request.auth.by, drop=discard_results)


@router.get("/operator/witnesses", response=TimestampServices)
def list_timestamp_services(request: Call) -> TimestampServices:
    """List timestamp services, their last responses and pending receipts."""
    known = service_availability.load_availability()
    configured = {(one.kind, one.name): one for one in get_anchor_configs(wiring.services())}
    items = []
    for kind, name in sorted({*configured, *known}):
        row, one = known.get((kind, name)), configured.get((kind, name))
        empty = {"error": "", "pending_receipts": 0} if row is None else {}
        trial = one is not None and one.development
        items.append(
            schemas.TimestampService.from_row(
                row, kind=kind, name=name, development=trial, configured=one is not None, **empty
            )
        )
    return TimestampServices(items=items, needed=wiring.services().config.witnesses_needed)


@router.get("/operator/witnesses/offered", response=AvailableServices)
def list_available_timestamp_services(request: Call) -> AvailableServices:
    """List public timestamp services that can be added, with their prices, durations and data received."""
    return AvailableServices(items=AvailableService.from_rows(added_services.list_unused_offers(wiring.services())))


@router.post("/operator/witnesses", response={204: None})
def add_timestamp_service(request: Call, new: NewTimestampService) -> None:
    """Add a public timestamp service after a trial request."""
    added_services.add_timestamp_service(wiring.services(), new.name, by=request.auth.by)


@router.delete("/operator/witnesses/{name}", response={204: None})
def remove_timestamp_service(request: Call, name: Named) -> None:
    """Remove a timestamp service. Its receipts remain stored."""
    added_services.remove_timestamp_service(name, by=request.auth.by)


@router.post("/operator/witnesses/{name}/contract", response=Contract)
def deploy_contract(request: Call, name: Named, new: ContractRequest) -> Contract:
    """Create the contract for an EVM chain, paid by the configured account. Repeat with the returned transaction."""
    config = wiring.services().config
    anchor_config = next(
        (candidate for candidate in config.anchors if isinstance(candidate, evm.EvmConfig) and candidate.name == name),
        None,
    )
    if anchor_config is None:
        raise NotFoundError(f"There is no anchor of the kind evm named {name}.", hint="Add it to exhibit.toml first.")
    anchor = evm.build(anchor_config, session_for(anchor_config, config.allowed_networks, "Exhibit"))
    sent = new.transaction or anchor.deploy()
    receipt = anchor.find_deployed_contract(sent)
    return Contract(transaction=sent, contract=address.to_checksum_address(receipt) if receipt else None)
