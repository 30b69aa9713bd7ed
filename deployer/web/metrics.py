"""What Prometheus is told: counters that the daemon feeds, and gauges that are read when it asks."""

from collections.abc import Iterator
from datetime import UTC, datetime

from prometheus_client import CollectorRegistry, Counter, Histogram, ProcessCollector
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from deployer.daemon.view import SiteView, View

_SECONDS = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600)
"""The platform's limit makes deployments take minutes; one without files is a matter of seconds."""
_DAY_S = 86400.0


class Metrics:
    """The counters, in a registry that nobody else's counters are in. Safe to call from any thread."""

    def __init__(self, registry: CollectorRegistry | None = None) -> None:
        self.registry = registry or CollectorRegistry()
        ProcessCollector(registry=self.registry)
        self._deployments = Counter(
            "deployer_deployments",
            "Deployments that ended, by site and by the history's word for how.",
            ["site", "status"],
            registry=self.registry,
        )
        self._duration = Histogram(
            "deployer_deployment_seconds",
            "How long deployments took.",
            ["site"],
            buckets=_SECONDS,
            registry=self.registry,
        )
        self._requests = Counter(
            "deployer_api_requests",
            "Requests to the platform, by endpoint and HTTP status; status none: no answer came.",
            ["endpoint", "status"],
            registry=self.registry,
        )
        self._waited = Counter(
            "deployer_limit_wait_seconds",
            "Time spent waiting for the platform's limit.",
            registry=self.registry,
        )

    def request(self, endpoint: str, status: int | None) -> None:
        self._requests.labels(endpoint, "none" if status is None else str(status)).inc()

    def waited(self, seconds: float) -> None:
        self._waited.inc(max(0.0, seconds))

    def ended(self, site: str, status: str, seconds: float) -> None:
        self._deployments.labels(site, status).inc()
        self._duration.labels(site).observe(seconds)

    def watch(self, view: View) -> None:
        """Answer with this view's state from now on. Once for each registry."""
        self.registry.register(ViewCollector(view))


class ViewCollector(Collector):
    """Gauges as the view is at the moment of asking: nothing has to keep them up to date."""

    def __init__(self, view: View) -> None:
        self._view = view

    def describe(self) -> Iterator[Metric]:
        """Registering asks for the names; without this it would ask the view."""
        yield from ()

    def collect(self) -> Iterator[Metric]:
        sites = self._view.sites()
        yield GaugeMetricFamily(
            "deployer_ready", "Whether the daemon does its work.", float(not self._view.ready())
        )
        yield _gauge("deployer_queue_depth", "Orders that wait.", {s.name: len(s.waiting) for s in sites})
        yield _gauge(
            "deployer_running", "Deployments under way.", {s.name: s.running is not None for s in sites}
        )
        yield _gauge(
            "deployer_frozen",
            "Whether deployments are frozen.",
            {s.name: s.frozen is not None for s in sites},
        )
        yield _gauge(
            "deployer_problem",
            "Whether the site cannot be deployed, or its last deployment did not get there.",
            {s.name: bool(s.problem) for s in sites},
        )
        yield _gauge(
            "deployer_drift_findings",
            "Differences that the last look at the server found.",
            {s.name: len(s.drift.findings) for s in sites if s.drift},
        )
        now = datetime.now(UTC)
        yield _gauge(
            "deployer_since_live_seconds",
            "Since the live commit was first seen to answer well.",
            {s.name: (now - s.live.since).total_seconds() for s in sites if s.live},
        )
        yield _expiry(sites, now)


def _gauge(name: str, help_: str, values: dict[str, float]) -> GaugeMetricFamily:
    family = GaugeMetricFamily(name, help_, labels=["site"])
    for site, value in values.items():
        family.add_metric([site], float(value))
    return family


def _expiry(sites: tuple[SiteView, ...], now: datetime) -> GaugeMetricFamily:
    family = GaugeMetricFamily(
        "deployer_expires_days",
        "Days until a web app, task or certificate ends unless somebody acts.",
        labels=["site", "what"],
    )
    for site in sites:
        for item in site.expiry:
            end = datetime(item.on.year, item.on.month, item.on.day, tzinfo=UTC)
            family.add_metric([site.name, item.what], round((end - now).total_seconds() / _DAY_S, 2))
    return family
