"""The flags that commands share."""

from dataclasses import fields

import pytest

from tests.commands import COMMANDS
from thulium_frames.endpoint import Filters


@pytest.mark.parametrize("command", ["export", "fetch"])
def test_every_filter_has_its_flag(command: str) -> None:
    taken = {parameter.name for parameter in COMMANDS[command].params}
    assert {field.name for field in fields(Filters)} - taken == set()
