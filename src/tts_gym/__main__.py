"""``python -m tts_gym``: the command line."""

from tts_gym.cli import main

if __name__ == "__main__":
    main()
