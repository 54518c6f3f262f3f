"""As many at random, out of how many there are of each sort: held against scipy, and against what cannot be."""

from collections import Counter

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from audit.rules.replay import totals

sorts = st.lists(st.integers(0, 40), min_size=1, max_size=8)


@settings(max_examples=25, deadline=None)
@given(sorts, st.data(), st.integers(0, 10**6))
def test_as_many_are_drawn_as_were_asked_for_and_of_no_sort_more_than_there_are(counts, data, seed):
    number = data.draw(st.integers(0, sum(counts)))
    made = totals.drawn(counts, number, seed)
    assert sum(made) == number
    assert all(0 <= one <= count for one, count in zip(made, counts, strict=True))
    assert made == totals.drawn(counts, number, seed)


@pytest.mark.parametrize(("good", "bad", "draws"), [(5, 7, 6), (3, 40, 10), (20, 4, 19)])
def test_one_sort_is_drawn_as_often_as_it_should_be(good, bad, draws):
    seen = Counter(totals.drawn([good, bad], draws, seed)[0] for seed in range(4000))
    from scipy.stats import chisquare, hypergeom  # takes a second and a half

    law = hypergeom(good + bad, good, draws)
    likely = [k for k in range(draws + 1) if 4000 * law.pmf(k) > 5]
    observed = [seen[k] for k in likely]
    expected = [law.pmf(k) for k in likely]
    assert chisquare(observed, [one * sum(observed) / sum(expected) for one in expected]).pvalue > 0.001


def test_millions_come_out_near_their_share():
    made = totals.drawn([20_000_000, 9_000_000, 1_000_000, 0, 3], 15_000_000, 1)
    assert made[0] == pytest.approx(10_000_000, abs=20_000)
    assert sum(made) == 15_000_000


def test_more_than_there_are_cannot_be_drawn():
    with pytest.raises(ValueError, match="3 of 2"):
        totals.drawn([1, 1], 3, 1)
