"""Which part of a Polars predicate the API can be asked for. Pure.

The predicate is read from its serialised form, which Polars may change. What is not understood narrows nothing. So a
narrowing may be too wide but never too narrow, and the whole predicate is applied to the rows afterwards.
"""

import io
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import date, datetime, timedelta
from typing import Any

import polars as pl

from thulium_frames.endpoint import NUMBER_FILTERS, TEXT_FILTERS, Filters
from thulium_frames.errors import FilterError
from thulium_frames.windows import DAY, Window, midnight

_Node = dict[str, Any]
_Value = str | int

#: Columns whose filters narrow a request.
PUSHED = ("date", *TEXT_FILTERS, *NUMBER_FILTERS, "tags")
_INSTANT = timedelta(microseconds=1)
_FIRST, _LAST = datetime(1, 1, 1), datetime(9999, 12, 31, 23, 59, 59, 999_999)
#: At most this many values get a query each.
_MOST_QUERIES = 10


@dataclass(frozen=True)
class Narrowing:
    """Calls from `start` to before `end` (wall clock) that have one of these values in each column, and this tag."""

    start: datetime = _FIRST
    end: datetime = _LAST
    values: Mapping[str, frozenset[_Value]] = field(default_factory=dict)
    tag: str | None = None

    @property
    def is_nothing(self) -> bool:
        return self.start >= self.end or not all(self.values.values())

    def __and__(self, other: "Narrowing") -> "Narrowing":
        values = {**self.values, **other.values}
        for name in self.values.keys() & other.values.keys():
            values[name] = self.values[name] & other.values[name]
        return Narrowing(max(self.start, other.start), min(self.end, other.end), values, self.tag or other.tag)

    def __or__(self, other: "Narrowing") -> "Narrowing":
        if self.is_nothing or other.is_nothing:
            return other if self.is_nothing else self
        both = self.values.keys() & other.values.keys()
        values = {name: self.values[name] | other.values[name] for name in both}
        tag = self.tag if self.tag == other.tag else None
        return Narrowing(min(self.start, other.start), max(self.end, other.end), values, tag)

    def window(self, filters: Filters) -> Window | None:
        """What remains of the filters' window; None when no call can match."""
        start, end = max(self.start, filters.bounds.start), min(self.end, filters.bounds.end)
        return Window(start, end) if start < end and all(self.values.values()) else None


_ALL = Narrowing()
_NONE = Narrowing(end=_FIRST)


def narrowing_of(predicate: pl.Expr | None) -> Narrowing:
    """The narrowing of a predicate. It is all calls without a predicate, and for one that is not understood."""
    if predicate is None:
        return _ALL
    try:
        return _narrowing(json.loads(_serialised(predicate)))
    except Exception:  # an unknown form may raise anything
        return _ALL


def unpushed(predicate: pl.Expr) -> list[str]:
    """The columns of those parts of a predicate that no request can be narrowed by, in order. No value is told."""
    try:
        parts = _parts(json.loads(_serialised(predicate)))
        return sorted({name for part in parts if not _is_pushed(_understood(part)) for name in _columns_of(part)})
    except Exception:  # as above; a Python function, for example, has no such form
        return sorted(predicate.meta.root_names())


def _parts(node: _Node) -> list[_Node]:
    """What an And joins, at any depth."""
    match node:
        case {"BinaryExpr": {"left": left, "op": "And" | "LogicalAnd", "right": right}}:
            return [*_parts(left), *_parts(right)]
    return [node]


def _is_pushed(narrowing: Narrowing) -> bool:
    """Whether a query without filters would be asked otherwise, or not at all."""
    return narrowing.window(Filters()) != _ALL.window(Filters()) or queries(Filters(), narrowing) != (Filters(), [])


def _columns_of(node: object) -> set[str]:
    if isinstance(node, dict):
        name = node.get("Column")
        return {name} if isinstance(name, str) else set().union(*map(_columns_of, node.values()))
    return set().union(*map(_columns_of, node)) if isinstance(node, list) else set()


def _serialised(predicate: pl.Expr) -> str:
    return predicate.meta.serialize(format="json")


def queries(filters: Filters, narrowing: Narrowing) -> tuple[Filters, list[tuple[Filters, pl.Expr]]]:
    """The filters of one query; and of several instead, one for each value of a column, when there are few values.

    Each of the several comes with a predicate for its calls, because the API may match more than the filter says.
    """
    several: list[tuple[str, list[_Value]]] = []
    for name, values in sorted(narrowing.values.items()):
        if len(values) == 1:
            filters = _narrowed(filters, name, *values) or filters
        else:
            several.append((name, sorted(values)))
    if narrowing.tag is not None:
        filters = _narrowed(filters, "tags", [narrowing.tag]) or filters
    for name, choices in several:
        each = [(_narrowed(filters, name, value), pl.col(name) == value) for value in choices[: _MOST_QUERIES + 1]]
        if len(each) <= _MOST_QUERIES and all(query for query, _ in each):
            return filters, [(query, is_it) for query, is_it in each if query]
    return filters, []


