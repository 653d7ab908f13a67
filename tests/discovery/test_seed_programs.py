import ast

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tts_gym.agents.programs import PROGRAMS, Program
from tts_gym.agents.replay import replay
from tts_gym.agents.specs import parse_spec
from tts_gym.datasets import load_store
from tts_gym.discovery.programs import LINES, is_knobbed, line_schedule, source_of, with_schedule
from tts_gym.episode.rules import EpisodeRules
from tts_gym.errors import DiscoveryError
from tts_gym.sandbox.candidate import read_candidate
from tts_gym.sandbox.names import names_of

WITH_KNOB = [*LINES, *(name for name, program in PROGRAMS.items() if is_knobbed(program))]


def program_of(source):
    assert read_candidate(source).audited
    names = names_of(source, True)
    return Program("written", names["program"], names["schedule"])


@pytest.mark.parametrize("name", WITH_KNOB)
def test_a_program_written_as_a_candidate_does_what_it_did(name):
    store, rules = load_store("synthetic-small?only=1/9"), EpisodeRules()
    written = program_of(source_of(name)[1])
    schedule = PROGRAMS[name].schedule or written.schedule
    values = schedule(0.4)
    shipped = Program(name, PROGRAMS[name].function)
    ours = replay(written, written.arguments({"beta": 0.4}), store, range(2), rules, interpreted=True)
    theirs = replay(shipped, shipped.arguments(values), store, range(2), rules, interpreted=True)
    assert (ours == theirs).all()


def test_the_knob_of_a_shipped_schedule_is_kept():
    written = program_of(source_of("cmc")[1])
    (controller,) = parse_spec("cmc:beta=0.7")
    assert written.schedule(0.7) == controller.program.schedule(0.7)


@given(
    ends=st.dictionaries(
        st.sampled_from("abc"), st.tuples(*2 * [st.floats(-1e6, 1e6).map(lambda x: round(x, 4))]), min_size=1
    ),
    power=st.floats(0.2, 5).map(lambda x: round(x, 3)),
)
def test_a_line_goes_from_one_end_to_the_other_and_never_back(ends, power):
    source = line_schedule(ends, {"a"}, power) + "\n\ndef program(episode):\n    return -1\n"
    schedule = names_of(read_candidate(source).source, True)["schedule"]
    sweep = [schedule(beta) for beta in np.linspace(0, 1, 21).tolist()]
    for name, (low, high) in ends.items():
        values = [each[name] for each in sweep]
        assert values in (sorted(values), sorted(values, reverse=True))
        assert abs(values[0] - low) <= (0.5 if name == "a" else 0)
        assert abs(values[-1] - high) <= (0.5 if name == "a" else 1e-9) * max(1, abs(high), abs(low))
    assert "a" not in ends or {type(each["a"]) for each in sweep} == {int}


def test_a_new_schedule_takes_the_place_of_the_old_and_nothing_else():
    source = source_of("cmc")[1]
    changed = with_schedule(source, "def schedule(beta):\n    return {}\n")
    kept = {node.name: ast.dump(node) for node in ast.parse(source).body if isinstance(node, ast.FunctionDef)}
    now = {node.name: ast.dump(node) for node in ast.parse(changed).body if isinstance(node, ast.FunctionDef)}
    assert kept.pop("schedule") != now.pop("schedule")
    assert kept == now


def test_a_program_without_a_knob_is_refused():
    with pytest.raises(DiscoveryError, match="use sc, asc, .*or a file"):
        source_of("oracle")
