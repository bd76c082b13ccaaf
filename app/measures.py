"""What is counted while the site runs: requests by route, calls of Stripe by outcome; ``text`` is what `/metrics` answers.

Ground: the web counts requests, the gateway its calls. Labels are names of routes and outcomes, never what somebody typed.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from time import perf_counter

from prometheus_client import REGISTRY, CollectorRegistry, Histogram, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector
from prometheus_client.registry import Collector

from . import worker_counts

BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0)
REQUESTS = Histogram("muster_request_seconds", "Requests answered.", ["route", "method", "status"], buckets=BUCKETS)
STRIPE = Histogram("muster_stripe_seconds", "Calls of Stripe, with all their repeats.", ["outcome"], buckets=BUCKETS)
UNROUTED = "none"
"""The route of what fits no address: one label, however many addresses a scanner tries."""

Gauges = Mapping[str, tuple[str, Mapping[str, float]]]
"""By name: what it means, and the figure of each kind ("" for a figure without kinds)."""


@contextmanager
def timing_stripe() -> Iterator[None]:
    """Count one call with how it ended: ``ok``, or the name of what was raised."""
    began, outcome = perf_counter(), "ok"
    try:
        yield
    except Exception as error:
        outcome = type(error).__name__
        raise
    finally:
        STRIPE.labels(outcome).observe(perf_counter() - began)


class _Now(Collector):
    """Figures that were just read, as they are for all processes."""

    def __init__(self, gauges: Gauges) -> None:
        self._gauges = gauges

    def collect(self) -> Iterator[Metric]:
        for name, (meaning, figures) in self._gauges.items():
            family = GaugeMetricFamily(f"muster_{name}", meaning, labels=["kind"] if "" not in figures else [])
            for kind, figure in figures.items():
                family.add_metric([kind] if kind else [], figure)
            yield family


def text(gauges: Gauges) -> bytes:
    """The counts of every worker and these gauges, in Prometheus' text format."""
    registry = REGISTRY
    if worker_counts.shared():
        registry = CollectorRegistry()
        MultiProcessCollector(registry)  # type: ignore[no-untyped-call]
    now = CollectorRegistry()
    now.register(_Now(gauges))
    return generate_latest(registry) + generate_latest(now)
