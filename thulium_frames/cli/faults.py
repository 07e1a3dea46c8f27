"""The flags of `serve` that make the simulator misbehave: one for each field of `simulator.Faults`."""

from collections.abc import Callable
from dataclasses import Field, fields
from functools import wraps
from typing import Any

import click

from thulium_frames.simulator import Faults

#: `serve` has a --seed of its own, for the contact centre.
_NAMES = {"seed": "fault_seed"}
_PARAMETERS: dict[str, dict[str, Any]] = {
    "seed": {"type": int},
    "rate": {"type": click.FloatRange(0, 1)},
    "share": {"type": click.FloatRange(0, 1)},
    "count": {"type": click.IntRange(min=0), "metavar": "N"},
    "seconds": {"type": click.FloatRange(min=0)},
    "text": {"type": str, "metavar": "URL"},
    "requests": {"type": int, "nargs": 2, "metavar": "FIRST LAST"},
    "switch": {"is_flag": True, "default": None},
}


def fault_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """Add the flags to a command. The command gets the given fields as the mapping `faults`."""

    @wraps(command)
    def with_faults(**given: Any) -> Any:
        asked = {fault.name: given.pop(_flag_of(fault)) for fault in fields(Faults)}
        return command(faults={name: value for name, value in asked.items() if value is not None}, **given)

    for fault in reversed(fields(Faults)):
        name = _flag_of(fault).replace("_", "-")
        with_faults = click.option(f"--{name}", help=fault.metadata["help"], **_parameter_of(fault))(with_faults)
    return with_faults


def _flag_of(fault: Field[Any]) -> str:
    return _NAMES.get(fault.name, fault.name)


def _parameter_of(fault: Field[Any]) -> dict[str, Any]:
    told = fault.metadata
    return {"type": click.Choice(told["choices"])} if told["kind"] == "choice" else _PARAMETERS[told["kind"]]
