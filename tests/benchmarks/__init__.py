"""The cost of an export, compared with other tools: `python -m tests.benchmarks`, with the extra `bench`."""
