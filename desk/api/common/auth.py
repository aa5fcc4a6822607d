"""Authentication and permissions: API tokens of programs, and sessions of members."""

from dataclasses import dataclass, replace
from http import HTTPStatus

from django.db.models import QuerySet
from django.http import HttpRequest
from ninja.utils import check_csrf

from desk.api.common import limits
from desk.api.common.problems import Problem, build_unauthorized_problem
from exhibit.errors import NotFoundError
from registry import scoped
from registry.members import tokens
from registry.models import Owner, Scope, User

BEARER = "bearer"


@dataclass(frozen=True, slots=True)
class Actor:
    """The authenticated caller."""

    user: User
    by: str  # Name in the audit log.
    caller_id: str  # Token or user, as the key for rate limits and idempotency keys.
    owners: QuerySet[Owner]  # Owners that the caller can access.
    scopes: frozenset[Scope] | None  # Permitted scopes; None if they follow from the member's role.
    owner: Owner | None = None  # Owner in the path of the request, if any.
    is_operator: bool = False  # True for commands on the installation's own machine.


class Call(HttpRequest):
    """A request whose caller is authenticated."""

    auth: Actor


def get_request_owner(request: Call) -> Owner:
    """Return the owner in the path, to whom the caller has access."""
    assert request.auth.owner is not None
    return request.auth.owner


class ScopeAuth:
    """Authenticate the caller, check the scope, and apply the rate limit.

    Unknown owners and owners to whom the caller has no access both return 404.
    """

    openapi_security_schema = {
        "type": "http",
        "scheme": "bearer",
        "description": "An API token of a member. Members create tokens on their account page.",
    }

    def __init__(self, scope: Scope) -> None:
        self.scope = scope

    def __call__(self, request: HttpRequest) -> Actor:
        """Return the caller.

        Raises:
            Problem: The caller is unknown (401), exceeds the rate limit (429), or lacks the scope (403).
            NotFoundError: The caller has no access to the owner in the path.
        """
        actor = getattr(request, "actor", None)  # Set by the command line, which calls the API in its own process.
        if not isinstance(actor, Actor):
            actor = _authenticate(request)
            limits.count_request(request, actor.caller_id)
        match = request.resolver_match
        if match is not None and (slug := match.kwargs.get("owner")) is not None:
            actor = _select_owner(actor, slug)
        if self.scope not in ({Scope.READ} if actor.scopes is None else actor.scopes):
            sentence = f"This operation requires the scope {self.scope.value} and a role that permits it."
            raise Problem(HTTPStatus.FORBIDDEN, sentence, scope=self.scope.value)
        return actor


class LocalOperatorAuth(ScopeAuth):
    """Allow only the operator, who runs `exhibit api` on the installation's own machine.

    These operations accept no API tokens and no sessions, not even those of an operator's account.
    """

    openapi_security_schema = ScopeAuth.openapi_security_schema | {
        "description": "No token is accepted. Call these operations with `exhibit api` on the server of the "
        "installation."
    }

    def __call__(self, request: HttpRequest) -> Actor:
        """Return the operator.

        Raises:
            Problem: The caller is unknown (401), exceeds the rate limit (429), or is not the operator (403).
        """
        actor = super().__call__(request)
        if not actor.is_operator:
            sentence = (
                "Only the operator can call this operation, with `exhibit api` on the server of the installation."
            )
            raise Problem(HTTPStatus.FORBIDDEN, sentence)
        return actor


READ, WRITE = ScopeAuth(Scope.READ), ScopeAuth(Scope.WRITE)
DECIDE, SEND, MANAGE = ScopeAuth(Scope.DECIDE), ScopeAuth(Scope.SEND), ScopeAuth(Scope.MANAGE)
OPERATOR = LocalOperatorAuth(Scope.READ)


def _authenticate(request: HttpRequest) -> Actor:
    """Return the authenticated caller without an owner."""
    header = request.headers.get("Authorization", "")
    if header:
        kind, _, secret = header.partition(" ")
        token_row = tokens.find_token(secret.strip() if kind.lower() == BEARER else "")
        if token_row is None:
            raise build_unauthorized_problem("The API token is unknown, expired or revoked.")
        token, scopes = token_row
        tokens.record_use(token)
        owners = Owner.objects.filter(pk=token.owner_id)
        return Actor(token.user, token.actor_name, f"token:{token.pk}", owners, scopes)
    user = request.user
    if not isinstance(user, User):
        raise build_unauthorized_problem("An API token is required. Send the header Authorization: Bearer exh_…")
    if check_csrf(request) is not None:
        raise Problem(HTTPStatus.FORBIDDEN, "The CSRF token is missing or invalid. Send it in the header X-CSRFToken.")
    return Actor(user, user.get_username(), f"user:{user.pk}", scoped.list_owners(user), None)


def _select_owner(actor: Actor, slug: str) -> Actor:
    """Return the caller with the owner in the path."""
    owner = actor.owners.filter(slug=slug).first()
    if owner is None:
        raise NotFoundError("The owner does not exist, or you have no access to it.")
    scopes = tokens.list_permitted_scopes(owner, actor.user) if actor.scopes is None else actor.scopes
    return replace(actor, owner=owner, scopes=scopes)
