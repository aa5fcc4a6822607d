import math

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy.special import betaincinv

from exhibit.comparison.rate_bounds import (
    SLOPES,
    compute_anytime_interval,
    compute_anytime_upper_bound,
    compute_evidence_against,
    compute_upper_bound,
    format_odds,
    to_per_million,
)

ALPHA = 0.05


@pytest.mark.parametrize(
    ("failures", "trials"), [(0, 1), (0, 50), (1, 50), (7, 200), (199, 200), (0, 4661), (46, 4661), (5000, 4_000_000)]
)
def test_bound_matches_clopper_pearson(failures: int, trials: int) -> None:
    expected = betaincinv(failures + 1, trials - failures, 0.95)
    assert compute_upper_bound(failures, trials) == pytest.approx(expected, rel=1e-9)


def test_bound_of_4661_photographs_without_failure_is_643_per_million() -> None:
    assert to_per_million(compute_upper_bound(0, 4661)) == 643


@pytest.mark.parametrize(
    ("odds", "words"),
    [
        (1, "1 : 1"),
        (1.57, "1.5 : 1"),
        (9.99, "9.9 : 1"),
        (10, "10 : 1"),
        (809, "800 : 1"),
        (899, "890 : 1"),
        (1000, "1,000 : 1"),
        (1001, "> 1,000 : 1"),
        (1 / 1001, "< 1 : 1,000"),
        (1 / 240, "1 : 240"),
        (1 / 241, "1 : 250"),
        (1 / 1.5, "1 : 1.5"),
        (1e12, "> 1,000 : 1"),
        (1e-12, "< 1 : 1,000"),
    ],
)
def test_formatted_odds_have_two_digits_and_never_exceed_the_computed_odds(odds: float, words: str) -> None:
    assert format_odds(math.log(odds)) == words


def test_bound_is_100_percent_without_trials_or_with_only_failures() -> None:
    assert compute_upper_bound(0, 0) == compute_upper_bound(3, 3) == 1.0
    assert compute_anytime_interval(0, 0) == (0.0, 1.0)
    assert compute_anytime_interval(5, 5)[1] == 1.0
    assert compute_anytime_interval(0, 5)[0] == 0.0
    with pytest.raises(ValueError, match="0 to 3, not 4"):
        compute_upper_bound(4, 3)


def test_martingale_is_the_ratio_of_mixture_to_rate() -> None:
    rates = (np.arange(200_000) + 0.5) / 200_000
    for failures, trials in ((0, 4), (2, 9), (30, 60)):
        density = 1 / (math.pi * np.sqrt(rates * (1 - rates)))
        mixture = np.mean(density * rates**failures * (1 - rates) ** (trials - failures))
        expected = math.log(mixture / (0.3**failures * 0.7 ** (trials - failures)))
        assert compute_evidence_against(0.3, failures, trials) == pytest.approx(expected, abs=0.01)


def test_interval_ends_where_evidence_reaches_the_limit() -> None:
    low, high = compute_anytime_interval(9, 120)
    assert 0 < low < 9 / 120 < high < 1
    assert compute_evidence_against(low, 9, 120) == pytest.approx(math.log(20), abs=1e-6)
    assert compute_evidence_against(high, 9, 120) == pytest.approx(math.log(20), abs=1e-6)


@pytest.mark.parametrize("rate", [0.002, 0.05, 0.4])
def test_sequential_review_error_rate_stays_within_stated_rate(rate: float) -> None:
    random = np.random.default_rng(7)
    runs, length = 4000, 1000
    failed = (random.random((runs, length)) < rate).cumsum(axis=1)
    least, most = _unrefuted_range(rate, length)
    misled = ((failed < least) | (failed > most)).any(axis=1).mean()
    assert 0 < misled <= ALPHA


@pytest.mark.long
def test_fixed_sample_bound_is_invalid_for_sequential_review() -> None:
    random = np.random.default_rng(7)
    failed = (random.random((200, 300)) < 0.2).cumsum(axis=1)
    looks = range(25, 301, 25)
    bounds = {(k, n): compute_upper_bound(k, n) for n in looks for k in set(failed[:, n - 1].tolist())}
    misled = sum(any(bounds[int(run[n - 1]), n] < 0.2 for n in looks) for run in failed)
    assert misled / 200 > ALPHA


@pytest.mark.parametrize(("failures", "trials"), [(0, 100), (0, 4653), (3, 4653), (29, 4653), (300, 30_000)])
def test_anytime_bound_is_where_the_mean_evidence_over_slopes_reaches_20(failures: int, trials: int) -> None:
    rate = compute_anytime_upper_bound(failures, trials)
    terms = [math.exp(-s * failures) / (1 - rate * (1 - math.exp(-s))) ** trials for s in SLOPES]
    assert sum(terms) / len(SLOPES) == pytest.approx(20, rel=1e-6)
    assert compute_upper_bound(failures, trials) < rate < compute_anytime_interval(failures, trials)[1]


def test_anytime_bound_is_trivial_without_trials_or_successes() -> None:
    assert compute_anytime_upper_bound(0, 0) == compute_anytime_upper_bound(9, 9) == 1.0
    assert compute_anytime_upper_bound(0, 1) == 1.0


@pytest.mark.parametrize("rates", [(0.02,), (0.0, 0.06), (0.06, 0.0), (0.001, 0.2, 0.01)])
def test_combined_installations_keep_error_rate_under_sequential_review(
    rates: tuple[float, ...],
) -> None:
    random = np.random.default_rng(7)
    length = 600
    true = np.repeat(rates, length // len(rates))
    failed = (random.random((4000, length)) < true).cumsum(axis=1)
    mean = true.cumsum() / np.arange(1, length + 1)
    least, low = np.zeros(length, np.int64), 0
    for n in range(1, length + 1):
        low = max(low - 1, 0)
        while compute_anytime_upper_bound(low, n) < mean[n - 1]:
            low += 1
        while low and compute_anytime_upper_bound(low - 1, n) >= mean[n - 1]:
            low -= 1
        least[n - 1] = low
    assert (failed < least).any(axis=1).mean() <= ALPHA
    assert least.max() > 0


def _unrefuted_range(rate: float, length: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return, after each trial, the smallest and largest number of failures that do not refute the rate."""
    limit = math.log(1 / ALPHA)
    least, most = np.zeros(length, np.int64), np.zeros(length, np.int64)
    low = high = 0
    for n in range(1, length + 1):
        while compute_evidence_against(rate, low, n) >= limit:
            low += 1
        while high < n and compute_evidence_against(rate, high + 1, n) < limit:
            high += 1
        least[n - 1], most[n - 1] = low, high
    return least, most
