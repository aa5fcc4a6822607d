"""Page with an owner's keys and passkey requirement, and the endpoint for passkey scripts."""

from allauth.mfa.models import Authenticator
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, JsonResponse
from django.utils.translation import gettext as _, gettext_lazy

from desk.passkeys import create_challenge, verify_passkey_response
from desk.texts.sentences import in_words
from desk.web.common.access import clean_text, get_user, is_manager
from desk.web.common.pages import ErrorMessages, decider_post, manager_post, member_page
from exhibit.errors import ExhibitError
from registry.keys import passkeys, signing_keys
from registry.keys.keys import KeyUse, find_key, get_key_use, list_keys
from registry.models import Owner

USE_LABELS = {
    KeyUse.SEALING: gettext_lazy("seals bundles"),
    KeyUse.DOCUMENTS: gettext_lazy("signs documents"),
    KeyUse.DEVICE: gettext_lazy("stored on the owner's own device; countersigns"),
}


@decider_post()
def request_challenge(request: HttpRequest, owner: Owner) -> HttpResponse:
    """Return the passkey challenge for an action, for the script next to a form."""
    act, object_id = request.POST.get("act", ""), request.POST.get("of", "")
    try:
        return JsonResponse(create_challenge(owner, get_user(request), act, object_id))
    except ExhibitError as error:
        return JsonResponse({"problem": in_words(error)}, status=422)


@member_page("web/security.html")
def show_security(request: HttpRequest, owner: Owner) -> dict[str, object]:
    """Show the passkey requirement and all keys. Only managers see the passkeys of other members."""
    manages = is_manager(owner)
    filters = {"user__memberships__owner": owner} if manages else {"user": get_user(request)}
    rows = Authenticator.objects.filter(type=Authenticator.Type.WEBAUTHN, **filters).select_related("user")
    keys_with_uses = [(key, USE_LABELS[get_key_use(key)]) for key in list_keys(owner)]
    return {"manages": manages, "keys": keys_with_uses, "passkeys": rows.order_by("user__username", "created_at")}


@manager_post(back="security")
def set_passkey_requirement(request: HttpRequest, owner: Owner) -> str:
    """Turn the passkey requirement for sensitive actions on or off."""
    is_required, passkey_response = (
        request.POST.get("wanted") == "on",
        verify_passkey_response(get_user(request), request.POST.get("passkey")),
    )
    passkeys.set_requirement(owner, is_required=is_required, by=request.user.get_username(), response=passkey_response)
    return _("Saved.")


@manager_post(back="security")
def revoke_key(request: HttpRequest, owner: Owner) -> None:
    """Revoke one of the owner's keys."""
    with ErrorMessages(request):
        row, reason = find_key(owner, request.POST.get("key", "")), clean_text(request.POST.get("reason", ""))
        passkey_response = verify_passkey_response(get_user(request), request.POST.get("passkey"))
        signing_keys.revoke_key(row, by=request.user.get_username(), reason=reason, passkey=passkey_response)
        messages.success(request, _("The key was revoked. Inform everyone who verifies your bundles."))
