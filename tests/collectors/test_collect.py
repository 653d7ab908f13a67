import json
import os
import random
import select
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from dataclasses import replace
from itertools import chain, cycle, islice
from pathlib import Path

import pytest
from fake_backend import FakeBackend

from tts_gym.answers.equivalence import Equivalence
from tts_gym.answers.reader import answer_reader
from tts_gym.collectors import store as store_module
from tts_gym.collectors.collect import collect
from tts_gym.collectors.collector import Collector
from tts_gym.collectors.errors import CollectionError
from tts_gym.collectors.questions import Question
from tts_gym.collectors.settings import CollectionSettings
from tts_gym.collectors.shards import WORK, decode_shard
from tts_gym.collectors.units import all_units
from tts_gym.datasets import read_store
from tts_gym.datasets.digest import same_recordings
from tts_gym.datasets.verify import verify_store
from tts_gym.errors import BackendError, StoreError
from tts_gym.files import move

SETTINGS = CollectionSettings(
    "fake", "models/fake", branches=4, interval=10, max_tokens=60, block=2, top_logprobs=2, seed=1
)
QUESTIONS = [Question(f"q{number}", f"What is {number} + 1?", str(number + 1)) for number in range(4)]
KEPT = {"settings.json", "shards", "sessions.jsonl", "answers.jsonl", "lock"}


def write(prompt, rng):
    if prompt.endswith("boxed{"):
        return f"{rng.integers(3)}}}"
    return "hm " * rng.integers(9) + f"The final answer is {rng.integers(3)}."


class Model:
    """A runner over the fake backend that counts what it draws; questions in ``broken`` fail."""

    def __init__(self, broken=()):
        self.broken = set(broken)
        self.drawn = []
        self.failed = []
        self.loaded = 0

    @contextmanager
    def __call__(self, settings):
        self.loaded += 1
        with answer_reader(settings.answers) as reader:
            collector = Collector(FakeBackend(write, self._fail), settings, reader, concurrency=4)

            def units(waiting):
                for result in collector.run(waiting):
                    self.drawn += [(result.unit.key, number) for number in result.branches]
                    self.failed += [result.unit.name] if result.error else []
                    yield result

            yield units

    def _fail(self, request):
        text = "".join(map(chr, request.prompt))
        return next((f"{question} is too hard" for question in self.broken if question in text), None)


def fill(directory, model, settings=SETTINGS, questions=QUESTIONS, **options):
    return collect(questions, settings, directory, "sums", "MIT", model, **options)


def shards(directory):
    return {file.name: file.read_bytes() for file in (directory / WORK / "shards").iterdir()}


def branches_of(names):
    """Key and number of the branches in shards of two."""
    parts = [name.partition(".")[0].rpartition("-") for name in names]
    return sorted((key, int(first) + more) for key, _, first in parts for more in (0, 1))


def branches_in(shards):
    """The branches in shards, by key and number."""
    found = {}
    for name, data in shards.items():
        unit, _, suffix = name.partition(".")
        key, _, first = unit.rpartition("-")
        if suffix.endswith(".parquet"):
            found |= {(key, number): branch for number, branch in enumerate(decode_shard(data), int(first))}
    return found


@pytest.fixture
def whole(tmp_path):
    """The store of a collection that nothing interrupted."""
    fill(tmp_path / "whole", Model())
    return read_store(tmp_path / "whole")


