import errno
import json
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_gym import files as files_module
from tts_gym.collectors import shards as shards_module
from tts_gym.collectors.errors import CollectionError
from tts_gym.collectors.questions import Question
from tts_gym.collectors.settings import CollectionSettings
from tts_gym.collectors.shards import WORK, decode_shard, encode_shard, open_shards
from tts_gym.collectors.units import TokenUsage, UnitResult, WorkUnit, all_units
from tts_gym.datasets.schema import RecordedBranch
from tts_gym.datasets.store import SIGNALS
from tts_gym.files import PARTIAL

QUESTION = Question("q", "1 + 1?", "2")
UNITS = list(all_units([QUESTION, Question("r", "2 + 2?", "4")], branches=4, block=2))
SETTINGS = CollectionSettings("fake", "m", branches=4, stop=("a",), keep_text=True)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
VALUE = st.floats(width=32, allow_nan=False, allow_infinity=False)


@st.composite
def some_branches(draw):
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

    return [branch() for _ in range(draw(st.integers(1, 4)))]


def branch_of(unit, number):
    answer = f"{unit.key} {number}"
    return RecordedBranch(5, [None, answer], answer, "stop", {}, ["", answer], [1, 2])


def branches_of(unit):
    return [branch_of(unit, number) for number in unit.numbers]


def keep(shards, unit, *numbers):
    for number in numbers or unit.numbers:
        shards.keep(UnitResult(unit, {number: branch_of(unit, number)}, TokenUsage()))
    return shards.join(unit)


def fill(directory, units=UNITS, settings=SETTINGS):
    with open_shards(directory, settings) as shards:
        for unit in units:
            assert keep(shards, unit)


def files(directory):
    return sorted((directory / WORK / "shards").iterdir())


def reopened(directory, settings=SETTINGS):
    with open_shards(directory, settings) as shards:
        return shards


@settings(deadline=None, max_examples=50)
@given(some_branches())
def test_a_shard_gives_back_its_branches_and_is_always_the_same(branches):
    shard = encode_shard(branches)
    assert decode_shard(shard) == branches
    assert encode_shard(decode_shard(shard)) == shard


def test_what_is_kept_is_found_again(tmp_path):
    fill(tmp_path, UNITS[:3])
    shards = reopened(tmp_path)
    assert shards.missing(UNITS) == [UNITS[3]]
    for unit in UNITS[:3]:
        assert shards.branches(unit) == branches_of(unit)
    assert (shards.damaged, len(files(tmp_path))) == ([], 3)


def test_a_branch_is_kept_before_its_unit_has_finished(tmp_path):
    unit = WorkUnit("k", QUESTION, 4, 3)
    with open_shards(tmp_path, SETTINGS) as shards:
        assert not keep(shards, unit, 5)
    with open_shards(tmp_path, SETTINGS) as shards:
        assert shards.missing([unit]) == [replace(unit, kept=frozenset({5}))]
        assert not keep(shards, unit, 6)
        assert keep(shards, unit, 4)
        assert shards.missing([unit]) == [] and len(files(tmp_path)) == 1
    assert reopened(tmp_path).branches(unit) == branches_of(unit)


def test_a_kill_in_the_midst_of_joining_loses_nothing(tmp_path):
    unit = WorkUnit("k", QUESTION, 0, 2)
    with open_shards(tmp_path, SETTINGS) as shards:
        keep(shards, unit, 0)
        shards.keep(UnitResult(unit, {1: branch_of(unit, 1)}, TokenUsage()))
    whole = encode_shard(branches_of(unit))
    (file, _) = files(tmp_path)
    file.with_name(f"{unit.name}.{shards_module._digest(whole)}.parquet.0a{PARTIAL}").write_bytes(whole)
    with open_shards(tmp_path, SETTINGS) as shards:
        assert len(files(tmp_path)) == 2 and shards.missing([unit]) == []
        assert shards.join(unit) and len(files(tmp_path)) == 1
    assert reopened(tmp_path).branches(unit) == branches_of(unit)


@settings(deadline=None, max_examples=20)
@given(st.lists(st.tuples(st.integers(1, 5), st.integers(1, 4)), min_size=1, max_size=3), st.data())
def test_whatever_was_kept_in_blocks_is_found_in_other_blocks(grown, data):
    """Growing, with blocks of any size, and killed in the midst of any."""
    with TemporaryDirectory() as temporary:
        directory, have, branches = Path(temporary), set(), 0
        for more, block in grown:
            branches += more
            with open_shards(directory, replace(SETTINGS, branches=branches, block=block)) as shards:
                units = list(all_units([QUESTION], branches, block))
                missing = shards.missing(units)
                assert {number for unit in missing for number in unit.missing} == set(range(branches)) - have
                left = [(unit, number) for unit in missing for number in unit.missing]
                for unit, number in left[: data.draw(st.integers(0, len(left)))]:
                    keep(shards, unit, number)
                    have.add(number)
                for unit in units:
                    if have >= set(unit.numbers):
                        assert shards.branches(unit) == branches_of(unit)


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
    (missing,) = shards.missing(UNITS)
    assert [missing.name] == shards.damaged and missing.kept == frozenset()
    assert not file.exists()
    fill(tmp_path, [missing])
    assert reopened(tmp_path).missing(UNITS) == []


