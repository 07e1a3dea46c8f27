"""Which HTTP library a test is for. Most tests here are for each: the fixture `library` runs them with both."""

import pytest

#: For tests of what httpx alone does.
BY_HTTPX = pytest.mark.parametrize("library", ["httpx"], indirect=True)
