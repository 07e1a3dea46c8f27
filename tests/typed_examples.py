"""The whole public API with the type of every result. Type checkers read this file; nothing runs it.

`tests/test_types.py` holds that no public name is left out.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Generator, Iterator, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, assert_type

import altair as alt
import pandas as pd
import polars as pl
import pyarrow as pa

from thulium_frames import (
    SCHEMA,
    Connections,
    Lake,
    Reading,
    RetryPolicy,
    Thulium,
    ThuliumFramesError,
    charts,
    metrics,
    scan_lake,
)
from thulium_frames.endpoint import Client, Filters
from thulium_frames.errors import (
    ApiError,
    AuthenticationError,
    ContractError,
    FilterError,
    ForeignAnswerError,
    LakeDamagedError,
    LakeError,
    LakeLockedError,
    LakeMismatchError,
    RequestRejectedError,
    SettingsError,
    UnprovenWindowError,
    UnreadableAnswerError,
    UnreadableDateError,
)
from thulium_frames.lake import Status, Update, Verification
from thulium_frames.lake.days import DayFacts
from thulium_frames.reading import Piece
from thulium_frames.records import Page
from thulium_frames.simulator import (
    CallSource,
    Centre,
    Faults,
    GeneratedCall,
    GeneratedCalls,
    LakeCalls,
    SimulatedThulium,
    create_app,
    running,
    serve,
)


def systems() -> None:
    assert_type(Thulium(), Thulium)
    assert_type(Thulium("acme", "api_user", "password"), Thulium)
    thulium = Thulium(
        "https://acme.thulium.com",
        user="api_user",
        password_file="~/.thulium-password",
        netrc=False,
        ask=lambda prompt: prompt,
        allow_http=False,
        time_zone="Europe/Warsaw",
        workers=8,
        reading=Reading(page_rows=100, window_rows=10_000, ahead_rows=40_000, batch_rows=5_000, fruitless_reads=12),
        retries=RetryPolicy(tries=8, first_tries=3, budget=300.0, timeout=60.0, first_wait=0.5, max_wait=20.0),
    )
    assert_type(thulium.url, str)
    assert_type(thulium.user, str)
    assert_type(thulium.password_source, str)
    assert_type(thulium.system, str)
    assert_type(thulium.requests, int)
    assert_type(thulium.time_zone, str)
    assert_type(thulium.workers, int)
    assert_type(thulium.reading, Reading)
    assert_type(thulium.client, Client)
    thulium.close()
    with Thulium("acme") as same:
        assert_type(same, Thulium)


def sizes_and_patience() -> None:
    reading, policy = Reading(), RetryPolicy()
    assert_type(reading.page_rows, int)
    assert_type(reading.for_rows(5, 4), tuple[Reading, int])
    assert_type(policy.budget, float)
    assert_type(policy.tries, int)
    assert_type(policy.wait(1), float)


def queries(thulium: Thulium) -> None:
    assert_type(thulium.connections(), Connections)
    calls = thulium.connections(
        date_from=date(2024, 7, 1),
        date_to=datetime(2024, 7, 14, 12, 34),
        src="48221234567",
        dst="48600700800",
        connection_id="1416225570.341",
        user_login="j.doe",
        queue_id=34,
        topic_id=365,
        customer_id=321,
        tags=["vip"],
    )
    assert_type(thulium.connections(date_from="2024-07-01", date_to="2024-07-14 12:34", tags=("vip",)), Connections)
    assert_type(calls.thulium, Thulium)
    assert_type(calls.filters, Filters)
    assert_type(calls.limit, int | None)
    assert_type(calls.origin, dict[str, object])
    assert_type(calls.days, tuple[date | None, date | None])


def calls_in_every_form(calls: Connections) -> None:
    assert_type(calls.count(), int)
    assert_type(calls.head(), Connections)
    assert_type(calls.with_filters(calls.filters), Connections)
    assert_type(calls.counted(calls.window), int)
    assert_type(calls.page_rows, int)
    assert_type(calls.head(5).to_polars(), pl.DataFrame)
    assert_type(calls.to_polars(), pl.DataFrame)
    assert_type(calls.to_arrow(), pa.Table)
    assert_type(calls.to_pandas(), pd.DataFrame)
    assert_type(calls.scan(), pl.LazyFrame)
    assert_type(calls.scan().filter(pl.col("queue_id") == 34).collect(), pl.DataFrame)
    assert_type(calls.batches(), Iterator[pa.RecordBatch])
    assert_type(calls.pieces(), Generator[Piece])
    assert_type(calls.page(datetime(2024, 7, 1), datetime(2024, 7, 2), limit=100), Page)
    assert_type(calls.write_parquet("lake"), Update)
    assert_type(calls.write_parquet(Path("lake")), Update)
    assert_type(pl.DataFrame(calls), pl.DataFrame)
    assert_type(calls.__arrow_c_stream__(), object)
    assert_type(calls.__arrow_c_schema__(), object)


def the_schema() -> None:
    assert_type(SCHEMA, pa.Schema)
    assert_type(pl.Schema(SCHEMA), pl.Schema)


def lakes(calls: Connections) -> None:
    lake = Lake("lake")
    assert_type(Lake(Path("lake"), settling=timedelta(hours=72)), Lake)
    assert_type(lake.path, Path)
    assert_type(lake.settling, timedelta)
    assert_type(lake.scan(), pl.LazyFrame)
    assert_type(lake.scan("2024-07-01", date(2024, 7, 31)), pl.LazyFrame)
    assert_type(lake.batches("2024-07-01", "2024-07-31"), Iterator[pa.RecordBatch])
    assert_type(scan_lake("lake"), pl.LazyFrame)
    assert_type(scan_lake(Path("lake"), date_from="2024-07-01", date_to=date(2024, 7, 31)), pl.LazyFrame)
    assert_type(lake.update(calls), Update)
    update = lake.update(calls, refresh=True, repair=True, on_progress=lambda so_far: so_far.rows)
    assert_type(update.rows, int)
    assert_type(update.days_written, list[date])
    assert_type(update.days_skipped, list[date])
    assert_type(update.expected, int)
    assert_type(update.received, int)
    assert_type(pl.DataFrame(lake), pl.DataFrame)
    assert_type(lake.__arrow_c_stream__(), object)
    assert_type(lake.__arrow_c_schema__(), object)


def what_a_lake_says_of_itself(lake: Lake) -> None:
    status = lake.status()
    assert_type(status, Status)
    assert_type(status.origin, dict[str, Any])
    assert_type(status.days, list[DayFacts])
    assert_type(status.days[0].day, date)
    assert_type(status.days[0].rows, int)
    assert_type(status.days[0].read_at, datetime)
    assert_type(status.days[0].bytes, int)
    assert_type(status.missing, list[date])
    assert_type(status.unsettled, list[date])
    assert_type(status.damaged, dict[date, str])
    assert_type(status.rows, int)
    assert_type(status.bytes, int)
    found = lake.verify()
    assert_type(found, Verification)
    assert_type(found.days, int)
    assert_type(found.rows, int)
    assert_type(found.damaged, dict[date, str])
    assert_type(found.strangers, list[Path | str])
    assert_type(found.is_clean, bool)


def errors_by_who_must_act(calls: Connections) -> None:
    try:
        calls.to_polars()
    except FilterError as error:
        you: SettingsError = error
        assert_type(you.exit_code, int)
    except (AuthenticationError, RequestRejectedError, UnreadableAnswerError) as error:
        system: ApiError = error
        assert_type(system.status, int | None)
        assert_type(system.request_id, str | None)
    except (ForeignAnswerError, UnprovenWindowError, UnreadableDateError) as error:
        contract: ContractError = error
        also: ValueError = contract
        assert_type(also.args, tuple[Any, ...])
    except (LakeLockedError, LakeMismatchError, LakeDamagedError) as error:
        lake: LakeError = error
        builtin: OSError = lake
        assert_type(builtin.errno, int | None)
    except ThuliumFramesError as error:
        assert_type(error.exit_code, int)


def figures_of_lazy_frames(lake: pl.LazyFrame) -> None:
    assert_type(metrics.calls(lake), pl.LazyFrame)
    assert_type(metrics.offered(lake, by=["queue_id"]), pl.LazyFrame)
    assert_type(metrics.handled(lake, by=["queue_id"]), pl.LazyFrame)
    assert_type(metrics.abandoned(lake, short_abandon_seconds=5), pl.LazyFrame)
    assert_type(metrics.abandonment_rate(lake, short_abandon_seconds=5), pl.LazyFrame)
    assert_type(metrics.service_level(lake, denominator="handled", target_seconds=20), pl.LazyFrame)
    assert_type(metrics.average_speed_of_answer(lake), pl.LazyFrame)
    assert_type(metrics.average_talk(lake), pl.LazyFrame)
    assert_type(metrics.avg_talk(lake), pl.LazyFrame)
    assert_type(metrics.transfer_rate(lake), pl.LazyFrame)
    assert_type(metrics.who_hung_up(lake), pl.LazyFrame)
    assert_type(metrics.ratings(lake, by=["queue_id"]), pl.LazyFrame)
    assert_type(metrics.summary(lake, by=["agent"], denominator="handled"), pl.LazyFrame)
    assert_type(metrics.by_interval(lake, every="30m", time_zone="Europe/Warsaw"), pl.LazyFrame)
    assert_type(metrics.by_interval(lake, every=timedelta(hours=2), by="queue_id"), pl.LazyFrame)
    assert_type(metrics.impossible_durations(lake), pl.LazyFrame)
    assert_type(metrics.missed_calls(lake, within="72h"), pl.LazyFrame)
    assert_type(metrics.repeat_calls(lake, within=timedelta(days=7)), pl.LazyFrame)
    assert_type(lake.select(metrics.normalised("src")), pl.LazyFrame)


def figures_of_eager_frames(frame: pl.DataFrame) -> None:
    every: metrics.Every = "15m"
    denominator: metrics.Denominator = "less_short_abandons"
    assert_type(metrics.calls(frame), pl.DataFrame)
    assert_type(metrics.offered(frame), pl.DataFrame)
    assert_type(metrics.handled(frame), pl.DataFrame)
    assert_type(metrics.abandoned(frame), pl.DataFrame)
    assert_type(metrics.abandonment_rate(frame), pl.DataFrame)
    assert_type(metrics.service_level(frame, denominator=denominator), pl.DataFrame)
    assert_type(metrics.average_speed_of_answer(frame), pl.DataFrame)
    assert_type(metrics.average_talk(frame), pl.DataFrame)
    assert_type(metrics.avg_talk(frame), pl.DataFrame)
    assert_type(metrics.transfer_rate(frame), pl.DataFrame)
    assert_type(metrics.who_hung_up(frame), pl.DataFrame)
    assert_type(metrics.ratings(frame), pl.DataFrame)
    assert_type(metrics.summary(frame), pl.DataFrame)
    assert_type(metrics.by_interval(frame, every=every), pl.DataFrame)
    assert_type(metrics.missed_calls(frame), pl.DataFrame)
    assert_type(metrics.repeat_calls(frame), pl.DataFrame)
    assert_type(metrics.normalised(pl.col("src")), pl.Expr)


def charts_of_either(frame: pl.DataFrame, lake: pl.LazyFrame) -> Sequence[charts.AnyChart]:
    assert_type(charts.calls_by_hour(frame, count="offered"), alt.Chart)
    assert_type(charts.waits(lake), alt.Chart)
    assert_type(charts.queues(frame, denominator="handled"), alt.LayerChart)
    assert_type(charts.missed_backlog(lake, every="1d", within="72h"), alt.Chart)
    return [charts.answered_and_missed(lake, every="1d", denominator="handled"), charts.calls_by_hour(lake)]


def a_local_thulium() -> None:
    centre = Centre(seed=1, calls_per_day=1000, seconds=False)
    assert_type(centre.calls(date(2024, 7, 1)), list[GeneratedCall])
    invented: CallSource = GeneratedCalls(centre, date(2024, 7, 1), date(2024, 7, 31))
    stored: CallSource = LakeCalls(Path("lake"))
    assert_type(stored.days(), Sequence[date])
    app = create_app(invented, user="demo", password="demo", faults=Faults(seed=1, server_errors=0.1, drift=5))
    assert_type(app, SimulatedThulium)
    assert_type(app.requests, int)
    assert_type(app.dealt, Counter[str])
    assert_type(app.truth(date(2024, 7, 1), date(2024, 7, 2)), list[dict[str, object]])
    with running(app) as url:
        assert_type(url, str)
    serve(create_app(stored), port=8000, on_ready=lambda address: address)
