"""Replay stores: recorded reasoning branches, read, written, imported and generated."""

from tts_gym.datasets.catalogue import catalogue, import_published, load_store
from tts_gym.datasets.digest import same_recordings
from tts_gym.datasets.parquet import read_store, write_store
from tts_gym.datasets.published import published_questions, read_published
from tts_gym.datasets.schema import FORMAT_VERSION, RecordedBranch, RecordedQuestion
from tts_gym.datasets.store import INVALID, INVALID_TEXT, SIGNALS, ReplayStore, Tables
from tts_gym.datasets.summary import StoreSummary, summarise
from tts_gym.datasets.synthetic import SyntheticModel, synthetic_metadata, synthetic_questions, synthetic_store
from tts_gym.datasets.verify import verify_store

__all__ = [
    "FORMAT_VERSION",
    "INVALID",
    "INVALID_TEXT",
    "SIGNALS",
    "RecordedBranch",
    "RecordedQuestion",
    "ReplayStore",
    "StoreSummary",
    "SyntheticModel",
    "Tables",
    "catalogue",
    "import_published",
    "load_store",
    "published_questions",
    "read_published",
    "read_store",
    "same_recordings",
    "summarise",
    "synthetic_metadata",
    "synthetic_questions",
    "synthetic_store",
    "verify_store",
    "write_store",
]
