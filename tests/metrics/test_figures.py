"""Calls made of legs, and the figures on calls. Each test has an example that is worked out by hand."""

from collections.abc import Callable
from datetime import datetime
from typing import Any

import polars as pl
import pytest

from tests.legs import ANNA, BOB, frame, leg, outbound, unanswered
from thulium_frames import SCHEMA, metrics

Figure = Callable[..., Any]

#: Each function, with its required options.
FIGURES: dict[str, dict[str, Any]] = {
    **{name: {} for name in metrics.__all__ if name not in ("Denominator", "Every", "avg_talk", "normalised")},
    "service_level": {"denominator": "less_short_abandons"},
    "by_interval": {"every": "1h", "denominator": "handled"},
}


def only(table: pl.DataFrame) -> dict[str, Any]:
    """The only row of the frame."""
    (row,) = table.to_dicts()
    return row


# --- calls


def test_a_single_leg_is_a_call() -> None:
    call = only(metrics.calls(frame(leg(connection_id="1.1", tags=["b", "a"], duration=30, billsec=20))))
    assert call == {
        "connection_id": "1.1",
        "date": datetime(2024, 10, 23, 10),
        "date_utc": call["date_utc"],
        **{"type": "INBOUND", "src": "48600100200", "dst": "48120000134", "user_login": None, "queue_id": 34},
        **{"topic_id": None, "customer_id": None, "handled": True, "agent": ANNA, "answered_by_machine": False},
        **{"failed": False, "wait_seconds": 10, "talk_seconds": 20, "transfers": 0, "disconnected_by": None},
        **{"rating_type": None, "rating_rate": None, "tags": ["a", "b"], "legs": 1},
        "last_leg_utc": call["date_utc"],
    }
    assert call["date_utc"].isoformat() == "2024-10-23T08:00:00+00:00"


def test_a_ring_group_of_five_is_one_call() -> None:
    silent = [unanswered(connection_id="1.1", wait=12, dst_user_login=f"phone{number}") for number in range(4)]
    answered = leg(connection_id="1.1", dst_user_login=BOB, duration=72, billsec=60)
    call = only(metrics.calls(frame(*silent, answered)))
    assert (call["legs"], call["agent"], call["wait_seconds"], call["talk_seconds"]) == (5, BOB, 12, 60)


def test_within_one_minute_the_leg_that_was_transferred_comes_first() -> None:
    first = leg(connection_id="1.1", duration=10, billsec=5, transferred_to=BOB)
    second = leg(connection_id="1.1", duration=30, billsec=10, dst_user_login=BOB)
    call = metrics.calls(frame(second, first)).row(0, named=True)
    assert (call["agent"], call["wait_seconds"]) == (ANNA, 5)


@pytest.mark.parametrize("second", ["2024-10-23 10:01:40", "2024-10-23 10:00:00"], ids=["later", "in the same minute"])
def test_a_blind_transfer_is_one_call_answered_by_the_first_agent(second: str) -> None:
    first = leg(connection_id="1.1", duration=100, billsec=90, transferred_to=BOB, disconnected_by="Agent")
    then = leg(second, connection_id="1.1", user_login=ANNA, dst_user_login=BOB, disconnected_by="Customer")
    call = only(metrics.calls(frame(then, first)))
    assert (call["agent"], call["wait_seconds"], call["talk_seconds"]) == (ANNA, 10, 110)
    assert (call["transfers"], call["disconnected_by"], call["legs"], call["user_login"]) == (1, "Customer", 2, None)


def test_a_leg_that_rings_on_adds_to_the_wait() -> None:
    # Bob's phone rings 20 seconds in vain, then Anna's 5 seconds: 20 + 5.
    first = unanswered("2024-10-23 10:00:00", connection_id="1.1", wait=20, dst_user_login=BOB)
    then = leg("2024-10-23 10:00:20", connection_id="1.1", duration=65, billsec=60)
    assert only(metrics.calls(frame(first, then)))["wait_seconds"] == 25


def test_nobody_answers_until_the_last_leg_ends() -> None:
    first = unanswered("2024-10-23 10:00:00", connection_id="1.1", wait=20)
    then = unanswered("2024-10-23 10:00:20", connection_id="1.1", wait=15)
    call = only(metrics.calls(frame(first, then)))
    assert (call["handled"], call["agent"], call["wait_seconds"], call["talk_seconds"]) == (False, None, 35, 0)


