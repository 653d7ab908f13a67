"""What the gateway counts, for Prometheus."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

SECONDS = (0.1, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600)
"""Bounds of the histogram of durations."""


class Metrics:
    """Counters of one gateway.

    Attributes:
        in_flight: requests that are being answered.
        left: requests whose client left.
        fallbacks: requests that were answered by a plain sample, as the controller's model failed.
    """

    def __init__(self, pending: Callable[[], int]) -> None:
        """Begin at zero.

        Args:
            pending: tells how many requests wait for the model or run on it.
        """
        self._registry = CollectorRegistry()
        registry = self._registry
        labels = ("endpoint", "controller", "status")
        self._requests = Counter("tts_requests", "Requests answered.", labels, registry=registry)
        self._tokens = Counter("tts_tokens", "Tokens that the model took or gave.", ("kind",), registry=registry)
        self._seconds = Histogram(
            "tts_request_seconds", "Durations.", ("controller",), buckets=SECONDS, registry=registry
        )
        self.in_flight = Gauge("tts_requests_in_flight", "Requests that are being answered.", registry=registry)
        self.left = Counter("tts_clients_left", "Requests whose client left.", registry=registry)
        self.fallbacks = Counter(
            "tts_fallbacks", "Requests answered by a plain sample, as the model failed.", registry=registry
        )
        upstream = Gauge("tts_upstream_requests", "Requests that wait for the model or run on it.", registry=registry)
        upstream.set_function(pending)

    def answered(self, endpoint: str, controller: str, status: int, seconds: float) -> None:
        """Count a request.

        Args:
            endpoint: the interface.
            controller: who decided; "none" for a request that went through.
            status: of the response.
            seconds: that it took.
        """
        self._requests.labels(endpoint, controller, str(status)).inc()
        self._seconds.labels(controller).observe(seconds)

    def spent(self, usage: Mapping[str, Any]) -> None:
        """Count tokens.

        Args:
            usage: as responses tell it.
        """
        details = {**(usage.get("prompt_tokens_details") or {}), **(usage.get("completion_tokens_details") or {})}
        kinds = {
            "prompt": usage.get("prompt_tokens"),
            "generated": usage.get("completion_tokens"),
            "cached": details.get("cached_tokens"),
            "abandoned": details.get("abandoned_tokens"),
            "forced": details.get("forced_tokens"),
        }
        for kind, tokens in kinds.items():
            if isinstance(tokens, int) and tokens > 0:
                self._tokens.labels(kind).inc(tokens)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self._registry)
