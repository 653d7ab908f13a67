import errno
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_gym.collectors.errors import CollectionError
from tts_gym.collectors.questions import Question
from tts_gym.collectors.shards import WORK, decode_shard, encode_shard, open_shards
from tts_gym.collectors.units import Unit, UnitResult, Usage, all_units
from tts_gym.datasets.schema import RecordedBranch
from tts_gym.datasets.store import SIGNALS
from tts_gym.files import PARTIAL

QUESTION = Question("q", "1 + 1?", "2")
UNITS = list(all_units([QUESTION, Question("r", "2 + 2?", "4")], branches=4, block=2))
SETTINGS = {"model": "m", "branches": 4, "stop": ["a"]}

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUE = st.floats(width=32, allow_nan=False, allow_infinity=False)


@st.composite
def results(draw):
    signals = [name for name in SIGNALS if draw(st.booleans())]
    has_text, in_reasoning = draw(st.booleans()), draw(st.booleans())

    def branch():
        probes = draw(st.integers(0, 4))

        def of_probes(elements):
            return draw(st.lists(elements, min_size=probes, max_size=probes))

        return RecordedBranch(
            tokens=draw(st.integers(1, 10**9)),
            probe_answers=of_probes(st.none() | TEXT),
            final_answer=draw(st.none() | TEXT),
            finish_reason=draw(st.sampled_from(["stop", "length"])),
            signals={name: of_probes(VALUE) for name in signals},
            probe_text=of_probes(TEXT),
            probe_tokens=of_probes(st.integers(0, 2**31 - 1)),
            text=draw(TEXT) if has_text else None,
            in_reasoning=in_reasoning,
        )

    branches = tuple(branch() for _ in range(draw(st.integers(1, 4))))
    return UnitResult(Unit("k", QUESTION, 0, len(branches)), branches, Usage())


def result(unit, answer="2"):
    branch = RecordedBranch(5, [None, answer], answer, "stop", {}, ["", answer], [1, 2])
    return UnitResult(unit, (branch,) * unit.count, Usage())


def fill(directory, units=UNITS):
    with open_shards(directory, SETTINGS) as shards:
        for unit in units:
            shards.keep(unit.name, encode_shard(result(unit, unit.name)))


def files(directory):
    return sorted((directory / WORK / "shards").iterdir())


def reopened(directory):
    with open_shards(directory, SETTINGS) as shards:
        return shards


@settings(deadline=None, max_examples=50)
@given(results())
def test_a_shard_gives_back_its_branches_and_is_always_the_same(result):
    shard = encode_shard(result)
    assert tuple(decode_shard(shard)) == result.branches
    assert encode_shard(UnitResult(result.unit, tuple(decode_shard(shard)), Usage())) == shard


def test_what_is_kept_is_found_again(tmp_path):
    fill(tmp_path, UNITS[:3])
    shards = reopened(tmp_path)
    assert shards.missing(UNITS) == [UNITS[3]]
    for unit in UNITS[:3]:
        assert tuple(shards.branches(unit)) == result(unit, unit.name).branches
    assert shards.damaged == []


@pytest.mark.parametrize("damage", ["flip", "truncate", "empty", "longer"])
@pytest.mark.parametrize("place", [0, 0.5, 1])
def test_a_damaged_shard_counts_as_missing(tmp_path, damage, place):
    fill(tmp_path)
    file = files(tmp_path)[1]
    data = bytearray(file.read_bytes())
    at = round(place * (len(data) - 1))
    if damage == "flip":
        data[at] ^= 1
    elif damage == "truncate":
        del data[at:]
    else:
        data = data * 2 if damage == "longer" else b""
    file.write_bytes(data)
    shards = reopened(tmp_path)
    assert (shards.missing(UNITS), shards.damaged) == ([UNITS[1]], [UNITS[1].name])
    assert not file.exists()
    fill(tmp_path, [UNITS[1]])
    assert reopened(tmp_path).missing(UNITS) == []


