"""A document as one HTML file that needs nothing else: no server, no network, no other file.

Whatever comes from a run is data: it is embedded as JSON in which no character can end the element around it, and the
script shows it as text. The page may run its own scripts only, by their hashes, and may load nothing.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from functools import cache
from importlib.resources import files
from typing import Any

from tts_gym.errors import TTSGymError

PARTS = (
    "elements.js",
    "tables.js",
    "charts.js",
    "case.js",
    "picture.js",
    "explorer.js",
    "discovery.js",
    "training.js",
    "main.js",
)
"""The script, whose parts share one module, in their order."""

_ESCAPES = {ord(character): f"\\u{ord(character):04x}" for character in "<>&\u2028\u2029"}


def page(document: Mapping[str, Any]) -> str:
    """The HTML of a report.

    Args:
        document: plain data, see ``document.document``.

    Raises:
        TTSGymError: the extra ``report`` is not installed.
    """
    script = "\n".join(_asset(part) for part in PARTS)
    style, plots = _asset("report.css"), plot_library()
    policy = "; ".join(
        [
            "default-src 'none'",
            f"script-src {_source(script)} {_source(plots)}",
            f"style-src {_source(style)}",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
        ]
    )
    pieces = {"policy": policy, "style": style, "document": embedded(document), "plots": plots, "script": script}
    # In one go, so that what is put in is never looked through for places.
    return re.sub(r"\{\{(\w+)\}\}", lambda place: pieces[place[1]], _asset("report.html"))


def embedded(document: Mapping[str, Any]) -> str:
    """``document`` as JSON that may stand in a script element.

    Args:
        document: plain data.
    """
    return json.dumps(document, ensure_ascii=False, separators=(",", ":"), allow_nan=False).translate(_ESCAPES)


@cache
def plot_library() -> str:
    """The script of Vega, Vega-Lite and Vega-Embed.

    Raises:
        TTSGymError: the extra ``report`` is not installed.
    """
    try:
        import vl_convert
    except ImportError as error:
        raise TTSGymError("A report needs vl-convert-python: pip install 'tts-gym[report]'.") from error
    return str(vl_convert.javascript_bundle("window.vegaEmbed = vegaEmbed;"))


def _asset(name: str) -> str:
    return files("tts_gym.report").joinpath("assets", name).read_text(encoding="utf-8")


def _source(text: str) -> str:
    """How the policy names an inline script or style."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
