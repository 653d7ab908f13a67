"""The command line, ``tts-gym``: one function a command.

The commands are imported when one runs: a process that it starts may import the script again, and vLLM's workers fail
where they find Numba's compiler imported.
"""


def main() -> None:
    """Run the command line."""
    from tts_gym.cli.app import run

    run()
