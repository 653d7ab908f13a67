"""How commands end that are told to."""

from __future__ import annotations

import signal
import sys


def end_on_sigterm() -> None:
    """Have SIGTERM end the process as an exit does, which leaves nothing half-written and nothing running."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
