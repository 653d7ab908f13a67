"""Another rule for the answers of a collection that keeps its texts: they are read anew where they are."""

from __future__ import annotations

from collections.abc import Sequence

from tts_gym.answers.reader import answer_reader
from tts_gym.collectors.errors import CollectionError
from tts_gym.collectors.regrade import read_branch_anew
from tts_gym.collectors.settings import READS, CollectionSettings
from tts_gym.collectors.shards import Shards
from tts_gym.collectors.units import WorkUnit
from tts_gym.datasets.schema import RecordedBranch


def reread(shards: Shards, units: Sequence[WorkUnit], settings: CollectionSettings) -> None:
    """Read the answers of all branches that are kept anew, unless they were read by the rule of now.

    Args:
        shards: the collection, which keeps its texts.
        units: all its units.
        settings: its settings of now.

    Raises:
        CollectionError: it has branches of further questions, whose texts are not known here.
        OSError: it cannot be written.
    """
    if shards.begun is None or shards.begun[READS] == settings.answers:
        return
    questions = {unit.key: unit.question.question for unit in units}
    others = shards.keys - questions.keys()
    if others:
        raise CollectionError(
            f"{shards.directory} holds branches of {len(others)} questions that are not among these: collect with them "
            "too to read answers by another rule, or anew with --fresh."
        )
    with answer_reader(settings.answers, settings.probing.marks) as reader:

        def change(key: str, branch: RecordedBranch) -> RecordedBranch:
            return read_branch_anew(branch, reader, settings.probing.suffix, questions[key])

        shards.rewrite(change)
