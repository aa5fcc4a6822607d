"""Descriptions of a watch's schedule, budget and politeness settings."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from django.utils import timezone
from django.utils.dates import WEEKDAYS
from django.utils.formats import number_format, time_format
from django.utils.translation import gettext as _, ngettext, ngettext_lazy

from crawler.formats.job import Politeness
from desk.texts.numbers import format_duration, grouped, money
from desk.texts.sentences import in_words
from exhibit.sentences import to_plain
from exhibit.types import Money
from registry.crawls import archive_captures
from registry.crawls.budgets import MONTH_COST_KEY, RENDERING, RUN_COST_KEY, get_visits_today, parse_limits
from registry.crawls.forecasts import HostForecast
from registry.crawls.schedules import DAY, WEEK, load_time_of_day
from registry.crawls.search_keys import Estimate
from registry.crawls.watch_settings import is_unscheduled
from registry.models import Watch

if TYPE_CHECKING:
    from crawler.crawling.files import FileSummary

HOUR, MINUTE = timedelta(hours=1), timedelta(minutes=1)
LIMIT_FORMS = {
    "searches": ngettext_lazy("At most %(n)s search", "At most %(n)s searches", "count"),
    "visits": ngettext_lazy("At most %(n)s capture per day", "At most %(n)s captures per day", "count"),
    "pages": ngettext_lazy("At most %(n)s page", "At most %(n)s pages", "count"),
    "images": ngettext_lazy("At most %(n)s picture", "At most %(n)s pictures", "count"),
    "hours": ngettext_lazy("At most %(n)s hour", "At most %(n)s hours", "count"),
    "minutes": ngettext_lazy("At most %(n)s minute", "At most %(n)s minutes", "count"),
    "hosts": ngettext_lazy("At most %(n)s host", "At most %(n)s hosts", "count"),
}


def describe_schedule(watch: Watch) -> str:
    """Describe the interval of a watch, with its time of day, weekday and, if it differs, time zone."""
    interval, time_of_day = timedelta(seconds=watch.interval_seconds), load_time_of_day(watch)
    if is_unscheduled(watch):
        return _("Only when started manually")
    if time_of_day is not None and time_of_day.weekday is not None and interval % DAY == timedelta(0):
        time_text = time_format(time_of_day.at, "H:i")
        if str(time_of_day.zone) != timezone.get_current_timezone_name():
            time_text = f"{time_text} ({time_of_day.zone})"
        if interval % WEEK == timedelta(0):
            weeks, day = interval // WEEK, WEEKDAYS[time_of_day.weekday]
            sentence = (
                _("Every %(n)s weeks on %(day)s at %(time)s") if weeks > 1 else _("Every week on %(day)s at %(time)s")
            )
            return sentence % {"n": weeks, "day": day, "time": time_text}
        days = interval // DAY
        sentence = _("Every %(n)s days at %(time)s") if days > 1 else _("Every day at %(time)s")
        return sentence % {"n": days, "time": time_text}
    if interval % HOUR == timedelta(0):
        hours = interval // HOUR
        return _("Every %(n)s hours") % {"n": hours} if hours > 1 else _("Every hour")
    if interval == MINUTE:
        return _("Every minute")
    return _("Every %(n)s minutes") % {"n": number_format(f"{interval / MINUTE:.3g}")}


def describe_budget(budget: Mapping[str, Any]) -> list[str]:
    """Describe each limit of a run's budget in a sentence."""
    sentences: list[str] = []
    spending_limits = {RUN_COST_KEY: _("At most %(money)s per run"), MONTH_COST_KEY: _("At most %(money)s per month")}
    sentences += [spending_limits[name] % {"money": money(limit)} for name, limit in parse_limits(budget).items()]
    sentences += _describe_limits(budget, "searches", "pages", "images")
    if "bytes" in budget:
        sentences.append(_("At most %(n)s MB") % {"n": grouped(max(1, int(budget["bytes"]) // 1_000_000))})
    if "seconds" in budget:
        hours, remainder = divmod(int(budget["seconds"]), 3_600)
        duration_limit = {"minutes": max(1, int(budget["seconds"]) // 60)} if remainder else {"hours": hours}
        sentences += _describe_limits(duration_limit, *duration_limit)
    if "depth" in budget:
        depth = int(budget["depth"])
        template = ngettext(
            "Follows links up to %(n)s step from its sources", "Follows links up to %(n)s steps from its sources", depth
        )
        sentences.append(template % {"n": depth} if depth else _("Does not follow links from its sources"))
    if budget.get("render", "never") != "never":
        sentences.append(_describe_rendering({**RENDERING, **budget}))
    return sentences + _describe_limits(budget, "hosts", "visits")


def describe_used_up_visits(watch: Watch) -> str:
    """State that today's evidence captures are used up; empty if some are left."""
    visits, limit = get_visits_today(watch)
    if visits < limit:
        return ""
    sentence = _(
        "Today's limit of %(n)s captures has been reached. Captures continue tomorrow (UTC). Cases that "
        "you mark as not licensed are still captured immediately."
    )
    return sentence % {"n": grouped(limit)}


def _describe_limits(options: Mapping[str, Any], *names: str) -> list[str]:
    counts = {name: int(options[name]) for name in names if name in options}
    return [LIMIT_FORMS[name] % {"count": count, "n": grouped(count)} for name, count in counts.items()]


def _describe_rendering(options: Mapping[str, Any]) -> str:
    pages, minutes = int(options["render_pages"]), int(options["render_seconds"]) // 60
    if options["render"] == "always":
        sentence = _("Renders all pages in a browser")
    else:
        sentence = _("Renders pages in a browser if this is likely to show more pictures")
    limit = ngettext("at most %(n)s page, %(minutes)s min", "at most %(n)s pages, %(minutes)s min", pages)
    return f"{sentence} ({limit % {'n': grouped(pages), 'minutes': grouped(minutes)}})"


def describe_politeness(options: Mapping[str, float]) -> list[str]:
    """Describe the politeness settings of a watch: delays, robots.txt and reservations."""
    defaults = Politeness()
    delay = float(options.get("delay", defaults.delay))
    sentences = [_("Waits at least %(n)s s between requests to the same host") % {"n": number_format(f"{delay:g}")}]
    if options.get("obey_robots", defaults.obey_robots):
        sentences.append(_("Obeys robots.txt, including longer delays"))
    if options.get("obey_reservations", defaults.obey_reservations):
        sentences.append(_("Skips content that is opted out of text and data mining"))
    return sentences


def describe_costs(estimates: Sequence[Estimate], options: Mapping[str, Any]) -> list[str]:
    """Describe the estimated cost of searches, and the number of runs that the watch's budget permits."""
    return [_describe_cost(estimate) for estimate in estimates] + _describe_spending(
        [estimate.cost for estimate in estimates if estimate.cost], parse_limits(options)
    )


def describe_archive_estimates(estimates: Sequence[archive_captures.ArchiveEstimate]) -> list[str]:
    """Describe the archives that would be queried, the contents of their indexes, and the duration of a run."""
    return [line for estimate in estimates for line in _describe_archive_estimate(estimate)]


def describe_hosts(hosts: HostForecast) -> Iterator[str]:
    """Describe the hosts that would be requested, the numbers of URLs, and the time needed at the rate limits."""
    other_hosts, other_urls = hosts.remaining_counts
    values = {"n": grouped(hosts.url_count), "hosts": grouped(len(hosts.counts)), "delay": f"{hosts.delay:g}"}
    if not hosts.url_count:
        yield _("No requests would be sent to any host.")
        return
    yield _("URLs to be requested: %(n)s. Number of hosts: %(hosts)s.") % values
    for host, count in hosts.largest_hosts:
        host_values = {"host": host, "n": grouped(count), "time": format_duration(hosts.estimate_seconds(count))}
        yield _("%(host)s: %(n)s, at least %(time)s") % host_values
    if other_hosts:
        yield _("%(hosts)s other hosts: %(n)s") % {"hosts": grouped(other_hosts), "n": grouped(other_urls)}
    values["time"] = format_duration(hosts.estimate_seconds())
    sentence = _("With %(delay)s s between requests to the same host, this takes at least %(time)s.") % values
    remark = _("It takes longer if a site is slow or its robots.txt requires longer delays.")
    yield f"{sentence} {remark}"


def describe_file(file: "FileSummary") -> Iterator[str]:
    """Describe the number of pictures read from a folder or a web archive file."""
    values = {"file": file.path.name, "n": grouped(file.pictures), "left": grouped(file.refusals.total())}
    yield _("Pictures read directly from %(file)s: %(n)s. No requests are sent for them.") % values
    if file.refusals:
        yield _("Unusable pictures and entries in this file: %(left)s.") % values
    yield from (in_words(to_plain(problem)) for problem in file.problems)


def _describe_archive_estimate(estimate: archive_captures.ArchiveEstimate) -> Iterator[str]:
    values = {
        "name": estimate.title,
        "domain": estimate.domain,
        "n": grouped(estimate.pictures),
        "most": grouped(estimate.most),
    }
    values |= {"indexes": grouped(estimate.indexes), "minutes": grouped(-(-estimate.seconds // 60))}
    if estimate.indexes > 1:
        yield _("Exhibit queries %(indexes)s indexes of %(name)s one after another for %(domain)s.") % values
    if estimate.more:
        sentence = _(
            "%(name)s lists %(n)s different pictures of %(domain)s on the first page of its index; more pages follow."
        )
        yield sentence % values
    elif estimate.pictures:
        yield _("%(name)s lists %(n)s different pictures of %(domain)s.") % values
    else:
        sentence = _("%(name)s lists no pictures of %(domain)s for this period.") % values
        advice = _("Check the spelling of the domain, or choose a longer period.")
        yield f"{sentence} {advice}"
        return
    yield (
        _(
            "A run fetches at most %(most)s of these pictures and takes %(minutes)s min or longer at the "
            "archive's rate limit."
        )
        % values
    )
    yield (
        _("The archive receives only the domain name and the period. The run sends no requests to %(domain)s itself.")
        % values
    )


def _describe_cost(estimate: Estimate) -> str:
    values = {"name": estimate.name, "n": grouped(estimate.searches * estimate.pages)}
    if estimate.price is None or estimate.cost is None:
        return _("%(name)s, maximum requests per run: %(n)s. Their cost is not known.") % values
    values |= {"each": money(estimate.price.each), "cost": money(estimate.cost), "free": grouped(estimate.price.free)}
    sentence = _("%(name)s, maximum requests per run: %(n)s × %(each)s = %(cost)s.") % values
    free_requests = _("Free requests per month: %(free)s.") % values
    return f"{sentence} {free_requests}" if estimate.price.free else sentence


def _describe_spending(costs_per_run: Sequence[Money], spending_limits: Mapping[str, Money]) -> list[str]:
    """Describe how the budget limits a run of this cost. The cost does not include repeated requests."""
    run_cost, sentences = sum(cost.millionths for cost in costs_per_run), []
    if RUN_COST_KEY in spending_limits and spending_limits[RUN_COST_KEY].millionths < run_cost:
        sentences.append(
            _("A run ends early when its cost reaches %(money)s. The next run continues from that point.")
            % {"money": money(spending_limits[RUN_COST_KEY])}
        )
        run_cost = spending_limits[RUN_COST_KEY].millionths
    if MONTH_COST_KEY in spending_limits and run_cost:
        values = {
            "money": money(spending_limits[MONTH_COST_KEY]),
            "n": grouped(spending_limits[MONTH_COST_KEY].millionths // run_cost),
        }
        sentences.append(_("Runs per month at this cost, within the limit of %(money)s per month: %(n)s.") % values)
    return sentences
