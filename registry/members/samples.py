"""Sample owners for trying Exhibit.

Nothing of a sample owner is logged, reported, visited, sealed or sent, and it can be deleted.
"""

from django.utils.translation import gettext as _

from exhibit.errors import WrongUseError
from exhibit.sentences import Sentence
from registry.accounts.models import Membership, Owner, Role, User
from registry.members.accounts import make_unique_slug


def get_sample(person: User) -> Owner | None:
    """Return a person's sample owner, if there is one."""
    return Owner.objects.filter(sample=True, memberships__user=person).first()


def create_sample(person: User) -> Owner:
    """Create an empty sample owner, with the person in the role of owner."""
    name = _("Sample (%(who)s)") % {"who": person.get_username()}
    owner = Owner.objects.create(slug=make_unique_slug("sample"), name=name[:200], sample=True)
    Membership.objects.create(user=person, owner=owner, role=Role.OWNER)
    return owner


def check_not_sample(owner: Owner) -> None:
    """Raise ``WrongUseError`` for a sample owner: the action would have effects outside Exhibit."""
    if owner.sample:
        sentence = Sentence("This is a sample with fictitious data, so nothing is sent outside Exhibit.")
        raise WrongUseError(sentence, hint=Sentence("Use an owner of your own for this."))