def test_a_voicemail_is_answered_by_nobody() -> None:
    call = only(metrics.calls(frame(leg(dst_user_login=None, duration=50, billsec=30))))
    assert (call["handled"], call["answered_by_machine"], call["wait_seconds"]) == (False, True, 50)


def test_a_menu_before_the_queue_is_no_agent_but_takes_time() -> None:
    menu = leg(connection_id="1.1", dst_user_login=None, queue_id=None, duration=15, billsec=14)
    queue = leg("2024-10-23 10:00:15", connection_id="1.1", duration=30, billsec=20)
    call = only(metrics.calls(frame(menu, queue)))
    assert (call["handled"], call["answered_by_machine"], call["queue_id"]) == (True, False, 34)
    assert (call["wait_seconds"], call["talk_seconds"]) == (25, 20)


def test_a_name_without_a_login_is_an_agent_too() -> None:
    assert only(metrics.calls(frame(leg(dst_user_login=None, dst_user="Anna Nowak"))))["agent"] == "Anna Nowak"


def test_the_agent_of_an_outbound_call_is_who_rang() -> None:
    call = only(metrics.calls(frame(outbound("2024-10-23 10:00:00", dst_user_login=None))))
    assert (call["handled"], call["agent"]) == (True, ANNA)


def test_a_call_over_midnight_is_dated_when_it_began() -> None:
    first = leg("2024-10-23 23:59:30", connection_id="1.1", duration=60, billsec=50, transferred_to=BOB)
    then = leg("2024-10-24 00:00:30", connection_id="1.1", user_login=ANNA, dst_user_login=BOB)
    call = only(metrics.calls(frame(then, first)))
    assert (call["date"], call["talk_seconds"]) == (datetime(2024, 10, 23, 23, 59, 30), 70)


def test_waits_are_elapsed_time_when_the_clocks_go_back() -> None:
    # 02:59:50 summer time and 02:00:05 winter time are 15 seconds apart.
    first = unanswered("2024-10-27 02:59:50", connection_id="1.1", wait=15)
    then = leg("2024-10-27 02:00:05", fold=1, connection_id="1.1", duration=25, billsec=20)
    call = only(metrics.calls(frame(first, then)))
    assert (call["date"], call["wait_seconds"]) == (datetime(2024, 10, 27, 2, 59, 50), 20)


def test_legs_without_an_id_are_calls_of_their_own() -> None:
    found = metrics.calls(frame(leg(connection_id=None), leg(connection_id=None), leg(connection_id="1.1")))
    assert found["legs"].to_list() == [1, 1, 1]


@pytest.mark.parametrize(
    ("dispositions", "failed"),
    [
        (["FAILED"], True),
        (["CONGESTION"], True),
        (["FAILED", "CONGESTION"], True),
        (["FAILED", "NO ANSWER"], False),
        (["BUSY"], False),
        (["SOMETHING NEW"], False),
        ([None], False),
    ],
)
def test_a_call_failed_when_the_network_carried_no_leg(dispositions: list[str | None], failed: bool) -> None:
    legs = [unanswered(connection_id="1.1", disposition=disposition) for disposition in dispositions]
    assert only(metrics.calls(frame(*legs)))["failed"] is failed


def test_tags_of_all_legs_come_together_and_silence_stays_null() -> None:
    tags = [["b"], ["a", "b", None], None]
    legs = [leg(connection_id="1.1", tags=some) for some in tags]
    found = metrics.calls(frame(*legs, leg(connection_id="1.2", tags=[]), leg(connection_id="1.3", tags=None)))
    assert found["tags"].to_list() == [["a", "b"], [], None]


def test_the_last_rating_counts_and_an_empty_one_is_none() -> None:
    stars, none = {"type": "stars", "rate": "5"}, {"type": "stars", "rate": None}
    legs = [
        leg(f"2024-10-23 10:0{minute}:00", connection_id="1.1", rating=rating)
        for minute, rating in enumerate([{"type": "face", "rate": "sad"}, stars, none, None])
    ]
    call = only(metrics.calls(frame(*legs)))
    assert (call["rating_type"], call["rating_rate"]) == ("stars", "5")


def test_what_is_not_known_stays_null() -> None:
    call = only(metrics.calls(frame(dict.fromkeys(SCHEMA.names))))
    known = {
        "handled": False,
        "answered_by_machine": False,
        "failed": False,
        "talk_seconds": 0,
        "transfers": 0,
        "legs": 1,
    }
    assert {name: value for name, value in call.items() if value is not None} == known


def test_a_billed_second_too_many_makes_no_negative_wait() -> None:
    assert only(metrics.calls(frame(leg(duration=20, billsec=21))))["wait_seconds"] == 0


