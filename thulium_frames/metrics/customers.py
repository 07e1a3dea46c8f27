"""Calls with customers, and the customer's number."""

from collections.abc import Iterable

import polars as pl

from thulium_frames.metrics.legs import calls_with
from thulium_frames.metrics.phone_numbers import SHORT_DIGITS, normalised_at_once

_PARTIES = ("type", "src", "dst", "user_login")


def customer_calls(frame: pl.LazyFrame, columns: Iterable[str]) -> pl.LazyFrame:
    """Calls with the customer's normalised number as `caller`, which is null for a withheld number, and `columns`.

    Calls between colleagues are left out: calls with a short number, and calls without a number that a user made.
    """
    inbound, outbound = (pl.col("type").eq_missing(kind) for kind in ("INBOUND", "OUTBOUND"))
    number = pl.when(inbound).then("src").when(outbound).then("dst")
    of_colleague = pl.col("caller").str.contains(rf"^(?:sip:)?\+?\d{{1,{SHORT_DIGITS}}}(?:@.*)?$")
    by_colleague = pl.col("caller").is_null() & pl.col("user_login").is_not_null()
    return (
        calls_with(frame, [*_PARTIES, *columns])
        .filter(inbound | outbound)
        .with_columns(normalised_at_once(number.cast(pl.String)).alias("caller"))
        .filter(~(of_colleague.fill_null(value=False) | by_colleague))
        .select("caller", *columns)
    )
