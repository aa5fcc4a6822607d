"""The operator's partners, agreements, contributors and timestamp services."""

import json
from datetime import UTC, date, datetime, time
from typing import Annotated, Any

from eth_utils import address
from ninja import Path, Query, Router
from pydantic import Field

from desk.api.common.auth import OPERATOR, Call
from desk.schemas import log as schemas, owners as owner_schemas, requests
from desk.schemas.base import ResponseBody, UtcTime
from evidence.anchors.evm import kind as evm
from exhibit.errors import InvalidRequestError, NotFoundError
from registry.alliance import blind_search, cosigning, partners, pdq_feed, signed_calls
from registry.crawls import sightings
from registry.edge import contributors, deliveries, statements
from registry.log import added_services, service_availability
from registry.log.anchors import get_anchor_configs
from registry.models import Agreement, Contributor, Partner
from registry.services import addresses
from registry.services.anchors import build_session
from workers import wiring

router = Router(tags=["operator"], auth=OPERATOR)
PARTNER_PATH = "/operator/partners/{name}"
NameParameter = Annotated[
    str,
    Path(
        max_length=200,
        pattern=requests.NONEMPTY_LINE_PATTERN,
        description="Name of the partner, contributor or timestamp service.",
    ),
]
DisclosedField = Annotated[str, Field(max_length=20, pattern=requests.NONEMPTY_LINE_PATTERN)]
PublicKey = Annotated[str, Field(max_length=500, pattern=requests.NONEMPTY_LINE_PATTERN)]
CardUrl = Annotated[
    str, Query(max_length=2_000, pattern=requests.URL_PATTERN, description="URL of the partner's installation.")
]
ContributorFilter = Annotated[
    str, Query(max_length=200, pattern=requests.LINE_PATTERN, description="Return only the contributor with this name.")
]
MaxPictures = Annotated[
    int, Query(ge=1, le=2**31, description="Maximum number of pictures to compare, starting with the newest.")
]


class InstallationCard(ResponseBody):
    """Card of an installation: its URL and public keys."""

    format: str = Field(description="Format of the card, with its version.")
    url: str = Field(description="URL of the installation.")
    log: str = Field(description="Public key of the installation's log.")
    witness: str = Field(description="Public key of the installation's log witness.")


class NewPartner(requests.RequestBody):
    """A partner to add. Before you add it, confirm the public keys with the operator of the partner."""

    name: requests.Name = Field(examples=["anna"], description="Name that you choose for the partner.")
    url: requests.Url = Field(examples=["https://anna.example"], description="URL of the partner's installation.")
    log: PublicKey = Field(description="Public key of the partner's log.", examples=["anna.example/log+9b84e97f+AX…"])
    witness: PublicKey = Field(
        description="Public key of the partner's log witness.", examples=["anna.example/w+9b84e97f+BF…"]
    )


class Partners(ResponseBody):
    """A list of partners."""

    items: list[schemas.Partner] = Field(description="Partners, including revoked ones.")


class PartnerCaptureSettings(requests.RequestBody):
    """Settings for visits that partners make for each other. Fields that are null are not changed."""

    requests_visits: requests.Flag | None = Field(
        None, description="Whether to ask the partner to visit the page of each capture."
    )
    daily_visits: Annotated[requests.StrictInteger, Field(ge=0, le=100_000)] | None = Field(
        None, description="Maximum number of visits per day that this installation makes for the partner."
    )


class PartnerProblems(ResponseBody):
    """Problems with the logs of partners."""

    faults: dict[str, str] = Field(description="Problems with the log of each partner, by partner name.")


class Forks(ResponseBody):
    """Pairs of signed checkpoints that contradict each other."""

    forks: list[schemas.LogFork] = Field(description="Pairs of signed checkpoints that contradict each other.")


class FeedMatches(ResponseBody):
    """Pictures crawled by this installation that are similar to pictures in a partner's feed."""

    feed_at: UtcTime = Field(description="Time at which the feed was generated.")
    hashes: int = Field(description="Number of hashes in the feed.")
    compared: int = Field(description="Number of pictures compared with the feed.")
    found: list[schemas.FeedMatch] = Field(description="Crawled pictures that are similar to pictures in the feed.")