# --- the tables

#: Queue 34: handled after 10, 20, 21 and 40 seconds; abandoned after 4, 5 and 50 seconds; one failed; one voicemail
#: that ended after 60 seconds. Queue 35: one handled after 10 seconds. No queue, and outbound: not offered.
DAY = frame(
    leg(duration=110, billsec=100, disconnected_by="Customer", transferred_to=BOB),
    leg(duration=220, billsec=200, disconnected_by="Customer"),
    leg(duration=321, billsec=300, disconnected_by="Agent"),
    leg(duration=440, billsec=400),
    unanswered(wait=4, disconnected_by="Customer"),
    unanswered(wait=5, disconnected_by="Customer"),
    unanswered(wait=50, disconnected_by="Customer"),
    unanswered(wait=1, disposition="FAILED"),
    leg(duration=60, billsec=30, dst_user_login=None),
    leg(queue_id=35, duration=20, billsec=10, disconnected_by="Agent"),
    leg(queue_id=None),
    outbound("2024-10-23 12:00:00"),
)


def test_offered_counts_inbound_calls_with_a_queue() -> None:
    assert only(metrics.offered(DAY)) == {"offered": 10}
    assert metrics.offered(DAY, by=["queue_id"]).rows() == [(None, 0), (34, 9), (35, 1)]


def test_handled_needs_an_agent() -> None:
    assert only(metrics.handled(DAY)) == {"handled": 5}


@pytest.mark.parametrize(("limit", "expected"), [(0, (4, 0)), (5, (3, 1)), (5.5, (2, 2)), (60, (1, 3)), (61, (0, 4))])
def test_short_abandons_are_apart(limit: float, expected: tuple[int, int]) -> None:
    assert metrics.abandoned(DAY, short_abandon_seconds=limit).row(0) == expected


def test_a_wait_that_is_not_known_is_no_short_one() -> None:
    assert metrics.abandoned(frame(unanswered(duration=None))).row(0) == (1, 0)


def test_the_abandonment_rate_leaves_short_and_failed_calls_out() -> None:
    assert metrics.abandonment_rate(DAY).row(0) == (3, 3 + 5, 3 / 8)
    assert metrics.abandonment_rate(frame(unanswered(wait=2))).row(0) == (0, 0, None)


@pytest.mark.parametrize(
    ("denominator", "expected"),
    [("handled", 5), ("handled_and_abandoned", 5 + 3 + 1), ("less_short_abandons", 5 + 3)],
)
def test_the_service_level_is_a_share_of_what_is_named(denominator: metrics.Denominator, expected: int) -> None:
    # Within 20 seconds: 10, 20 and, in queue 35, 10.
    assert metrics.service_level(DAY, denominator=denominator).row(0) == (3, expected, 3 / expected)
    assert metrics.service_level(DAY, denominator=denominator, target_seconds=21)["service_level_numerator"][0] == 4


def test_the_service_level_of_no_calls_is_null() -> None:
    assert metrics.service_level(DAY.clear(), denominator="handled").row(0) == (0, 0, None)


def test_the_service_level_wants_its_denominator_named() -> None:
    with pytest.raises(TypeError, match="denominator"):
        metrics.service_level(DAY)  # type: ignore[call-arg]  # wrong on purpose
    with pytest.raises(ValueError, match="name one of handled, handled_and_abandoned, less_short_abandons"):
        metrics.service_level(DAY, denominator="offered")  # type: ignore[arg-type]  # wrong on purpose


def test_the_speed_of_answer_has_a_mean_a_median_and_a_tail() -> None:
    # Waits 10, 10, 20, 21, 40; the 90th percentile lies 0.6 of the way from the fourth to the fifth.
    total, number, mean, median, p90 = metrics.average_speed_of_answer(DAY).row(0)
    assert (total, number, mean, median) == (101, 5, 20.2, 20)
    assert p90 == pytest.approx(21 + 0.6 * (40 - 21))


def test_a_wait_that_is_not_known_is_in_no_mean() -> None:
    found = metrics.average_speed_of_answer(frame(leg(), leg(duration=None)))
    assert found.row(0) == (10, 1, 10, 10, 10)


def test_talk_is_averaged_over_handled_calls() -> None:
    assert metrics.average_talk(DAY).row(0) == (1010, 5, 202)


