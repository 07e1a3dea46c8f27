from collections import Counter
from dataclasses import fields, replace
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.simulator.talk import faults_of
from thulium_frames.simulator import Faults
from thulium_frames.simulator.fate import RateLimit, fate_of
from thulium_frames.simulator.faults import RATES

numbers = st.integers(1, 10**6)
seeds = st.integers()


@given(numbers, seeds)
def test_nothing_befalls_a_request_unless_asked_for(number: int, seed: int) -> None:
    assert not fate_of(number, Faults(seed=seed)).names


@given(numbers, seeds)
def test_a_rate_of_one_befalls_every_request_and_a_rate_of_none_no_request(number: int, seed: int) -> None:
    fate = fate_of(number, Faults(seed=seed, stalls=1.0, truncated=1.0))
    assert fate.instead is None
    assert fate.then == {"stalls", "truncated"}


@given(numbers, seeds, st.sampled_from(RATES), st.sampled_from(RATES))
def test_a_fault_falls_on_the_same_requests_whatever_else_is_on(number: int, seed: int, one: str, other: str) -> None:
    alone = fate_of(number, faults_of(seed=seed, **{one: 0.5}))
    both = fate_of(number, faults_of(seed=seed, **{one: 0.5, other: 1.0}))
    assert not alone.names - both.names or both.instead == other


@given(numbers, seeds)
def test_the_same_request_always_meets_the_same_fate(number: int, seed: int) -> None:
    faults = faults_of(seed=seed, **dict.fromkeys(RATES, 0.3))
    one, other = fate_of(number, faults), fate_of(number, faults)
    assert (one.instead, one.then, one.rng.random()) == (other.instead, other.then, other.rng.random())


def test_another_seed_deals_to_other_requests() -> None:
    fates = [[fate_of(n, Faults(seed=seed, stalls=0.5)).names for n in range(1, 50)] for seed in (1, 2)]
    assert fates[0] != fates[1]


@pytest.mark.parametrize("name", RATES)
def test_a_rate_is_the_share_of_requests(name: str) -> None:
    struck = sum(name in fate_of(number, faults_of(seed=9, **{name: 0.2})).names for number in range(1, 5001))
    assert 900 < struck < 1100


def test_faults_fall_on_a_request_and_its_retry_independently() -> None:
    faults = Faults(seed=4, server_errors=0.3)
    struck = [bool(fate_of(number, faults).names) for number in range(1, 10001)]
    pairs = Counter(pairwise(struck))
    assert 750 < pairs[True, True] < 1050


def test_without_an_answer_nothing_else_happens_to_it() -> None:
    everything = faults_of(**dict.fromkeys(RATES, 1.0))
    assert fate_of(1, everything).names == {"resets_before"}
    assert fate_of(1, replace(everything, outage=(1, 1))).names == {"outage"}
    assert fate_of(1, replace(everything, restart_at=1)).names == {"restart_at"}


def test_of_several_answers_the_first_in_the_documented_order_is_given() -> None:
    faults = Faults(server_errors=1.0, redirects=1.0, html_pages=1.0, forbidden=True, unauthorized_from=1)
    given = [fate_of(1, faults, is_too_many=True).instead]
    for off in ({"unauthorized_from": 0}, {"forbidden": False}, {"server_errors": 0.0}, {"redirects": 0.0}):
        given.append(fate_of(1, faults).instead)
        faults = replace(faults, **off)
    given.append(fate_of(1, faults).instead)
    assert given == ["rate_limit", "unauthorized_from", "forbidden", "server_errors", "redirects", "html_pages"]


def test_an_outage_begins_and_ends_by_itself() -> None:
    assert [n for n in range(1, 20) if fate_of(n, Faults(outage=(4, 6))).instead] == [4, 5, 6]


def test_a_restart_happens_once_and_a_lost_password_for_good() -> None:
    assert [n for n in range(1, 9) if fate_of(n, Faults(restart_at=3)).instead] == [3]
    assert [n for n in range(1, 9) if fate_of(n, Faults(unauthorized_from=6)).instead] == [6, 7, 8]


def test_rates_can_hold_for_the_first_requests_only() -> None:
    faults = Faults(server_errors=1.0, stalls=1.0, failures_first=3, outage=(5, 5))
    assert [n for n in range(1, 9) if fate_of(n, faults).names] == [1, 2, 3, 5]


@pytest.mark.parametrize(
    "wrong",
    [
        *({name: value} for name in ("stalls", "bit_flips", "twin_legs", "dirty_values") for value in (-0.1, 1.1)),
        *(
            {name: -1}
            for name in ("latency", "capacity", "rate_limit", "restart_at", "page_cap", "drift", "stall_seconds")
        ),
        *({"stalls": float("nan")}, {"rate_window": 0.0}, {"drift_until": 1}, {"failures_first": 3}),
        *({"outage": (0, 3)}, {"outage": (3, 2)}, {"date_to_means": "never"}, {"retry_after": ""}),
    ],
)
def test_a_value_out_of_range_is_named(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=next(iter(wrong))):
        faults_of(**wrong)


def test_every_fault_is_one_plain_value() -> None:
    assert all(isinstance(field.default, (bool, int, float, str, type(None))) for field in fields(Faults))
    assert hash(Faults()) == hash(Faults())


def test_only_what_ends_connections_needs_them() -> None:
    assert not Faults().need_a_wire
    assert not Faults(stalls=1.0, truncated=1.0, server_errors=1.0, latency=1.0).need_a_wire
    assert all(faults_of(**{name: 0.1}).need_a_wire for name in ("resets_before", "resets_middle", "closes_after"))
    assert Faults(outage=(1, 2)).need_a_wire
    assert Faults(restart_at=1).need_a_wire


def test_a_rate_limit_counts_any_window() -> None:
    moments = iter((0.0, 6.0, 7.0, 9.5, 10.0, 15.9, 16.0, 17.0))
    limit = RateLimit(2, 10.0, clock=lambda: next(moments))
    assert [limit.wait() for _ in range(8)] == [0, 0, 3, 1, 0, 1, 0, 3]


def test_no_limit_is_no_limit() -> None:
    assert not any(RateLimit(0, 1.0).wait() for _ in range(1000))
