"""The commands of ``tts-gym``, put together."""

from __future__ import annotations

import sys
import warnings
from typing import Any

from tts_gym.cli import answers, discover, stores
from tts_gym.cli.collect import collect
from tts_gym.cli.evaluate import evaluate
from tts_gym.cli.help import App
from tts_gym.cli.messages import messages
from tts_gym.cli.report import report
from tts_gym.cli.serve import serve
from tts_gym.cli.solve import solve
from tts_gym.cli.train import train
from tts_gym.errors import TTSGymError

app = App(
    "Evaluate and train test-time-scaling controllers on replayed reasoning trajectories, record these, and solve.",
    add_completion=False,
    pretty_exceptions_enable=False,
)
app.command()(evaluate)
app.command()(report)
app.command()(collect)
app.command()(train)
app.command()(solve)
app.command()(serve)
app.add_typer(stores.app, name="stores")
app.add_typer(answers.app, name="answers")
app.add_typer(discover.app, name="discover")


def run() -> None:
    """Run the command line; what the user can mend is told in one line, with exit status 2."""
    warnings.showwarning = _show_warning
    try:
        with messages():
            app()
    except (TTSGymError, OSError) as error:
        print("Error: " + " ".join(str(error).split()), file=sys.stderr)
        sys.exit(2)


def _show_warning(message: Warning | str, *_: Any, **__: Any) -> None:
    print(f"Warning: {message}", file=sys.stderr)
