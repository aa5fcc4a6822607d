"""What a witness has said about a bundle, or when it is expected to, in words."""

from datetime import datetime, timedelta

from django.utils.formats import date_format
from django.utils.timezone import localtime
from django.utils.translation import gettext as _

from desk.texts.evidence import witness_name
from workers.log.witness_answers import Answer

SOON = timedelta(minutes=15)
EVENING, MORNING = 18, 6
"""Hours between which somebody says *tonight*."""


def said_by(answer: Answer, moment: datetime) -> str:
    """What a witness has said as of a moment, which is now, aware."""
    name, expected = witness_name(answer.facts), answer.expected_at
    if answer.facts.time is not None and answer.facts.state == "complete":
        return _("%(name)s: existed no later than %(time)s") % {"name": name, "time": _moment(answer.facts.time)}
    if answer.silent_since is not None:
        since, again = _moment(answer.silent_since), _moment(answer.asked_again_at or moment)
        told = {"name": name, "since": since, "again": again}
        return _("%(name)s: hasn't answered since %(since)s; asked again %(again)s") % told
    if expected is None:
        return _("%(name)s: asked") % {"name": name}
    if expected <= moment:
        return _("%(name)s: was expected by %(time)s; it is asked again") % {"name": name, "time": _moment(expected)}
    return _expected(name, expected, moment)


def _expected(name: str, expected: datetime, moment: datetime) -> str:
    if expected - moment <= SOON:
        return _("%(name)s: expected within minutes") % {"name": name}
    then, today = localtime(expected), localtime(moment)
    days = (then.date() - today.date()).days
    if (days == 0 and then.hour >= EVENING) or (days == 1 and then.hour < MORNING):
        return _("%(name)s: expected tonight") % {"name": name}
    if days == 0:
        return _("%(name)s: expected today") % {"name": name}
    if days == 1:
        return _("%(name)s: expected tomorrow") % {"name": name}
    return _("%(name)s: expected on %(day)s") % {"name": name, "day": date_format(then, "DATE_FORMAT")}


def _moment(at: datetime) -> str:
    return date_format(localtime(at), "DATETIME_FORMAT")