class NewAgreement(requests.RequestBody):
    """Permission for a partner to search pictures crawled by this installation. Neither side discloses its pictures."""

    partner: requests.Name = Field(examples=["anna"], description="Name of the partner.")
    fields: list[DisclosedField] = Field(
        max_length=5,
        description="Data to return for each match: `page` (URL of the page), `image` (URL of the picture), `seen` "
        "(time of the first sighting), `digest` (SHA-256 digest of the picture) or `hash` (perceptual hash of "
        "the picture).",
        examples=[["page", "seen"]],
    )
    valid_until: requests.Date = Field(description="Last day of the agreement.")
    queries: requests.Number = Field(examples=[100_000], description="Maximum number of queries under the agreement.")


class Agreements(ResponseBody):
    """A list of agreements."""

    items: list[schemas.Agreement] = Field(description="Agreements, including ended ones.")


class BlindMatches(ResponseBody):
    """Result of a blind search of a partner's crawled pictures."""

    found: list[schemas.BlindMatch] = Field(
        description="Pictures crawled by the partner that match works registered in this installation."
    )
    missing: str = Field(description="Reason why the search is incomplete; empty if it is complete.")


class NewContributor(requests.RequestBody):
    """A contributor to invite."""

    name: requests.Name = Field(examples=["Ann's machine"], description="Name of the contributor.")


class ContributorToken(ResponseBody):
    """A contributor's token, shown once. The contributor runs `exhibit contributor join URL TOKEN`."""

    name: str = Field(description="Name of the contributor.")
    token: str = Field(description="Token of the contributor.")
    url: str = Field(description="URL of this installation.")


class ContributorAccount(requests.RequestBody):
    """A signed statement about contributors' results, whose signature is to be verified."""

    account: str = Field(max_length=1_000_000, pattern=requests.TEXT_PATTERN, description="The statement as JSON text.")
    key: str = Field(
        "",
        max_length=500,
        pattern=requests.LINE_PATTERN,
        description="Public key of the log; by default the key given in the statement.",
    )


class TimestampServices(ResponseBody):
    """Timestamp services, and the number of services that a bundle requires."""

    items: list[schemas.TimestampService] = Field(description="Timestamp services in use.")
    needed: int = Field(description="Number of timestamp services required for a bundle.")


class AvailableService(ResponseBody):
    """A public timestamp service that can be added."""

    name: str = Field(description="Name to use when you add the service.")
    title: str = Field(description="Full name of the service.")
    shared_data: str = Field(description="Data that the service receives.")
    costs: str = Field(description="Price of the service.")
    duration: str = Field(description="Typical time until a timestamp is complete.")
    page: str = Field(description="URL of the service's website.")


class AvailableServices(ResponseBody):
    """Public timestamp services that can be added."""

    items: list[AvailableService] = Field(description="Public timestamp services that have not been added.")


class NewTimestampService(requests.RequestBody):
    """A public timestamp service to add."""

    name: requests.Name = Field(
        examples=["freetsa"], description="Name of the service, as in the list of available services."
    )


class ContractRequest(requests.RequestBody):
    """A request to deploy the timestamp contract, or to look up the contract of an earlier transaction."""

    transaction: str = Field(
        "",
        max_length=200,
        pattern=requests.LINE_PATTERN,
        description="Hash of a transaction that was sent earlier. If a hash is given, no new transaction is sent.",
    )


class Contract(ResponseBody):
    """The timestamp contract on an EVM chain."""

    transaction: str = Field(description="Hash of the transaction.")
    contract: str | None = Field(
        description="Address of the contract, to enter in exhibit.toml; null until a block contains the transaction."
    )


@router.get("/operator/card", response=InstallationCard)
def get_own_card(request: Call) -> InstallationCard:
    """Get the card of this installation, which you send to the operators of partners."""
    return InstallationCard(**signed_calls.build_own_card(wiring.services()))


@router.get("/operator/partner-card", response=InstallationCard)
def get_partner_card(request: Call, url: CardUrl) -> InstallationCard:
    """Get the card of another installation.

    Before you add the installation as a partner, confirm the public keys with its operator.
    """
    card = signed_calls.parse_card(wiring.services(), signed_calls.fetch_card(wiring.services(), url))
    if card.url.rstrip("/") != url.rstrip("/"):
        hint = "If the operator of the installation gave you this URL, use it instead."
        raise InvalidRequestError(f"The card contains a different URL, {card.url}.", hint=hint)
    return InstallationCard(format=card.format, url=card.url, log=card.log, witness=card.witness)


@router.get("/operator/partners", response=Partners)
def list_partners(request: Call) -> Partners:
    """List partners, and problems with their logs."""
    return Partners(items=schemas.Partner.from_rows(Partner.objects.order_by("name", "pk")))