def _narrowed(filters: Filters, name: str, value: _Value | list[str]) -> Filters | None:
    """The filters with one more. None when they have that one already, or the API cannot match the value."""
    if getattr(filters, name) not in (None, ()):
        return None
    try:
        return replace(filters, **{name: value})  # type: ignore[arg-type]  # mypy wants one type for all names
    except FilterError:
        return None


def _narrowing(node: _Node) -> Narrowing:
    """May raise anything for a form it does not know; the caller then narrows nothing."""
    ((kind, content),) = node.items()
    if kind == "BinaryExpr":
        return _of_operation(content["left"], content["op"], content["right"])
    if kind == "Function":
        return _of_function(content["input"], content["function"])
    if kind == "Ternary":  # which Polars makes of `queue_id == 2**63`: false, or null where there is none
        return _narrowing(content["truthy"]) | _narrowing(content["falsy"])
    return _NONE if kind == "Literal" and _constant(node) in (False, None) else _ALL


def _of_operation(left: _Node, operator: str, right: _Node) -> Narrowing:
    if operator in ("And", "LogicalAnd"):
        return _understood(left) & _understood(right)
    if operator in ("Or", "LogicalOr"):
        return _understood(left) | _understood(right)
    if operator in _MIRRORED and _has_column(right):
        left, operator, right = right, _MIRRORED[operator], left
    return _compared(left, operator, _constant(right)) if operator in _MIRRORED else _ALL


def _of_function(inputs: list[_Node], function: _Node) -> Narrowing:
    match function:
        case {"Boolean": {"IsBetween": _}}:
            column, low, high = inputs
            return _compared(column, "GtEq", _constant(low)) & _compared(column, "LtEq", _constant(high))
        case {"Boolean": {"IsIn": {"nulls_equal": False}}}:
            column, choices = inputs
            return _one_of(column, [value for value in _constant(choices) if value is not None])
        case {"ListExpr": {"Contains": _}}:
            column, tag = inputs
            value = _constant(tag)
            return Narrowing(tag=value) if column == {"Column": "tags"} and isinstance(value, str) else _ALL
    return _ALL


def _understood(node: _Node) -> Narrowing:
    try:
        return _narrowing(node)
    except Exception:  # the other side of an And may still narrow
        return _ALL


def _one_of(column: _Node, values: list[Any]) -> Narrowing:
    if not values:
        return _NONE
    narrowing = _compared(column, "Eq", values[0])
    for value in values[1:]:
        narrowing |= _compared(column, "Eq", value)
    return narrowing


def _compared(column: _Node, operator: str, value: Any) -> Narrowing:
    match column:
        case {"Column": "date"} if isinstance(value, datetime) and value.tzinfo is None:
            # nanoseconds were cut off the value, so `<` may still include its microsecond
            return _between("LtEq" if operator == "Lt" else operator, value, value + _INSTANT)
        case {"Column": "date"} if type(value) is date:
            return _between(operator, midnight(value), midnight(value) + _INSTANT)
        case {"Function": {"input": [{"Column": "date"}], "function": {"TemporalExpr": "Date"}}} if type(value) is date:
            return _between(operator, midnight(value), midnight(value) + DAY)
        case {"Function": {"input": [{"Column": "date"}], "function": {"TemporalExpr": "Year"}}} if _is_number(value):
            return _between(operator, datetime(value, 1, 1), datetime(value + 1, 1, 1))
        case {"Column": str(name)} if operator == "Eq" and _may_be(name, value):
            return Narrowing(values={name: frozenset([value])})
    return _ALL


def _between(operator: str, first: datetime, after: datetime) -> Narrowing:
    """The narrowing of a comparison with the time from `first` to before `after`."""
    bounds: dict[str, Callable[[], Narrowing]] = {
        "Eq": lambda: Narrowing(first, after),
        "Lt": lambda: Narrowing(end=first),
        "LtEq": lambda: Narrowing(end=after),
        "Gt": lambda: Narrowing(after),
        "GtEq": lambda: Narrowing(first),
    }
    return bounds[operator]()


def _may_be(name: str, value: Any) -> bool:
    return (name in TEXT_FILTERS and isinstance(value, str)) or (name in NUMBER_FILTERS and _is_number(value))


def _is_number(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _has_column(node: object) -> bool:
    if isinstance(node, dict):
        return "Column" in node or any(map(_has_column, node.values()))
    return isinstance(node, list) and any(map(_has_column, node))


def _constant(node: _Node) -> Any:
    """The value of an expression without columns, computed by Polars itself."""
    if _has_column(node):
        raise ValueError("it depends on a column")
    expression = pl.Expr.deserialize(io.StringIO(json.dumps(node)), format="json")
    return pl.select(expression).item()


_MIRRORED = {"Eq": "Eq", "Lt": "Gt", "LtEq": "GtEq", "Gt": "Lt", "GtEq": "LtEq"}
