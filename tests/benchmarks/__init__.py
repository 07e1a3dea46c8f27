"""What exporting costs, beside its peers: `python -m tests.benchmarks`, with the extra `bench`."""