def test_a_collection_becomes_a_store(tmp_path):
    model, told = Model(), []
    progress = fill(tmp_path / "new" / "out", model, watch=lambda progress: told.append(progress.done))
    assert told == list(range(17))
    assert (progress.branches, progress.kept, progress.done, progress.failed) == (16, 0, 16, 0)
    assert progress.tokens_per_second > 0
    store = read_store(tmp_path / "new" / "out")
    facts = verify_store(tmp_path / "new" / "out")
    assert (facts.questions, facts.branches, facts.interval, facts.benchmark) == (4, 16, 10, "sums")
    assert facts.tokens == progress.usage.generated
    assert store.signals == ("mean_logprob", "min_logprob", "tail_logprob", "topk_confidence", "answer_logprob")
    metadata = store.metadata
    assert (metadata["name"], metadata["model"], metadata["license"]) == ("fake/sums", "models/fake", "MIT")
    assert metadata["collection"]["settings"] == SETTINGS.as_dict()
    assert (metadata["sampling"]["temperature"], metadata["seeds"]) == (0.7, [1])
    (session,) = metadata["collection"]["sessions"]
    assert session["started"] and "pyarrow" in session["tools"]
    assert {file.name for file in (tmp_path / "new" / "out" / WORK).iterdir()} == KEPT


def test_a_finished_collection_is_left_as_it_is(tmp_path):
    fill(tmp_path, Model())
    before = {file: file.stat().st_mtime_ns for file in tmp_path.iterdir() if file.is_file()}
    model = Model()
    progress = fill(tmp_path, model)
    assert (model.loaded, progress.kept, progress.done) == (0, 16, 0)
    assert {file: file.stat().st_mtime_ns for file in before} == before


def test_only_what_is_missing_is_drawn_again(tmp_path, whole):
    fill(tmp_path / "out", Model())
    lost = random.Random(0).sample(sorted(shards(tmp_path / "out")), 3)
    for name in lost:
        (tmp_path / "out" / WORK / "shards" / name).unlink()
    model = Model()
    assert fill(tmp_path / "out", model).kept == 10
    assert sorted(model.drawn) == branches_of(lost)
    assert same_recordings(read_store(tmp_path / "out"), whole)


def test_a_damaged_shard_is_drawn_again(tmp_path, whole):
    fill(tmp_path / "out", Model())
    before = shards(tmp_path / "out")
    flipped, cut = sorted(before)[2:4]
    place = tmp_path / "out" / WORK / "shards"
    (place / flipped).write_bytes(bytes([before[flipped][0] ^ 1]) + before[flipped][1:])
    (place / cut).write_bytes(before[cut][:-1])
    model = Model()
    fill(tmp_path / "out", model)
    assert sorted(model.drawn) == branches_of([flipped, cut])
    assert shards(tmp_path / "out") == before
    assert same_recordings(read_store(tmp_path / "out"), whole)


def test_a_store_that_was_removed_is_made_again(tmp_path, whole):
    fill(tmp_path / "out", Model())
    (tmp_path / "out" / "metadata.json").unlink()
    model = Model()
    fill(tmp_path / "out", model)
    assert model.loaded == 0
    assert same_recordings(read_store(tmp_path / "out"), whole)


def test_failed_units_are_noted_and_tried_again(tmp_path, whole):
    with pytest.raises(CollectionError, match=r"4 branches failed and are noted in .*failures.jsonl.*q2.*too hard"):
        fill(tmp_path / "out", Model(broken=["is 2 +"]))
    with pytest.raises(StoreError, match="metadata.json does not exist"):
        read_store(tmp_path / "out")
    text = (tmp_path / "out" / WORK / "failures.jsonl").read_text()
    notes = [json.loads(line) for line in text.splitlines() if line]
    assert sorted((note["question"], note["first"]) for note in notes) == [("q2", 0), ("q2", 2)]
    assert all("is 2 + is too hard" in note["reason"] for note in notes)
    assert len(shards(tmp_path / "out")) == 6
    model = Model()
    assert fill(tmp_path / "out", model).kept == 12
    assert sorted(model.drawn) == [
        (unit.key, number) for unit in all_units(QUESTIONS[2:3], 4, 4) for number in range(4)
    ]
    assert same_recordings(read_store(tmp_path / "out"), whole)
    assert len(read_store(tmp_path / "out").metadata["collection"]["sessions"]) == 2


