"""Benchmarks: ratios measured in one run beside a floor, never a timed test. By hand: `python -m tests.benchmarks`."""
