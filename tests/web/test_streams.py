"""What listeners are told while it happens."""

import threading

import pytest
import requests

from deployer.model.deployment import Status
from deployer.model.order import Work
from tests.builders.waiting import until
from tests.web import scenes
from tests.web.conftest import Served
from tests.web.listening import Listen, Message
from tests.web.stand import commit, progress_of


def test_the_log_so_far_then_what_comes_until_it_ends(listen: Listen, served: Served) -> None:
    running = scenes.deploying(served.stand)
    listener = listen(f"{served.url}/api/deployments/{running.id}/events")
    assert listener.next("status").data == {"status": "running"}
    first = [listener.next("log") for _ in range(13)]
    assert first[0].data["event"] == "deployment_started"
    assert [message.id for message in first] == [str(number) for number in range(1, 14)]
    assert listener.next("progress").data["done"] == 12

    scenes.note(served.stand, running, "reloaded", outcome="ok")
    assert listener.next("log").data["outcome"] == "ok"
    served.stand.change("shop", running=progress_of(running, done=48))
    assert until(lambda: listener.next("progress").data["done"] == 48)
    served.stand.end(running, Status.LIVE)
    served.stand.change("shop", running=None)

    rest = list(listener)
    assert rest[-1].name == "end"
    assert rest[-1].data["status"] == "live"


def test_a_listener_goes_on_where_it_was(listen: Listen, served: Served) -> None:
    ended = scenes.deployed(served.stand, "blog", "1", "Open the blog")
    served.stand.add("blog")
    address = f"{served.url}/api/deployments/{ended.id}/events"
    everything = list(listen(address))
    assert [message.name for message in everything] == ["log"] * 8 + ["end"]

    assert [message.id for message in listen(address, last="6")] == ["7", "8", None]
    assert [message.id for message in listen(f"{address}?after=6")] == ["7", "8", None]
    assert [message.name for message in listen(address, last="900")] == ["end"]
    assert list(listen(address, last="-1; DROP")) == everything


def test_an_order_that_waits_is_followed_into_its_deployment(listen: Listen, served: Served) -> None:
    served.stand.add("shop")
    order = served.stand.post("shop", source="test", work=Work.DEPLOY)
    listener = listen(f"{served.url}/api/deployments/{order.id}/events")
    assert listener.next("status").data == {"status": "waiting"}

    begun = served.stand.begin("shop", commit("4", "A change"), id_=order.id)
    served.stand.change("shop", waiting=(), running=progress_of(begun))
    assert listener.next("status").data == {"status": "running"}
    served.stand.end(begun, Status.FAILED, detail="no")
    served.stand.change("shop", running=None)

    assert [message.data["detail"] for message in listener if message.name == "end"] == ["no"]


def test_the_page_s_stream_is_limited_to_a_site(listen: Listen, served: Served) -> None:
    running = scenes.deploying(served.stand)

    every = listen(f"{served.url}/events").next("sites")
    blog = listen(f"{served.url}/events?site=blog").next("sites")

    assert [item["deployment"] for item in every.data["running"]] == [running.id]
    assert blog.data["running"] == []
    assert blog.data["state"] != every.data["state"]


@pytest.mark.parametrize("path", ["/api/deployments/nothing/events", "/events/nothing"])
def test_an_unknown_deployment_has_no_stream(served: Served, path: str) -> None:
    answer = requests.get(served.url + path, timeout=10)

    assert answer.status_code == 404


def test_asking_for_the_head_of_a_stream_does_not_start_it(served: Served) -> None:
    assert requests.head(f"{served.url}/events", timeout=10).status_code == 200
    assert served.stand.watchers == 0


def test_two_hundred_listeners_cost_no_thread_and_one_reading(listen: Listen, served: Served) -> None:
    scenes.idle(served.stand)
    listeners = [listen(f"{served.url}/events") for _ in range(200)]
    first = [listener.next("sites") for listener in listeners]
    threads, read = threading.active_count(), served.stand.read
    assert served.stand.watchers == 1

    served.stand.change("blog", problem="gone")
    second = [listener.next("sites") for listener in listeners]

    assert len({message.data["state"] for message in first}) == 1
    assert len({message.data["state"] for message in second}) == 1
    assert served.stand.read - read <= 2
    assert threading.active_count() <= threads + 1
    for listener in listeners:
        listener.close()
    assert until(lambda: served.stand.watchers == 1 or not served.stand.watchers)
    served.stand.change("blog", problem="")
    assert until(lambda: served.stand.watchers == 0), "nobody listens, and still the view is watched"


def test_a_thousand_changes_are_told_as_a_few(listen: Listen, served: Served) -> None:
    running = scenes.deploying(served.stand)
    listener = listen(f"{served.url}/events")
    listener.next("sites")
    told: list[Message] = []

    for done in range(1, 1001):
        served.stand.change("shop", running=progress_of(running, done=done, steps=1000))
    while not told or told[-1].data["running"][0]["done"] != 1000:
        told.append(listener.next("sites"))

    assert len(told) < 50