def test_three_failures_in_a_row_give_up(tmp_path, whole):
    model = Model(broken=["What"])
    with pytest.raises(CollectionError, match="6 branches failed"):
        fill(tmp_path / "out", model)
    assert (len(model.failed), model.drawn) == (3, [])
    fill(tmp_path / "out", Model())
    assert same_recordings(read_store(tmp_path / "out"), whole)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        (replace(SETTINGS, temperature=0.8), "temperature was 0.7 and is 0.8"),
        (replace(SETTINGS, stop=("x",)), r"stop was \[\] and is \['x'\]"),
        (replace(SETTINGS, probing=replace(SETTINGS.probing, suffix="!")), "probing.suffix was"),
    ],
)
def test_other_settings_in_the_directory_are_refused(tmp_path, settings, words):
    fill(tmp_path, Model())
    model, before = Model(), shards(tmp_path)
    with pytest.raises(CollectionError, match=f"other settings.*{words}"):
        fill(tmp_path, model, settings)
    assert (model.loaded, shards(tmp_path)) == (0, before)


def test_a_collection_grows_by_what_it_lacks(tmp_path):
    """Blocks may change meanwhile, and the store that is there stays until the larger one takes its place."""
    fill(tmp_path / "out", Model(), replace(SETTINGS, branches=3))
    model = Model(broken=["is 3 +"])
    with pytest.raises(CollectionError, match="5 branches failed"):
        fill(tmp_path / "out", model, replace(SETTINGS, branches=8, block=8))
    assert len(model.drawn) == 15
    assert read_store(tmp_path / "out").branch_counts.tolist() == [3] * 4
    model = Model()
    assert fill(tmp_path / "out", model, replace(SETTINGS, branches=8, block=3)).kept == 27
    assert sorted(number for _, number in model.drawn) == [3, 4, 5, 6, 7]
    fill(tmp_path / "whole", Model(), replace(SETTINGS, branches=8))
    assert same_recordings(read_store(tmp_path / "out"), read_store(tmp_path / "whole"))
    with pytest.raises(CollectionError, match="branches was 8 and is 4"):
        fill(tmp_path / "out", Model())


