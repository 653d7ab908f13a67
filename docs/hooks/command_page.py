"""The reference of the command line, made of its help."""

import re
import subprocess
import sys

from templates import page


def made() -> dict[str, str | bytes]:
    """The page by its place."""
    command = [sys.executable, "-m", "typer", "tts_gym.cli.app", "utils", "docs", "--name", "tts-gym"]
    told = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    # Its lists of commands cut their texts short; each command stands below with the whole of it.
    whole = re.sub(r"\*\*Commands\*\*:\n\n(\* .*\n)+\n", "", told.partition("\n\n")[2])
    return {"reference/commands.md": page("commands.md", help=plain(whole))}


def plain(text: str) -> str:
    """Markdown whose brackets outside of code are no links."""
    return re.sub(r"(```.*?```|`[^`]*`)|\[", lambda found: found[1] or r"\[", text, flags=re.DOTALL)