def test_the_former_name_of_average_talk_warns_and_gives_its_former_columns() -> None:
    with pytest.warns(DeprecationWarning, match=r"metrics\.average_talk"):
        found = metrics.avg_talk(DAY, by=["queue_id"])
    assert found.columns == ["queue_id", "avg_talk_numerator", "avg_talk_denominator", "avg_talk"]
    assert found.rows() == metrics.average_talk(DAY, by=["queue_id"]).rows()


def test_the_transfer_rate_is_of_handled_calls() -> None:
    assert metrics.transfer_rate(DAY).row(0) == (1, 5, 0.2)


def test_who_hung_up_is_told_of_calls_of_which_it_is_known() -> None:
    assert metrics.who_hung_up(DAY).row(0) == (2, 4, 0.5, 2, 4, 0.5)


def test_ratings_are_shares_within_one_type() -> None:
    rates = [("face", "happy"), ("face", "happy"), ("face", "sad"), ("stars", "5"), ("stars", None)]
    rated = [leg(rating={"type": kind, "rate": rate}) for kind, rate in rates]
    missed = unanswered(rating={"type": "face", "rate": "sad"})
    found = metrics.ratings(frame(*rated, leg(), leg(), leg(), missed))
    assert found.rows() == [
        ("face", "happy", 2, 3, 2 / 3, 3, 8, 3 / 8),
        ("face", "sad", 1, 3, 1 / 3, 3, 8, 3 / 8),
        ("stars", "5", 1, 1, 1.0, 1, 8, 1 / 8),
    ]


def test_ratings_of_a_group_are_shares_of_that_group() -> None:
    happy = {"type": "face", "rate": "happy"}
    found = metrics.ratings(frame(leg(rating=happy), leg(queue_id=35, rating=happy), leg(queue_id=35)), by=["queue_id"])
    assert found.select("queue_id", "share", "response").rows() == [(34, 1.0, 1.0), (35, 1.0, 0.5)]


def test_the_summary_has_it_all_in_one_row() -> None:
    row = only(metrics.summary(DAY, denominator="handled"))
    assert (row["calls"], row["legs"], row["offered"], row["answered_by_machine"]) == (12, 12, 10, 1)
    for name in ("offered", "handled", "abandoned", "abandonment_rate", "average_speed_of_answer", "average_talk"):
        single = only(getattr(metrics, name)(DAY))
        assert single == {column: row[column] for column in single}
    assert row["service_level"] == 3 / 5


def test_the_summary_has_no_service_level_unless_its_denominator_is_named() -> None:
    assert "service_level" not in metrics.summary(DAY).columns


def test_groups_may_be_of_several_columns() -> None:
    found = metrics.summary(DAY, by=["type", "queue_id"])
    assert found.select("type", "queue_id", "calls").rows() == [
        ("INBOUND", None, 1),
        ("INBOUND", 34, 9),
        ("INBOUND", 35, 1),
        ("OUTBOUND", None, 1),
    ]


# --- what holds for every figure


@pytest.mark.parametrize("name", FIGURES)
def test_lazy_gives_lazy_and_eager_gives_the_same(name: str) -> None:
    figure: Figure = getattr(metrics, name)
    eager, lazy = figure(DAY, **FIGURES[name]), figure(DAY.lazy(), **FIGURES[name])
    assert isinstance(eager, pl.DataFrame)
    assert isinstance(lazy, pl.LazyFrame)
    assert lazy.collect().equals(eager)
    assert lazy.collect(engine="in-memory").equals(eager)
    assert lazy.collect_schema() == eager.schema


@pytest.mark.parametrize("name", FIGURES)
def test_no_calls_have_the_same_columns(name: str) -> None:
    figure: Figure = getattr(metrics, name)
    assert figure(DAY.clear(), **FIGURES[name]).schema == figure(DAY, **FIGURES[name]).schema


@pytest.mark.parametrize("name", FIGURES)
def test_rows_that_know_nothing_are_no_trouble(name: str) -> None:
    figure: Figure = getattr(metrics, name)
    nothing = dict.fromkeys(SCHEMA.names)
    assert figure(frame(nothing, nothing), **FIGURES[name]).schema == figure(DAY, **FIGURES[name]).schema


@pytest.mark.parametrize("name", [*FIGURES, "normalised"])
def test_every_public_function_says_what_it_counts(name: str) -> None:
    assert len(getattr(metrics, name).__doc__) > 100


def test_the_public_names_are_sorted_and_there() -> None:
    assert metrics.__all__ == sorted(metrics.__all__, key=lambda name: (not name[0].isupper(), name))
    assert all(hasattr(metrics, name) for name in metrics.__all__)