def test_what_was_left_behind_goes(tmp_path):
    fill(tmp_path)
    kept = files(tmp_path)
    kept[0].with_suffix(f".0a{PARTIAL}").write_bytes(b"half")
    (tmp_path / WORK / "draft" / ".store-abc").mkdir(parents=True)
    shards = reopened(tmp_path)
    assert (files(tmp_path), shards.damaged, shards.draft.exists()) == (kept, [], False)


@pytest.mark.parametrize("call", ["write_bytes", "sync", "replace"])
def test_a_full_disk_leaves_nothing_of_a_shard(tmp_path, monkeypatch, call):
    full = OSError(errno.ENOSPC, "No space left on device")

    def write_half(path, data):
        with path.open("wb") as file:
            file.write(data[: len(data) // 2])
        raise full

    def refuse(*_):
        raise full

    with open_shards(tmp_path, SETTINGS) as shards:
        shards.keep(UNITS[0].name, encode_shard(result(UNITS[0])))
        with monkeypatch.context() as patch, pytest.raises(OSError, match=r"No space left.*parquet"):
            if call == "write_bytes":
                patch.setattr(Path, "write_bytes", write_half)
            else:
                patch.setattr(f"tts_gym.files.{'os.' * (call == 'replace')}{call}", refuse)
            shards.keep(UNITS[1].name, encode_shard(result(UNITS[1])))
        assert len(files(tmp_path)) == 1
        assert shards.missing(UNITS) == UNITS[1:]
        shards.keep(UNITS[1].name, encode_shard(result(UNITS[1])))
        assert shards.missing(UNITS) == UNITS[2:]


def test_another_collection_is_refused_with_the_differences(tmp_path):
    fill(tmp_path)
    before = files(tmp_path)
    other = {"model": "n", "branches": 4, "stop": ["a"], "seed": 1}
    with pytest.raises(CollectionError, match="begun with other settings") as error, open_shards(tmp_path, other):
        pass
    for words in ("model was 'm' and is 'n'", "seed was None and is 1"):
        assert words in str(error.value)
    assert "branches" not in str(error.value) and "stop" not in str(error.value)
    assert files(tmp_path) == before


def test_what_is_no_collection_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    for place in (tmp_path, tmp_path / "thesis.txt"):
        with pytest.raises(CollectionError, match="is no collection: choose another"), open_shards(place, SETTINGS):
            pass
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]
    (tmp_path / "empty").mkdir()
    with open_shards(tmp_path / "empty", SETTINGS), open_shards(tmp_path / "new" / "nested", SETTINGS):
        pass


def test_a_damaged_description_is_refused(tmp_path):
    fill(tmp_path)
    (tmp_path / WORK / "settings.json").write_text('{"model"')
    with pytest.raises(CollectionError, match="settings.json is damaged"), open_shards(tmp_path, SETTINGS):
        pass


def test_the_directory_is_used_by_one_at_a_time(tmp_path):
    with open_shards(tmp_path, SETTINGS):
        with pytest.raises(CollectionError, match="Another collector is at work"), open_shards(tmp_path, SETTINGS):
            pass
        with pytest.raises(CollectionError, match="Another collector is at work"), open_shards(tmp_path, SETTINGS):
            pass
    with open_shards(tmp_path, SETTINGS):
        pass


def test_notes_are_lines_and_survive_one_that_was_cut_off(tmp_path):
    with open_shards(tmp_path, SETTINGS) as shards:
        shards.note_session({"started": 1})
        with (tmp_path / WORK / "sessions.jsonl").open("a") as file:
            file.write('\n{"started": 2, "too')
        shards.note_session({"started": 3})
        assert shards.sessions() == [{"started": 1}, {"started": 3}]
        shards.note_failure(UNITS[2], "no luck")
        assert json.loads(shards.failures.read_text()) == {
            "unit": UNITS[2].name,
            "question": "r",
            "first": 0,
            "reason": "no luck",
        }