@router.post("/operator/partners", response={201: schemas.Partner})
def add_partner(request: Call, new: NewPartner) -> schemas.Partner:
    """Add a partner, or update the URL and keys of an existing one. Exhibit then cosigns the partner's log."""
    card_fields = {"format": signed_calls.FORMAT, "url": new.url, "log": new.log, "witness": new.witness}
    card = signed_calls.parse_card(wiring.services(), json.dumps(card_fields).encode())
    row = partners.add_partner(new.name, card.url, card.log, card.witness, by=request.auth.by)
    return schemas.Partner.from_row(row)


@router.patch(PARTNER_PATH + "/captures", response=schemas.Partner)
def set_partner_captures(request: Call, name: NameParameter, new: PartnerCaptureSettings) -> schemas.Partner:
    """Set whether a partner is asked to visit pages, and how many visits it may request. Both are off by default."""
    partners.set_cocapture_options(
        partners.get_partner(name), is_requested=new.requests_visits, visits=new.daily_visits, by=request.auth.by
    )
    return schemas.Partner.from_row(partners.get_partner(name))


@router.post(PARTNER_PATH + "/revoke", response=schemas.Partner)
def revoke_partner(request: Call, name: NameParameter, new: requests.Reason) -> schemas.Partner:
    """Revoke a partner. Its earlier signatures remain stored."""
    row = partners.get_partner(name)
    partners.revoke_partner(row, by=request.auth.by, reason=new.reason)
    return schemas.Partner.from_row(Partner.objects.get(pk=row.pk))


@router.post("/operator/partners/compare", response=PartnerProblems)
def compare_partner_logs(request: Call) -> PartnerProblems:
    """Compare the checkpoints of partners' logs now. Exhibit also does this every hour."""
    return PartnerProblems(faults=cosigning.compare_checkpoints(wiring.services()))


@router.get("/operator/forks", response=Forks)
def list_forks(request: Call) -> Forks:
    """List pairs of checkpoints that contradict each other. Each pair proves that a log was forked."""
    return Forks(forks=[schemas.LogFork(**fork) for fork in cosigning.list_forks()])


@router.get(PARTNER_PATH + "/feed", response=FeedMatches)
def read_partner_feed(request: Call, name: NameParameter, most: MaxPictures = 10_000) -> FeedMatches:
    """Find pictures crawled by this installation whose PDQ hashes are similar to those in a partner's feed.

    Similar hashes do not prove that two pictures are the same.
    """
    feed = pdq_feed.read_feed(wiring.services(), partners.get_partner(name))
    pictures = sightings.list_public_pictures().filter(bytes_state="stored").order_by("-pk")[:most]
    near_pairs, compared_count = pdq_feed.find_near_matches(wiring.services(), feed, list(pictures))
    matches = [schemas.FeedMatch.from_row(sighting, bits=bits, theirs=page) for bits, page, sighting in near_pairs]
    return FeedMatches(feed_at=feed.at, hashes=len(feed.pages), compared=compared_count, found=matches)


@router.post(PARTNER_PATH + "/search", response=BlindMatches)
def search_partner(request: Call, name: NameParameter) -> BlindMatches:
    """Search a partner's crawled pictures for works registered in this installation.

    The partner learns only the number of works.
    """
    result = blind_search.search_partner_pictures(wiring.services(), partners.get_partner(name))
    results = [
        schemas.BlindMatch(
            works=blind_search.list_works(match.picture),
            exact=match.is_exact,
            bands=match.bands,
            told=match.disclosed_values,
        )
        for match in result.matches
    ]
    return BlindMatches(found=results, missing=result.failure)


@router.get("/operator/agreements", response=Agreements)
def list_agreements(request: Call) -> Agreements:
    """List agreements about blind searches, with the number of queries used."""
    rows = Agreement.objects.select_related("partner").order_by("pk")
    return Agreements(items=schemas.Agreement.from_rows(rows))


@router.post("/operator/agreements", response={201: schemas.Agreement})
def add_agreement(request: Call, new: NewAgreement) -> schemas.Agreement:
    """Allow a partner to run blind searches of pictures crawled by this installation.

    Neither side discloses its pictures.
    """
    expires_at = datetime.combine(date.fromisoformat(str(new.valid_until)), time(), UTC)
    row = partners.create_agreement(
        partners.get_partner(new.partner), new.fields, expires_at, new.queries, by=request.auth.by
    )
    return schemas.Agreement.from_row(row)


@router.delete("/operator/agreements/{int:number}", response={204: None})
def end_agreement(request: Call, number: int) -> None:
    """End an agreement immediately."""
    partners.end_agreement(number, by=request.auth.by)


