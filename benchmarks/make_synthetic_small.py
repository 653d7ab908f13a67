"""Write the bundled store ``synthetic-small``: ``python benchmarks/make_synthetic_small.py DIRECTORY``."""

import sys

from tts_gym.datasets import SyntheticModel, synthetic_metadata, synthetic_questions, write_store

QUESTIONS, BRANCHES, INTERVAL, SEED = 40, 64, 500, 1
MODEL = SyntheticModel(scale=2500.0, max_tokens=16000)


def main(directory: str) -> None:
    metadata = synthetic_metadata(QUESTIONS, BRANCHES, INTERVAL, SEED, MODEL) | {"name": "synthetic-small"}
    write_store(directory, synthetic_questions(QUESTIONS, BRANCHES, INTERVAL, SEED, MODEL), metadata)


if __name__ == "__main__":
    main(sys.argv[1])
