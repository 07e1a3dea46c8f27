"""The cost of exports and figures, compared with other tools: `python -m tests.benchmarks`, with the extra `bench`."""
