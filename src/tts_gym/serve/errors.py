"""What the gateway refuses, as OpenAI's clients read it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


class RequestError(Exception):
    """A request is not answered.

    Attributes:
        message: one sentence that says why.
        status: of the response.
        param: what in the request is wrong, if anything.
        headers: of the response.
    """

    def __init__(
        self, message: str, status: int = 400, param: str | None = None, headers: Mapping[str, str] | None = None
    ) -> None:
        """Refuse.

        Args:
            message: one sentence that says why.
            status: of the response.
            param: what in the request is wrong, if anything.
            headers: of the response.
        """
        super().__init__(message)
        self.message, self.status, self.param, self.headers = message, status, param, dict(headers or {})

    def body(self) -> dict[str, Any]:
        """The body of the response."""
        return error_body(self.message, self.status, self.param)


def error_body(message: str, status: int, param: str | None = None) -> dict[str, Any]:
    """An error as OpenAI's servers tell it.

    Args:
        message: one sentence.
        status: of the response.
        param: what in the request is wrong, if anything.
    """
    kinds = {401: "authentication_error", 404: "not_found_error", 429: "rate_limit_error"}
    kind = kinds.get(status, "invalid_request_error" if status < 500 else "upstream_error")
    return {"error": {"message": message, "type": kind, "param": param, "code": status}}
