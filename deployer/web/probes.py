"""What machines ask: is it alive, is it ready, how much of everything."""

from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from deployer.daemon.view import View
from deployer.web.metrics import Metrics


class Probes:
    def __init__(self, view: View, metrics: Metrics) -> None:
        self._view = view
        self._metrics = metrics

    def routes(self) -> list[Route]:
        return [
            Route("/healthz", self.alive),
            Route("/readyz", self.ready),
            Route("/metrics", self.metrics),
        ]

    async def alive(self, _: Request) -> Response:
        """Answered by the event loop itself: whoever gets it knows that it turns."""
        return PlainTextResponse("ok\n")

    def ready(self, _: Request) -> Response:
        missing = self._view.ready()
        return PlainTextResponse("\n".join(missing or ("ready",)) + "\n", 503 if missing else 200)

    def metrics(self, request: Request) -> Response:
        encode, media_type = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(self._metrics.registry), headers={"Content-Type": media_type})
