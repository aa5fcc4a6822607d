"""Confidence bounds of a rate, for samples of fixed size and for tests that may stop at any time."""

import math
from collections.abc import Callable
from functools import lru_cache

CONFIDENCE_LEVEL = 0.95
"""Confidence level: minimum probability, over all possible samples, that a bound of this module holds."""
MILLION = 1_000_000
MAX_ODDS = 1000
"""Largest odds that are stated exactly. Their weights were learned from only a few hundred photographs."""
_BISECTION_STEPS = 60
SLOPES = (3.0, 1.0, 1 / 3)
"""Slopes of :func:`compute_anytime_upper_bound`: steep ones are better for few failures, gentle ones for many."""


@lru_cache(maxsize=256)  # verdicts and commands repeatedly need the bounds of the calibrations in use
def compute_upper_bound(failures: int, trials: int) -> float:
    """Return the largest rate, 0 to 1, that gives at most ``failures`` failures with probability α.

    α is ``1 - CONFIDENCE_LEVEL``. The bound is the exact one-sided bound of C. J. Clopper and E. S. Pearson, "The use
    of confidence or fiducial limits illustrated in the case of the binomial", Biometrika 26 (1934): the ``p`` with
    ``P(X ≤ failures) = α`` for a binomial ``X``; 1 without trials. Trials must be independent of one another: edits of
    one photograph are one trial. Without failures it is ``1 - α ** (1 / trials)``, about 3 / trials. It is valid for a
    number of trials that was fixed in advance.
    """
    _check_counts(failures, trials)
    if failures >= trials:
        return 1.0
    return _find_zero(
        lambda rate: _compute_binomial_tail(failures, trials, rate) - (1 - CONFIDENCE_LEVEL), failures / trials, 1.0
    )


def to_per_million(rate: float) -> int:
    """Return a rate as a count in a million, rounded up."""
    return min(MILLION, math.ceil(rate * MILLION - 1e-6))


def format_odds(logarithm: float) -> str:
    """Format odds, given by their natural logarithm, as ``63 : 1``, ``1 : 240`` or ``> 1,000 : 1``.

    Odds are rounded to two digits in the cautious direction: they are never stronger than the measured odds.
    """
    is_against = logarithm < 0
    if abs(logarithm) > math.log(MAX_ODDS):
        return f"< 1 : {MAX_ODDS:,}" if is_against else f"> {MAX_ODDS:,} : 1"
    value = math.exp(abs(logarithm))
    step = 10.0 ** (math.floor(math.log10(value) + 1e-9) - 1)
    steps = value / step
    number = (math.ceil(steps - 1e-6) if is_against else math.floor(steps + 1e-6)) * step
    rounded = f"{number:,.1f}".removesuffix(".0") if number < 10 else f"{number:,.0f}"
    return f"1 : {rounded}" if is_against else f"{rounded} : 1"


def compute_evidence_against(rate: float, failures: int, trials: int) -> float:
    """Return the log likelihood ratio of a mixture of rates to this rate, given the sequence of trials.

    H. Robbins, "Statistical methods related to the law of the iterated logarithm", Annals of Mathematical Statistics 41
    (1970); S. R. Howard, A. Ramdas, J. McAuliffe, J. Sekhon, "Time-uniform, nonparametric, nonasymptotic confidence
    sequences", Annals of Statistics 49 (2021). With the mixing density Beta(½, ½), which gives narrow bounds near 0,

        M = B(½ + failures, ½ + trials - failures) / B(½, ½) / (rate ** failures * (1 - rate) ** (trials - failures))

    is a martingale that starts at 1 if each trial, given the previous ones, fails with probability ``rate``. By Ville's
    inequality, the probability that it ever reaches 1 / α is at most α.
    """
    successes = trials - failures
    mixture = _compute_log_beta(0.5 + failures, 0.5 + successes) - _compute_log_beta(0.5, 0.5)
    return mixture - _multiply_by_log(failures, rate) - _multiply_by_log(successes, 1 - rate)


def compute_anytime_interval(failures: int, trials: int) -> tuple[float, float]:
    """Return the lowest and highest rate that the trials have not refuted (an interval of a confidence sequence).

    Without trials it is (0, 1). With probability ``CONFIDENCE_LEVEL``, all intervals of one growing sequence contain
    the rate, so the result may be read after every trial, and the test may be stopped at any time. See
    :func:`compute_evidence_against` for the formula and its sources.
    """
    _check_counts(failures, trials)
    if not trials:
        return 0.0, 1.0
    limit, observed_rate = -math.log(1 - CONFIDENCE_LEVEL), failures / trials

    def compute_excess(rate: float) -> float:
        return compute_evidence_against(rate, failures, trials) - limit

    lower = _find_zero(compute_excess, 0.0, observed_rate) if failures else 0.0
    return lower, (_find_zero(lambda rate: -compute_excess(rate), observed_rate, 1.0) if failures < trials else 1.0)


def compute_anytime_upper_bound(failures: int, trials: int) -> float:
    """Return the largest mean rate of the trials, 0 to 1, that the failures have not refuted; 1 without trials.

    The result may be read after every trial, and the test may be stopped at any time. Each trial may have its own rate,
    such as for photographs of several installations. S. R. Howard, A. Ramdas, J. McAuliffe, J. Sekhon,
    "Time-uniform Chernoff bounds via nonnegative supermartingales", Probability Surveys 17 (2020): for each slope ``s``

        exp(-s * failures) / product of (1 - rate * (1 - exp(-s))) over the trials

    is a martingale that starts at 1. Replacing each rate by their mean does not increase it, because the logarithm is
    concave. By Ville's inequality, the probability that the mean over :data:`SLOPES` ever reaches 1 / α is at most α.
    """
    _check_counts(failures, trials)

    def compute_evidence(rate: float) -> float:
        logarithms = [-slope * failures - trials * math.log1p(rate * math.expm1(-slope)) for slope in SLOPES]
        largest = max(logarithms)
        return largest + math.log(math.fsum(math.exp(value - largest) for value in logarithms) / len(SLOPES))

    limit = -math.log(1 - CONFIDENCE_LEVEL)
    return 1.0 if compute_evidence(1.0) <= limit else _find_zero(lambda rate: limit - compute_evidence(rate), 0.0, 1.0)


def _check_counts(failures: int, trials: int) -> None:
    if not 0 <= failures <= trials:
        raise ValueError(f"the number of failures must be from 0 to {trials}, not {failures}")


def _find_zero(function: Callable[[float], float], low: float, high: float) -> float:
    """Return the zero of a falling function, by bisection."""
    for _ in range(_BISECTION_STEPS):
        middle = (low + high) / 2
        low, high = (middle, high) if function(middle) > 0 else (low, middle)
    return (low + high) / 2


def _compute_binomial_tail(failures: int, trials: int, rate: float) -> float:
    """Return the probability of at most ``failures`` failures: the sum of the binomial terms."""

    def compute_log_term(count: int) -> float:
        log_coefficient = -math.log(trials + 1) - _compute_log_beta(count + 1, trials - count + 1)
        return log_coefficient + _multiply_by_log(count, rate) + _multiply_by_log(trials - count, 1 - rate)

    return math.fsum(math.exp(compute_log_term(count)) for count in range(failures + 1))


def _compute_log_beta(a: float, b: float) -> float:
    return math.lgamma(a) + math.lgamma(b) - math.lgamma(a + b)


def _multiply_by_log(count: int, rate: float) -> float:
    if not count:
        return 0.0
    return count * math.log(rate) if rate > 0 else -math.inf
