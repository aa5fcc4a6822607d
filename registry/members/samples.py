"""Sample owners for trying Exhibit.

Data of a sample owner is never logged, reported, visited, sealed or sent. Sample owners can be deleted.
"""

from django.utils.translation import gettext as _

from exhibit.errors import InvalidRequestError
from exhibit.sentences import Sentence
from registry.accounts.models import Membership, Owner, Role, User
from registry.members.accounts import make_unique_slug


def get_sample_owner(user: User) -> Owner | None:
    """Return a user's sample owner, if there is one."""
    return Owner.objects.filter(sample=True, memberships__user=user).first()


def create_sample_owner(user: User) -> Owner:
    """Create an empty sample owner, with the user in the role of owner."""
    name = _("Sample (%(who)s)") % {"who": user.get_username()}
    owner = Owner.objects.create(slug=make_unique_slug("sample"), name=name[:200], sample=True)
    Membership.objects.create(user=user, owner=owner, role=Role.OWNER)
    return owner


def check_not_sample(owner: Owner) -> None:
    """Raise ``InvalidRequestError`` for a sample owner: the action would have effects outside Exhibit."""
    if owner.sample:
        sentence = Sentence("This is a sample with fictitious data, so nothing is sent outside Exhibit.")
        raise InvalidRequestError(sentence, hint=Sentence("To do this, switch to an owner that is not a sample."))
