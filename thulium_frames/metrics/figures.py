"""The figures as expressions over calls. Each expression selects the calls that it counts.

`calls` and `legs` count all calls. All other figures count offered calls only: INBOUND calls with a queue.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal, get_args

import polars as pl

#: The calls that a service level is a share of.
Denominator = Literal["handled", "handled_and_abandoned", "less_short_abandons"]

#: An offered call is exactly one of these.
OUTCOMES = ("handled", "abandoned", "short_abandoned", "failed")

_OFFERED = pl.col("type").eq_missing("INBOUND") & pl.col("queue_id").is_not_null()
_HANDLED = _OFFERED & pl.col("handled")
_WAITS = pl.col("wait_seconds").filter(_HANDLED)
_TALKS = pl.col("talk_seconds").filter(_HANDLED)


def is_handled() -> pl.Expr:
    """Whether the call was offered and an agent handled it."""
    return _HANDLED


def totals() -> list[pl.Expr]:
    return [pl.len().cast(pl.Int64).alias("calls"), pl.col("legs").sum()]


def offered() -> list[pl.Expr]:
    return [_count(_OFFERED).alias("offered")]


def outcomes(short_abandon_seconds: float, names: tuple[str, ...] = OUTCOMES) -> list[pl.Expr]:
    outcome = _outcomes(short_abandon_seconds)
    return [_count(outcome[name]).alias(name) for name in names]


def answered_by_machine() -> list[pl.Expr]:
    return [_count(_OFFERED & pl.col("answered_by_machine")).alias("answered_by_machine")]


def abandonment_rate(short_abandon_seconds: float) -> list[pl.Expr]:
    handled, abandoned, _, _ = outcomes(short_abandon_seconds)
    return _ratio("abandonment_rate", abandoned, handled + abandoned)


def service_level(target_seconds: float, denominator: Denominator, short_abandon_seconds: float) -> list[pl.Expr]:
    if denominator not in get_args(Denominator):
        raise ValueError(f"denominator={denominator!r} is not known: name one of {', '.join(get_args(Denominator))}")
    handled, abandoned, short, _ = outcomes(short_abandon_seconds)
    of = {
        "handled": handled,
        "handled_and_abandoned": handled + abandoned + short,
        "less_short_abandons": handled + abandoned,
    }
    return _ratio("service_level", _count(_HANDLED & (pl.col("wait_seconds") <= target_seconds)), of[denominator])


def speed_of_answer() -> list[pl.Expr]:
    return [
        *_ratio("average_speed_of_answer", _WAITS.sum(), _WAITS.count().cast(pl.Int64)),
        _WAITS.median().alias("median_speed_of_answer"),
        _WAITS.quantile(0.9, interpolation="linear").alias("p90_speed_of_answer"),
    ]


def talk() -> list[pl.Expr]:
    return _ratio("average_talk", _TALKS.sum(), _TALKS.count().cast(pl.Int64))


def transfers() -> list[pl.Expr]:
    return _ratio("transfer_rate", _count(_HANDLED & (pl.col("transfers") > 0)), _count(_HANDLED))


def who_hung_up() -> list[pl.Expr]:
    who = pl.col("disconnected_by")
    known = _count(_HANDLED & who.is_not_null())
    return [
        *_ratio("hung_up_by_agent", _count(_HANDLED & who.eq_missing("Agent")), known),
        *_ratio("hung_up_by_customer", _count(_HANDLED & who.eq_missing("Customer")), known),
    ]


def rating_response() -> list[pl.Expr]:
    return _ratio("rating_response", _count(_HANDLED & pl.col("rating_rate").is_not_null()), _count(_HANDLED))


def whole_table(
    target_seconds: float, denominator: Denominator | None, short_abandon_seconds: float
) -> Iterator[pl.Expr]:
    """Every figure; the service level only when its denominator is named."""
    yield from totals()
    yield from offered()
    yield from outcomes(short_abandon_seconds)
    yield from answered_by_machine()
    yield from abandonment_rate(short_abandon_seconds)
    if denominator is not None:
        yield from service_level(target_seconds, denominator, short_abandon_seconds)
    yield from speed_of_answer()
    yield from talk()
    yield from transfers()
    yield from who_hung_up()
    yield from rating_response()


def beside(keys: Sequence[str], expressions: Iterable[pl.Expr]) -> list[pl.Expr]:
    """The figures beside the columns of their group. A count with the name of such a column becomes `…_count`."""
    named = [(expression, expression.meta.output_name()) for expression in expressions]
    return [expression.alias(f"{name}_count") if name in keys else expression for expression, name in named]


def _outcomes(short_abandon_seconds: float) -> dict[str, pl.Expr]:
    """Whether an offered call had this outcome. An unknown wait is not a short one."""
    is_given_up = _OFFERED & ~pl.col("handled") & ~pl.col("failed")
    is_short = (pl.col("wait_seconds") < short_abandon_seconds).fill_null(value=False)
    return {
        "handled": _HANDLED,
        "abandoned": is_given_up & ~is_short,
        "short_abandoned": is_given_up & is_short,
        "failed": _OFFERED & ~pl.col("handled") & pl.col("failed"),
    }


def _count(condition: pl.Expr) -> pl.Expr:
    return condition.sum().cast(pl.Int64)


def _ratio(name: str, numerator: pl.Expr, denominator: pl.Expr) -> list[pl.Expr]:
    """Numerator, denominator and their quotient, which is null when the denominator is 0."""
    return [
        numerator.alias(f"{name}_numerator"),
        denominator.alias(f"{name}_denominator"),
        pl.when(denominator > 0).then(numerator / denominator).alias(name),
    ]