@router.get("/operator/contributors", response=dict[str, Any])
def list_contributors(request: Call, name: ContributorFilter = "") -> Any:  # noqa: ANN401 - a signed document
    """Get a statement about contributors' results and the checks of these results, signed with the log's key."""
    rows = Contributor.objects.order_by("pk")
    selected_rows = list(rows.filter(name=name) if name else rows)
    if name and not selected_rows:
        raise NotFoundError(f"There is no contributor {name!r}.")
    contributions = {row.pk: owner_schemas.Contributor.from_row(row).model_dump(mode="json") for row in selected_rows}
    return deliveries.sign_statement(wiring.services(), contributions)


@router.post("/operator/contributors", response={201: ContributorToken})
def invite_contributor(request: Call, new: NewContributor) -> ContributorToken:
    """Invite a contributor, and create a token for their machine."""
    row, token = contributors.invite_contributor(new.name, by=request.auth.by)
    return ContributorToken(name=row.name, token=token, url=addresses.build_absolute_url(wiring.services().config))


@router.post("/operator/contributors/check", response=dict[str, Any])
def check_contributor_account(request: Call, new: ContributorAccount) -> Any:  # noqa: ANN401 - a signed document
    """Verify the signature of a statement about contributors' results, and return the statement."""
    return statements.read_statement(new.account.encode(), new.key)


@router.delete("/operator/contributors/{name}", response={204: None})
def remove_contributor(request: Call, name: NameParameter, discard_results: bool = False) -> None:  # noqa: FBT002 - query option
    """Remove a contributor. With `discard_results`, their results are discarded, and the URLs are fetched again."""
    contributors.remove_contributor(
        contributors.get_contributor(name), by=request.auth.by, discard_results=discard_results
    )


@router.get("/operator/timestamp-services", response=TimestampServices)
def list_timestamp_services(request: Call) -> TimestampServices:
    """List timestamp services with their latest responses and pending receipts."""
    availability = service_availability.load_availability()
    configured_services = {
        (anchor_config.kind, anchor_config.name): anchor_config
        for anchor_config in get_anchor_configs(wiring.services())
    }
    items = []
    for kind, name in sorted({*configured_services, *availability}):
        row, anchor_config = availability.get((kind, name)), configured_services.get((kind, name))
        defaults = {"error": "", "pending_receipts": 0} if row is None else {}
        is_development = anchor_config is not None and anchor_config.development
        items.append(
            schemas.TimestampService.from_row(
                row, kind=kind, name=name, development=is_development, configured=anchor_config is not None, **defaults
            )
        )
    return TimestampServices(items=items, needed=wiring.services().config.timestamps_needed)


@router.get("/operator/timestamp-services/available", response=AvailableServices)
def list_available_timestamp_services(request: Call) -> AvailableServices:
    """List public timestamp services that can be added, with their prices, response times and the data they receive."""
    return AvailableServices(items=AvailableService.from_rows(added_services.list_unused_offers(wiring.services())))


@router.post("/operator/timestamp-services", response={204: None})
def add_timestamp_service(request: Call, new: NewTimestampService) -> None:
    """Add a public timestamp service. Exhibit sends a trial request first."""
    added_services.add_timestamp_service(wiring.services(), new.name, by=request.auth.by)


@router.delete("/operator/timestamp-services/{name}", response={204: None})
def remove_timestamp_service(request: Call, name: NameParameter) -> None:
    """Remove a timestamp service. Its receipts remain stored."""
    added_services.remove_timestamp_service(name, by=request.auth.by)


@router.post("/operator/timestamp-services/{name}/contract", response=Contract)
def deploy_contract(request: Call, name: NameParameter, new: ContractRequest) -> Contract:
    """Deploy the timestamp contract on an EVM chain, paid by the configured account.

    Repeat the request with the returned transaction until `contract` is set.
    """
    config = wiring.services().config
    anchor_config = next(
        (candidate for candidate in config.anchors if isinstance(candidate, evm.EvmConfig) and candidate.name == name),
        None,
    )
    if anchor_config is None:
        raise NotFoundError(f"No EVM chain named {name} is configured.", hint="Add the chain to exhibit.toml first.")
    anchor = evm.build(anchor_config, build_session(anchor_config, config.allowed_networks, "Exhibit"))
    transaction_hash = new.transaction or anchor.deploy()
    receipt = anchor.find_deployed_contract(transaction_hash)
    return Contract(transaction=transaction_hash, contract=address.to_checksum_address(receipt) if receipt else None)