def test_a_store_is_made_of_what_was_grown_before_it_was_interrupted(tmp_path, monkeypatch):
    fill(tmp_path, Model(), replace(SETTINGS, branches=2))
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("tts_gym.collectors.collect.make_store", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        fill(tmp_path, Model())
    model = Model()
    fill(tmp_path, model)
    assert model.loaded == 0 and read_store(tmp_path).branch_counts.tolist() == [4] * 4


def test_a_start_that_failed_before_drawing_locks_nothing(tmp_path):
    @contextmanager
    def broken(settings):
        raise BackendError("no such model")
        yield

    with pytest.raises(BackendError, match="no such model"):
        fill(tmp_path, broken)
    with pytest.raises(CollectionError, match="branches failed"):
        fill(tmp_path, Model(broken=["What"]), replace(SETTINGS, interval=9))
    fill(tmp_path, Model(), replace(SETTINGS, interval=20))
    assert read_store(tmp_path).interval == 20


def test_what_was_finished_is_kept_when_a_unit_is_broken_off(tmp_path):
    class Killed(Model):
        @contextmanager
        def __call__(self, settings):
            with super().__call__(settings) as run:
                yield lambda waiting: chain(islice(run(waiting), 3), interrupt())

    def interrupt():
        raise KeyboardInterrupt
        yield

    what = replace(SETTINGS, block=4)
    with pytest.raises(KeyboardInterrupt):
        fill(tmp_path / "out", Killed(), what)
    model = Model()
    assert fill(tmp_path / "out", model, what).kept == 3
    assert len(model.drawn) == 13
    fill(tmp_path / "whole", Model(), what)
    assert shards(tmp_path / "out") == shards(tmp_path / "whole")


READ_ANEW = replace(SETTINGS, keep_text=True, answers="boxed")


def test_another_rule_reads_kept_texts_without_a_model(tmp_path):
    fill(tmp_path / "out", Model(), replace(READ_ANEW, answers="auto"))
    model = Model()
    assert fill(tmp_path / "out", model, READ_ANEW).kept == 16
    assert model.loaded == 0
    fill(tmp_path / "whole", Model(), READ_ANEW)
    found, whole = read_store(tmp_path / "out"), read_store(tmp_path / "whole")
    assert found.metadata["collection"]["settings"]["answers"] == "boxed"
    assert found.class_texts == whole.class_texts
    assert found.tables.answers.tolist() == whole.tables.answers.tolist()
    fill(tmp_path / "out", model, replace(READ_ANEW, answers="auto"))
    fill(tmp_path / "first", Model(), replace(READ_ANEW, answers="auto"))
    assert same_recordings(read_store(tmp_path / "out"), read_store(tmp_path / "first"))


def test_another_rule_needs_the_questions_of_all_that_is_kept(tmp_path):
    fill(tmp_path, Model(), replace(READ_ANEW, answers="auto"))
    before = shards(tmp_path)
    with pytest.raises(CollectionError, match="branches of 1 questions that are not among these"):
        fill(tmp_path, Model(), READ_ANEW, QUESTIONS[1:])
    assert shards(tmp_path) == before
    fill(tmp_path, Model(), replace(READ_ANEW, branches=5))
    assert read_store(tmp_path).branch_counts.tolist() == [5] * 4


def test_questions_may_come_and_go(tmp_path):
    fill(tmp_path, Model(), SETTINGS, QUESTIONS[:3])
    model, before = Model(), shards(tmp_path)
    changed = replace(QUESTIONS[0], gold="0")
    fill(tmp_path, model, SETTINGS, [QUESTIONS[3], changed, QUESTIONS[1]])
    assert {key for key, _ in model.drawn} == {unit.key for unit in all_units(QUESTIONS[3:], 1, 1)}
    assert before.items() <= shards(tmp_path).items()
    store = read_store(tmp_path)
    assert store.question_ids == tuple(question.id for question in (QUESTIONS[3], changed, QUESTIONS[1]))
    assert store.class_texts[1][store.gold[1]] == "0"


def test_another_license_or_name_is_no_other_collection(tmp_path):
    fill(tmp_path, Model())
    assert collect(QUESTIONS, SETTINGS, tmp_path, "other", "other", Model()).kept == 16


@pytest.fixture
def small_disk(tmp_path):
    """A real file system of one megabyte."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", str(disk)]
    if subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("file systems cannot be mounted here")
    yield disk
    subprocess.run(["umount", str(disk)], check=True)


def test_a_full_disk_leaves_a_directory_that_resumes(small_disk, whole):
    out, filler = small_disk / "out", small_disk / "filler"
    rng = random.Random(1)
    errors = 0
    for free in [0, 4096, 8192, *(rng.randrange(4096, 130_000, 4096) for _ in range(12))]:
        usage = os.statvfs(small_disk)
        filler.write_bytes(bytes(max(0, usage.f_bavail * usage.f_frsize - free)))
        before = shards(out) if (out / WORK / "shards").exists() else {}
        try:
            fill(out, Model())
        except (OSError, StoreError, CollectionError) as error:
            errors += 1
            assert "No space left" in str(error) and str(out) in str(error), error
            assert not (out / "metadata.json").exists()
        filler.unlink()
        after = shards(out) if (out / WORK / "shards").exists() else {}
        assert branches_in(before).items() <= branches_in(after).items()
    assert errors >= 3
    fill(out, Model())
    assert same_recordings(read_store(out), whole)
    assert {file.name for file in (out / WORK).iterdir()} == KEPT


@pytest.mark.parametrize("call", range(6))
def test_the_store_appears_at_once(tmp_path, monkeypatch, whole, call):
    """Interrupted before any of its files is moved into place, it is absent."""
    moves = 0

    def interrupted(draft, path):
        nonlocal moves
        moves += 1
        if moves > call:
            raise KeyboardInterrupt
        move(draft, path)

    with monkeypatch.context() as patch:
        patch.setattr(store_module, "move", interrupted)
        if call == 5:
            fill(tmp_path / "out", Model())
        else:
            with pytest.raises(KeyboardInterrupt):
                fill(tmp_path / "out", Model())
            with pytest.raises(StoreError, match="metadata.json does not exist"):
                read_store(tmp_path / "out")
    model = Model()
    fill(tmp_path / "out", model)
    assert model.loaded == 0
    assert same_recordings(read_store(tmp_path / "out"), whole)
    assert {file.name for file in (tmp_path / "out" / WORK).iterdir()} == KEPT


def test_the_store_is_put_together_where_what_is_left_goes(tmp_path, monkeypatch):
    """A kill cannot be tidied up after, so nothing may lie elsewhere meanwhile."""
    seen = set()

    class Watching(Equivalence):
        def classes(self, answers, gold):
            seen.update(file.name for file in (tmp_path / WORK).iterdir())
            return super().classes(answers, gold)

    monkeypatch.setattr("tts_gym.collectors.collect.Equivalence", Watching)
    fill(tmp_path, Model())
    assert KEPT - {"answers.jsonl"} <= seen <= KEPT | {"draft"} and "draft" in seen


class Zygote:
    """Starts real processes that run the real command line."""

    def __init__(self, folder):
        self.output = folder / "output.txt"
        questions = folder / "sums.jsonl"
        questions.write_text("".join(json.dumps(vars(question)) + "\n" for question in QUESTIONS))
        self.arguments = ["collect", questions, "--model", "fake", "--backend", "openai", "--seed", 1, "-n", 8]
        self.arguments += ["--block", 2, "--interval", 10, "--max-tokens", 60, "--concurrency", 4, "--keep-text"]
        tests = Path(__file__).parent
        self._process = subprocess.Popen(
            [sys.executable, tests / "zygote.py"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env=os.environ | {"PYTHONPATH": os.pathsep.join([str(tests.parent / "llm"), *sys.path])},
        )
        self.pids = []

    def start(self, out, *more):
        line = json.dumps([str(self.output), *map(str, self.arguments), "--out", str(out), *map(str, more)])
        self._process.stdin.write(line.encode() + b"\n")
        self._process.stdin.flush()
        self.pids.append(int(self._process.stdout.readline()))
        return self.pids[-1]

    def status(self, seconds=None):
        """The exit status, None if it has not ended after that time."""
        if not select.select([self._process.stdout], [], [], seconds)[0]:
            return None
        return int(self._process.stdout.readline())

    def close(self):
        self._process.stdin.close()
        assert self._process.wait(60) == 0
        self._process.stdout.close()


@pytest.fixture
def zygote(tmp_path):
    zygote = Zygote(tmp_path)
    yield zygote
    zygote.close()


def processes_of(sessions):
    """Processes that belong to one of the sessions."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) in sessions and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


class Reader(threading.Thread):
    """Reads a store again and again, and keeps what is neither the whole store nor none."""

    def __init__(self, directory, whole):
        super().__init__()
        self.faults, self.absent, self.present, self.going = [], 0, 0, True
        self._directory, self._whole = directory, whole

    def run(self):
        while self.going:
            try:
                same = same_recordings(read_store(self._directory), self._whole)
            except Exception as error:
                if "metadata.json does not exist" in str(error) or "is not a directory" in str(error):
                    self.absent += 1
                else:
                    self.faults.append(error)
            else:
                self.present += 1
                if not same:
                    self.faults.append("another store")
            time.sleep(0.002)


def kept(out):
    """The branches that are in place."""
    place = out / WORK / "shards"
    return branches_in(shards(out)) if place.exists() else {}


SIGNALS = (signal.SIGKILL, signal.SIGTERM, signal.SIGKILL, signal.SIGINT)
KILLS, KILLED_LATE = 18, 6
"""How often a collection is killed at the least, and how often of that while it makes the store."""


def has_come(work, stage):
    try:
        return any(work.glob(stage))
    except FileNotFoundError:  # A directory went while it was looked through.
        return False


STAGES = ("draft", "draft/.store-*/store/questions.parquet", "draft/store")
"""What is waited for before a collection is killed while it makes the store."""


@pytest.mark.slow
def test_nothing_is_lost_or_repeated_however_often_a_collection_is_killed(tmp_path, zygote):
    zygote.start(tmp_path / "whole", "-o", "seconds=0")
    assert zygote.status(120) == 0, zygote.output.read_text()
    whole, reference = read_store(tmp_path / "whole"), shards(tmp_path / "whole")
    out = tmp_path / "out"
    reader = Reader(out, whole)
    reader.start()
    rng = random.Random(0)
    all_branches = branches_in(reference)
    finished, kills, killed_late, statuses, stages = {}, 0, 0, set(), cycle(STAGES)
    patience = 0.45
    try:
        while True:
            is_late = finished == all_branches
            stage = next(stages) if is_late and (kills < KILLS or killed_late < KILLED_LATE) else None
            if stage is not None:
                (out / "metadata.json").unlink(missing_ok=True)
            zygote.start(out, "-o", "seconds=0.02")
            status = None
            if not is_late:
                status = zygote.status(patience * rng.uniform(0.5, 1.5))
            elif stage is not None:
                while status is None and not has_come(out / WORK, stage):
                    status = zygote.status(0.0005)
                status = zygote.status(rng.choice([0, 0.001, 0.01, 0.1])) if status is None else status
            else:
                status = zygote.status(120)
            if status is None:
                os.kill(zygote.pids[-1], SIGNALS[kills % len(SIGNALS)])
                kills += 1
                killed_late += is_late
                status = zygote.status(60)
                statuses.add(status)
            if is_late and stage is None and status == 0:
                break
            now = kept(out)
            assert finished.items() <= now.items() <= all_branches.items()
            # A busy machine may not come to its first branch before it is killed.
            patience *= 1.2 if len(now) == len(finished) else 1
            finished = now
    finally:
        reader.going = False
        reader.join()
    assert kills >= KILLS and killed_late >= KILLED_LATE
    assert statuses <= {0, *(-number for number in SIGNALS), 128 + signal.SIGTERM, 128 + signal.SIGINT}
    assert (reader.faults, reader.absent > 0) == ([], True)
    assert shards(out) == reference
    assert same_recordings(read_store(out), whole)
    for table in ("questions", "branches", "answers", "texts"):
        assert (out / f"{table}.parquet").read_bytes() == (tmp_path / "whole" / f"{table}.parquet").read_bytes()
    assert {file.name for file in (out / WORK).iterdir()} == KEPT
    deadline = time.monotonic() + 30
    while processes_of(zygote.pids) and time.monotonic() < deadline:
        time.sleep(0.1)
    assert processes_of(zygote.pids) == []


@pytest.mark.slow
def test_a_second_collector_is_refused_while_the_first_runs(tmp_path, zygote):
    first = zygote.start(tmp_path / "out", "-o", "seconds=0.5")
    while not (tmp_path / "out" / WORK / "sessions.jsonl").exists():
        assert zygote.status(0.01) is None
    before = shards(tmp_path / "out")
    with pytest.raises(CollectionError, match="Another collector is at work on .*out: wait until it ends"):
        fill(tmp_path / "out", Model())
    assert shards(tmp_path / "out").items() >= before.items()
    assert zygote.status(0) is None
    os.kill(first, signal.SIGINT)
    assert zygote.status(60) == 130
