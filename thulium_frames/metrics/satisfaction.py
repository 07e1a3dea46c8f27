"""How callers rate their calls."""

import polars as pl

from thulium_frames.metrics.figures import is_handled
from thulium_frames.metrics.frames import Frame, like
from thulium_frames.metrics.groups import By, calls_for, group_columns

_RATING = ["rating_type", "rating_rate"]


def ratings(frame: Frame, *, by: By = ()) -> Frame:
    """One row per rating type and rate that callers gave: how often they gave it, and how many callers rated at all.

    | column | unit: handled calls (INBOUND, with a queue) |
    |---|---|
    | `share` = `share_numerator` / `share_denominator` | rated with this rate / rated with this type |
    | `response` = `response_numerator` / `response_denominator` | rated with this type / all |

    Types are never added up, because three stars and a neutral face are not on the same scale. A call counts once, with
    its last rating. What cannot be known: which callers were asked, so the response rate is a share of all handled
    calls. Rows are sorted by group, type and rate. With `by`, a group without ratings has no row.
    """
    grouped: list[str] = group_columns(by)
    total = pl.col("share_numerator").sum()
    keys = group_columns([*grouped, *_RATING])
    found = (
        calls_for(frame.lazy(), [*grouped], [is_handled(), *map(pl.col, _RATING)])
        .filter(is_handled())
        .group_by(keys)
        .agg(pl.len().cast(pl.Int64).alias("share_numerator"))
        .with_columns((total.over(grouped) if grouped else total).alias("response_denominator"))
        .filter(pl.col("rating_rate").is_not_null())
        .with_columns(total.over(group_columns([*grouped, "rating_type"])).alias("share_denominator"))
        .with_columns(pl.col("share_denominator").alias("response_numerator"))
        .select(*keys, *_quotient("share"), *_quotient("response"))
    )
    return like(frame, found.sort(keys))


def _quotient(name: str) -> list[pl.Expr]:
    numerator, denominator = pl.col(f"{name}_numerator"), pl.col(f"{name}_denominator")
    return [numerator, denominator, (numerator / denominator).alias(name)]