def test_what_was_left_behind_goes(tmp_path):
    fill(tmp_path)
    kept = files(tmp_path)
    kept[0].with_name(f"{kept[0].name}.0a{PARTIAL}").write_bytes(b"half")
    kept[1].with_name(f"{kept[1].name}.0b{PARTIAL}").write_bytes(kept[1].read_bytes())
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
        keep(shards, UNITS[0])
        with monkeypatch.context() as patch, pytest.raises(OSError, match=r"No space left.*parquet"):
            if call == "write_bytes":
                patch.setattr(Path, "write_bytes", write_half)
            else:
                patch.setattr(f"tts_gym.files.{'os.' * (call == 'replace')}{call}", refuse)
            keep(shards, UNITS[1])
        assert all(file.suffix == ".parquet" for file in files(tmp_path))
        assert shards.missing(UNITS[:1]) == [] and shards.missing(UNITS[2:]) == UNITS[2:]
        for unit in shards.missing(UNITS[1:2]):
            keep(shards, unit, *unit.missing)
        assert shards.join(UNITS[1])
        assert shards.missing(UNITS) == UNITS[2:]


def refused(directory, *words, **changes):
    before = files(directory)
    with pytest.raises(CollectionError, match="begun with other settings") as error:
        reopened(directory, replace(SETTINGS, **changes))
    assert all(word in str(error.value) for word in words)
    assert files(directory) == before
    return str(error.value)


def test_another_collection_is_refused_with_the_differences(tmp_path):
    fill(tmp_path)
    told = refused(tmp_path, "model was 'm' and is 'n'", "seed was None and is 1", model="n", seed=1, block=3)
    assert not any(word in told for word in ("branches", "stop", "block"))


def test_branches_may_become_more_and_not_fewer(tmp_path):
    fill(tmp_path)
    more = replace(SETTINGS, branches=6)
    unit = list(all_units([QUESTION], 6, 2))[-1]
    reopened(tmp_path, more)
    reopened(tmp_path)  # Nothing further was kept.
    fill(tmp_path, [unit], more)
    refused(tmp_path, "branches was 6 and is 4")


def test_answers_may_change_where_texts_are_kept(tmp_path):
    fill(tmp_path)
    reopened(tmp_path, replace(SETTINGS, answers="boxed"))
    fill(tmp_path / "other", settings=replace(SETTINGS, keep_text=False))
    with pytest.raises(CollectionError, match="answers was 'auto' and is 'boxed'"):
        reopened(tmp_path / "other", replace(SETTINGS, keep_text=False, answers="boxed"))


def test_settings_of_an_earlier_version_are_those_of_now_by_default(tmp_path):
    fill(tmp_path)
    file = tmp_path / WORK / "settings.json"
    begun = json.loads(file.read_text())
    del begun["top_k"], begun["probing"]["closing"]
    file.write_text(json.dumps(begun))
    reopened(tmp_path)
    refused(tmp_path, "top_k was 0 and is 5", top_k=5)


def test_where_nothing_is_kept_any_settings_begin(tmp_path):
    with open_shards(tmp_path, SETTINGS) as shards:
        shards.note_failure(UNITS[0], "no luck")
    (tmp_path / WORK / "settings.json").write_text('{"model"')
    fill(tmp_path, UNITS, replace(SETTINGS, model="n"))
    refused(tmp_path, "model was 'n' and is 'm'")


@pytest.mark.parametrize("calls", range(9))
def test_branches_are_rewritten_all_or_none(tmp_path, monkeypatch, calls):
    """Interrupted before any of its files is moved into place, the old ones or the new ones are there."""
    fill(tmp_path, [*UNITS[:3], WorkUnit("k", QUESTION, 0, 1)])
    old = [reopened(tmp_path).branches(unit) for unit in UNITS[:3]]
    new, made = replace(SETTINGS, answers="boxed"), 0
    move = files_module.move

    def interrupted(draft, path):
        nonlocal made
        made += 1
        if made > calls:
            raise KeyboardInterrupt
        move(draft, path)

    def change(key, branch):
        return replace(branch, final_answer=f"{key} {branch.final_answer}")

    with monkeypatch.context() as patch:
        for module in (files_module, shards_module):
            patch.setattr(module, "move", interrupted)
        try:
            with open_shards(tmp_path, new) as shards:
                shards.rewrite(change)
        except KeyboardInterrupt:
            pass
    shards = reopened(tmp_path)
    expected = [[change(UNITS[0].key, each) for each in branches] for branches in old]
    found = [shards.branches(unit) for unit in UNITS[:3]]
    is_new = shards.begun["answers"] == "boxed"
    assert is_new == (calls >= 5)
    assert [[each.final_answer.count(" ") for each in branches] for branches in found] == [
        [2 if is_new else 1] * len(branches) for branches in expected
    ]
    assert {file.name for file in (tmp_path / WORK).iterdir()} == {"settings.json", "shards", "lock"}


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
