"""The flags that commands share."""

from dataclasses import fields

import pytest

from thulium_frames.cli import cli
from thulium_frames.endpoint import Filters


@pytest.mark.parametrize("command", ["export", "fetch"])
def test_every_filter_has_its_flag(command: str) -> None:
    taken = {parameter.name for parameter in cli.commands[command].params}
    assert {field.name for field in fields(Filters)} - taken == set()
