"""Confidence bounds of a rate, for samples of fixed size and valid at any time."""

import math
from collections.abc import Callable
from functools import lru_cache

LEVEL = 0.95
"""Minimum probability that a statement made here holds, over all possible samples."""
MILLION = 1_000_000
MOST_ODDS = 1000
"""Largest odds that are stated exactly. The weights behind them were learned from only some hundreds of photographs."""
_HALVINGS = 60
SLOPES = (3.0, 1.0, 1 / 3)
"""Slopes of :func:`upper_bound_at_any_time`: steep ones are better for few failures, gentle ones for many."""


@lru_cache(maxsize=256)  # every verdict and every command needs those of the calibrations in use
def upper_bound(failures: int, trials: int) -> float:
    """Return the largest rate, 0 to 1, that gives at most ``failures`` failures with probability ``1 - LEVEL``.

    The exact one-sided bound of C. J. Clopper and E. S. Pearson, "The use of confidence or fiducial limits illustrated
    in the case of the binomial", Biometrika 26 (1934): the ``p`` with ``P(X ≤ failures) = 1 - LEVEL`` for a binomial
    ``X``; 1 without trials. Trials must be independent of one another: edits of one photograph are one trial. Without
    failures it is ``1 - (1 - LEVEL) ** (1 / trials)``, about 3 / trials. It is valid for a number of trials that was
    fixed in advance.
    """
    _check(failures, trials)
    if failures >= trials:
        return 1.0
    return _where(lambda rate: _at_most(failures, trials, rate) - (1 - LEVEL), failures / trials, 1.0)


def per_million(rate: float) -> int:
    """Return a rate as a count in a million, rounded up."""
    return min(MILLION, math.ceil(rate * MILLION - 1e-6))


def odds_words(logarithm: float) -> str:
    """Format odds, given by their natural logarithm, as ``63 : 1``, ``1 : 240`` or ``> 1,000 : 1``.

    Odds are rounded to two digits in the cautious direction, so that they never exceed the measured ones.
    """
    against = logarithm < 0
    if abs(logarithm) > math.log(MOST_ODDS):
        return f"< 1 : {MOST_ODDS:,}" if against else f"> {MOST_ODDS:,} : 1"
    value = math.exp(abs(logarithm))
    step = 10.0 ** (math.floor(math.log10(value) + 1e-9) - 1)
    steps = value / step
    number = (math.ceil(steps - 1e-6) if against else math.floor(steps + 1e-6)) * step
    rounded = f"{number:,.1f}".removesuffix(".0") if number < 10 else f"{number:,.0f}"
    return f"1 : {rounded}" if against else f"{rounded} : 1"


def evidence_against(rate: float, failures: int, trials: int) -> float:
    """Return the log likelihood ratio of a mixture of rates to this rate, given the sequence of trials.

    H. Robbins, "Statistical methods related to the law of the iterated logarithm", Annals of Mathematical Statistics 41
    (1970); S. R. Howard, A. Ramdas, J. McAuliffe, J. Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence
    sequences", Annals of Statistics 49 (2021). With the mixing density Beta(½, ½), whose bounds near 0 are narrow,

        M = B(½ + failures, ½ + trials - failures) / B(½, ½) / (rate ** failures * (1 - rate) ** (trials - failures))

    is a martingale that starts at 1 if each trial, given the previous ones, fails with probability ``rate``. By Ville's
    inequality, the probability that it ever reaches 1 / α is at most α.
    """
    successes = trials - failures
    mixed = _log_beta(0.5 + failures, 0.5 + successes) - _log_beta(0.5, 0.5)
    return mixed - _times_log(failures, rate) - _times_log(successes, 1 - rate)


def interval_at_any_time(failures: int, trials: int) -> tuple[float, float]:
    """Return the lowest and highest rate that the sequence so far has not refuted: a confidence sequence.

    Without trials it is (0, 1). With probability ``LEVEL``, all intervals of one growing sequence hold together, so the
    result may be read after every trial, and the test may be stopped at any time. See :func:`evidence_against` for the
    formula and its sources.
    """
    _check(failures, trials)
    if not trials:
        return 0.0, 1.0
    limit, observed = -math.log(1 - LEVEL), failures / trials

    def beyond(rate: float) -> float:
        return evidence_against(rate, failures, trials) - limit

    lower = _where(beyond, 0.0, observed) if failures else 0.0
    return lower, (_where(lambda rate: -beyond(rate), observed, 1.0) if failures < trials else 1.0)


def upper_bound_at_any_time(failures: int, trials: int) -> float:
    """Return the largest mean rate of the trials, 0 to 1, that the failures so far have not refuted, at any time.

    Each trial may have its own rate, as photographs of several installations have. The result may be read after every
    trial, and the test may be stopped at any time; 1 without trials. S. R. Howard, A. Ramdas, J. McAuliffe, J. Sekhon,
    "Time-uniform Chernoff bounds via nonnegative supermartingales", Probability Surveys 17 (2020): for each slope ``s``

        exp(-s * failures) / product of (1 - rate * (1 - exp(-s))) over the trials

    is a martingale that starts at 1. Replacing each rate by their mean does not increase it, because the logarithm is
    concave. By Ville's inequality, the probability that the mean over :data:`SLOPES` ever reaches 1 / α is at most α.
    """
    _check(failures, trials)

    def evidence(rate: float) -> float:
        logarithms = [-slope * failures - trials * math.log1p(rate * math.expm1(-slope)) for slope in SLOPES]
        most = max(logarithms)
        return most + math.log(math.fsum(math.exp(each - most) for each in logarithms) / len(SLOPES))

    limit = -math.log(1 - LEVEL)
    return 1.0 if evidence(1.0) <= limit else _where(lambda rate: limit - evidence(rate), 0.0, 1.0)


def _check(failures: int, trials: int) -> None:
    if not 0 <= failures <= trials:
        raise ValueError(f"{failures} of {trials} can't have failed")


def _where(falling: Callable[[float], float], low: float, high: float) -> float:
    """Return the zero of a falling function, by bisection."""
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if falling(middle) > 0 else (low, middle)
    return (low + high) / 2


def _at_most(failures: int, trials: int, rate: float) -> float:
    """Return the probability of at most ``failures`` failures: the sum of the binomial terms."""

    def logarithm(failed: int) -> float:
        ways = -math.log(trials + 1) - _log_beta(failed + 1, trials - failed + 1)
        return ways + _times_log(failed, rate) + _times_log(trials - failed, 1 - rate)

    return math.fsum(math.exp(logarithm(failed)) for failed in range(failures + 1))


def _log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _times_log(count: int, rate: float) -> float:
    if not count:
        return 0.0
    return count * math.log(rate) if rate > 0 else -math.inf
