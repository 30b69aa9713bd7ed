"""Health, readiness and metrics."""

import socket
from datetime import UTC, datetime, timedelta

import requests
from prometheus_client.parser import text_string_to_metric_families

from deployer.daemon.view import ExpiryView
from deployer.web.app import application
from deployer.web.metrics import Metrics
from deployer.web.server import WebServer
from tests.web import scenes
from tests.web.conftest import Served
from tests.web.stand import Stand


def test_alive_is_not_ready(served: Served) -> None:
    served.stand.missing = ("the repository of blog is not there", "the first look at shop")

    assert requests.get(f"{served.url}/healthz", timeout=10).text == "ok\n"
    answer = requests.get(f"{served.url}/readyz", timeout=10)
    assert answer.status_code == 503
    assert answer.text == "the repository of blog is not there\nthe first look at shop\n"
    served.stand.missing = ()
    assert requests.get(f"{served.url}/readyz", timeout=10).status_code == 200


def test_metrics_tell_what_happened_and_what_is(stand: Stand) -> None:
    scenes.deploying(stand)
    end = datetime.now(UTC).date() + timedelta(days=30)
    stand.change("blog", expiry=(ExpiryView(what="web app", on=end, what_to_do=""),), problem="broken")
    stand.post("docs", source="test")
    metrics = Metrics()
    metrics.request("files/path", 201)
    metrics.request("files/path", 201)
    metrics.request("cpu", None)
    metrics.waited(12.5)
    metrics.ended("blog", "live", 7.5)

    listener = socket.create_server(("127.0.0.1", 0))
    with WebServer(application(stand, token=None, metrics=metrics), listener):
        url = f"http://127.0.0.1:{listener.getsockname()[1]}/metrics"
        answer = requests.get(url, timeout=10)
    assert answer.headers["content-type"].startswith("text/plain")
    told = {
        (sample.name, *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(answer.text)
        for sample in family.samples
    }

    assert told["deployer_api_requests_total", "files/path", "201"] == 2
    assert told["deployer_api_requests_total", "cpu", "none"] == 1
    assert told["deployer_limit_wait_seconds_total",] == 12.5
    assert told["deployer_deployments_total", "blog", "live"] == 1
    assert told["deployer_deployment_seconds_bucket", "10.0", "blog"] == 1
    assert told["deployer_deployment_seconds_bucket", "5.0", "blog"] == 0
    assert told["deployer_queue_depth", "docs"] == 1
    assert told["deployer_queue_depth", "blog"] == 0
    assert told["deployer_running", "shop"] == 1
    assert told["deployer_problem", "blog"] == 1
    assert told["deployer_drift_findings", "docs"] == 2
    assert 7000 < told["deployer_since_live_seconds", "blog"] < 7500
    assert 28.9 < told["deployer_expires_days", "blog", "web app"] <= 30
    assert 4 < told["deployer_expires_days", "docs", "certificate"] <= 5
    assert told["deployer_ready",] == 1


def test_two_daemons_in_one_process_count_apart(stand: Stand) -> None:
    one, two = Metrics(), Metrics()
    one.request("cpu", 200)

    assert one.registry.get_sample_value("deployer_api_requests_total", {"endpoint": "cpu", "status": "200"})
    assert not two.registry.get_sample_value(
        "deployer_api_requests_total", {"endpoint": "cpu", "status": "200"}
    )
