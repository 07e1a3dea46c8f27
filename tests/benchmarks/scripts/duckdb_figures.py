"""The figures in DuckDB's SQL: `python -m tests.benchmarks.scripts.duckdb_figures LAKE QUESTION [LAST_DAY]`.

Each query gives the numbers of the function of `metrics` with its name. `report` asks five questions about calls that
were made once. Ties within a minute are decided by `transferred_to` alone, which is enough for an invented centre.
"""

import sys
from typing import Final

import duckdb
import pyarrow as pa

_CALLS: Final = """
WITH legs AS (
  SELECT *, nullif(queue_id, 0) AS queue, nullif(topic_id, 0) AS topic, nullif(customer_id, 0) AS customer,
    CASE WHEN type = 'OUTBOUND' THEN coalesce(user_login, "user") ELSE coalesce(dst_user_login, dst_user) END AS who,
    coalesce(NOT duration BETWEEN 0 AND 86400 OR NOT billsec BETWEEN 0 AND 86400 OR billsec - duration > 1, false)
      AS is_odd,
    CASE WHEN NOT is_odd THEN duration END AS lasted,
    CASE WHEN NOT is_odd THEN billsec END AS talked,
    coalesce(disposition = 'ANSWERED', false) AS is_answered,
    is_answered AND who IS NOT NULL AS is_handled,
    epoch_us(date_utc) // 1000000 AS started,
    2 * epoch_us(date_utc) + (transferred_to IS NULL)::BIGINT AS place
  FROM read_parquet('{lake}/*/*.parquet', hive_partitioning = true)
  WHERE call_date <= DATE '{last_day}'
), joined AS (
  SELECT connection_id, arg_min_null(date, place) AS date, min(date_utc) AS date_utc, arg_min_null(type, place) AS type,
    arg_min_null(src, place) AS src, arg_min_null(dst, place) AS dst, arg_min_null(user_login, place) AS user_login,
    arg_min(queue, place) AS queue_id, arg_min(topic, place) AS topic_id, arg_min(customer, place) AS customer_id,
    bool_or(is_handled) AS handled,
    arg_min(who, place) FILTER (is_handled) AS agent,
    bool_or(is_answered) AND NOT bool_or(is_handled) AS answered_by_machine,
    bool_and(coalesce(disposition IN ('FAILED', 'CONGESTION'), false)) AS failed,
    arg_min_null(started + lasted - talked, place) FILTER (is_handled) - min(started) AS until_answer,
    CASE WHEN count(lasted) = count(*) THEN max(started + lasted) - min(started) END AS until_end,
    CASE WHEN count(talked) FILTER (is_handled) = count(*) FILTER (is_handled)
      THEN coalesce(sum(talked) FILTER (is_handled), 0)::BIGINT END AS talk_seconds,
    count(transferred_to) AS transfers,
    arg_max(disconnected_by, place) AS disconnected_by,
    arg_max_null(rating.type, place) FILTER (rating.rate IS NOT NULL) AS rating_type,
    arg_max(rating.rate, place) FILTER (rating.rate IS NOT NULL) AS rating_rate,
    list_sort(list_distinct(flatten(list(tags)))) AS tags,
    count(*) AS legs
  FROM legs GROUP BY connection_id
), calls AS (
  SELECT * EXCLUDE (until_answer, until_end), CASE WHEN handled THEN until_answer ELSE until_end END AS seconds,
    CASE WHEN seconds <= 86400 THEN greatest(seconds, 0) END AS wait_seconds
  FROM joined
)
"""
_FIGURES: Final = """
  count(*) AS calls, sum(legs)::BIGINT AS legs, count(*) FILTER (offered) AS offered,
  count(*) FILTER (is_ours) AS handled,
  count(*) FILTER (is_lost AND coalesce(wait_seconds >= 5, true)) AS abandoned,
  count(*) FILTER (is_lost AND wait_seconds < 5) AS short_abandoned,
  count(*) FILTER (offered AND NOT call.handled AND call.failed) AS failed,
  count(*) FILTER (offered AND call.answered_by_machine) AS answered_by_machine,
  abandoned AS abandonment_rate_numerator,
  count(*) FILTER (is_ours) + abandoned AS abandonment_rate_denominator,
  abandonment_rate_numerator / nullif(abandonment_rate_denominator, 0) AS abandonment_rate,
  count(*) FILTER (is_ours AND wait_seconds <= 20) AS service_level_numerator,
  abandonment_rate_denominator AS service_level_denominator,
  service_level_numerator / nullif(service_level_denominator, 0) AS service_level,
  coalesce(sum(wait_seconds) FILTER (is_ours), 0)::BIGINT AS average_speed_of_answer_numerator,
  count(wait_seconds) FILTER (is_ours) AS average_speed_of_answer_denominator,
  average_speed_of_answer_numerator / nullif(average_speed_of_answer_denominator, 0) AS average_speed_of_answer,
  quantile_cont(wait_seconds, 0.5) FILTER (is_ours) AS median_speed_of_answer,
  quantile_cont(wait_seconds, 0.9) FILTER (is_ours) AS p90_speed_of_answer,
  coalesce(sum(talk_seconds) FILTER (is_ours), 0)::BIGINT AS average_talk_numerator,
  count(talk_seconds) FILTER (is_ours) AS average_talk_denominator,
  average_talk_numerator / nullif(average_talk_denominator, 0) AS average_talk,
  count(*) FILTER (is_ours AND transfers > 0) AS transfer_rate_numerator,
  count(*) FILTER (is_ours) AS transfer_rate_denominator,
  transfer_rate_numerator / nullif(transfer_rate_denominator, 0) AS transfer_rate,
  count(*) FILTER (is_ours AND disconnected_by = 'Agent') AS hung_up_by_agent_numerator,
  count(disconnected_by) FILTER (is_ours) AS hung_up_by_agent_denominator,
  hung_up_by_agent_numerator / nullif(hung_up_by_agent_denominator, 0) AS hung_up_by_agent,
  count(*) FILTER (is_ours AND disconnected_by = 'Customer') AS hung_up_by_customer_numerator,
  hung_up_by_agent_denominator AS hung_up_by_customer_denominator,
  hung_up_by_customer_numerator / nullif(hung_up_by_customer_denominator, 0) AS hung_up_by_customer,
  count(*) FILTER (is_ours AND rating_rate IS NOT NULL) AS rating_response_numerator,
  count(*) FILTER (is_ours) AS rating_response_denominator,
  rating_response_numerator / nullif(rating_response_denominator, 0) AS rating_response
FROM (
  SELECT *, type = 'INBOUND' AND queue_id IS NOT NULL AS offered, offered AND handled AS is_ours,
    offered AND NOT handled AND NOT failed AS is_lost
  FROM calls
) AS call
"""
_QUERIES: Final = {
    "summary": f"{_CALLS} SELECT {_FIGURES}",
    "by_interval": f"{_CALLS} SELECT date_trunc('hour', date) AS interval, {_FIGURES} GROUP BY 1 ORDER BY 1",
    "calls": f"{_CALLS} SELECT * EXCLUDE (seconds) FROM calls ORDER BY date_utc, connection_id",
}
#: The columns that the questions of a report are about.
_KEPT: Final = """
SELECT date, type, queue_id, handled, answered_by_machine, failed, wait_seconds, talk_seconds, transfers,
  disconnected_by, rating_rate, legs
FROM calls
"""
_OF_REPORT: Final = (
    f"SELECT {_FIGURES}",
    f"SELECT queue_id, {_FIGURES} GROUP BY 1",
    f"SELECT date_trunc('week', date), {_FIGURES} GROUP BY 1",
    "SELECT dayofweek(date), hour(date), count(*) FROM calls GROUP BY ALL",
    "SELECT wait_seconds // 10, handled, count(*) FROM calls GROUP BY ALL",
)


def answer(lake: str, question: str) -> pa.Table:
    """The table of a function of `metrics`, but without intervals that have no calls."""
    relation = duckdb.sql(_QUERIES[question].format(lake=lake, last_day="9999-12-31"))
    assert relation is not None
    return relation.to_arrow_table()


def _report(lake: str, last_day: str) -> int:
    duckdb.execute(f"CREATE TEMP TABLE calls AS {_CALLS} {_KEPT}".format(lake=lake, last_day=last_day))
    return sum(len(duckdb.execute(query).fetchall()) for query in _OF_REPORT)


def main() -> None:
    """Answer a question and print the number of rows."""
    lake, question, *last_day = sys.argv[1:]
    rows = _report(lake, *last_day) if question == "report" else answer(lake, question).num_rows
    sys.stdout.write(f"{rows}\n")


if __name__ == "__main__":
    main()
