"""Live runs in a report: what was answered, for what, and in which seconds; and the decisions, over the recording."""

import base64
import gzip
import json
from dataclasses import replace

import pytest
from evaluations import HOSTILE, asked_of, evaluated, solved

from tts_gym.datasets import load_store
from tts_gym.errors import TTSGymError
from tts_gym.report.build import write_report
from tts_gym.report.cases import Replays, choose
from tts_gym.report.contents import contents
from tts_gym.report.document import evaluated as evaluated_figures
from tts_gym.report.solved import read_solved

SPECS = ("sc:n=4", "cmc:beta=0.2", "parallel-probe:num_chains=6,stable_for=3,warm_up=2,patience=2", "certaindex")


@pytest.fixture(scope="module")
def recordings(tmp_path_factory):
    """The recordings of four controllers on the same questions."""
    folder = tmp_path_factory.mktemp("live")
    names = [f"run-{place}" for place in range(len(SPECS))]
    for name, spec in zip(names, SPECS, strict=True):
        solved(folder / f"{name}.jsonl", spec, folder / name)
    return [folder / name for name in names]


def unpacked(case):
    return json.loads(gzip.decompress(base64.b64decode(case["data"])))


def test_every_decision_of_a_recorded_run_is_shown(recordings):
    about = contents([], [read_solved(path) for path in recordings])
    replays = Replays(about)
    cases = list(replays.run(choose(about, "all")))
    assert replays.left_out == {} and len(cases) == 4 * 4
    rows = about.rows.set_index(["controller", "question_id"])
    for case in cases:
        ((key, episode),) = unpacked(case)["episodes"].items()
        row, last = rows.loc[(key, case["question"])], episode["steps"][-1]
        assert (last["tokens"], last["sequential"]) == (row["tokens"], row["sequential_tokens"])
        assert episode["width"] == len({move[0] for step in episode["steps"] for move in step["moves"]})
        assert case["under"] == f"live, run-{case['seed']}"


def test_calls_are_told_as_a_program_would_write_them(recordings):
    def calls(path):
        about = contents([], [read_solved(path)])
        case = next(iter(Replays(about).run(choose(about, "all"))))
        ((_, episode),) = unpacked(case)["episodes"].items()
        return [step["call"] for step in episode["steps"]]

    assert calls(recordings[0]) == ["read(4)"]
    assert calls(recordings[2])[0] == "branch(6)" and "advance_each(" in calls(recordings[2])[1]
    assert set(calls(recordings[3])[1:]) <= {"advance(0)", "finish(0)"}


def test_runs_on_the_same_questions_are_compared_with_seconds(recordings):
    about = contents([], [read_solved(path) for path in recordings])
    told = evaluated_figures(about)
    (scope,) = told["scopes"]
    assert scope["name"] == "live questions" and scope["questions"] == 4
    assert set(scope["frontier"]) == {"tokens", "sequential_tokens", "seconds"}
    assert all(0 < low <= mean <= high for mean, low, high in (row["seconds"] for row in scope["table"]))
    assert len(scope["pairs"]) == 6 and all("seconds" in each[2] for each in scope["pairs"])
    assert told["solved"][0]["settings"]["interval"] == load_store("smollm2-arithmetic").interval


def test_answers_alone_have_figures_and_no_pictures(recordings, tmp_path):
    left_out = write_report([recordings[0].with_suffix(".jsonl")], tmp_path / "report.html", "all", "")
    assert left_out == ["Episodes of sc:n=4 cannot be explored: the run was not recorded (solve --record)."]


def test_live_runs_stand_beside_an_evaluation(recordings, tmp_path):
    run = evaluated(tmp_path / "run", ["smollm2-arithmetic"], ["sc:n=4"], seeds=1)
    write_report([run, recordings[0]], tmp_path / "report.html", "worst:5", "")
    page = (tmp_path / "report.html").read_text()
    assert '"sc@run:n=4"' in page and '"sc@run-0:n=4"' in page


def test_what_cannot_be_judged_is_told(tmp_path):
    asked = asked_of(load_store("smollm2-arithmetic"), 4)
    asked[0] = replace(asked[0], gold="")
    out = solved(tmp_path / "out.jsonl", "sc:n=4", tmp_path / "store", asked)
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    lines[-1] |= {"error": "the server is gone"}
    out.write_text("".join(json.dumps(line) + "\n" for line in lines))
    alone = read_solved(out)
    assert len(alone.rows) == 2
    assert [line.partition(" questions of")[0] for line in alone.left_out] == ["1", "1"]
    whole = read_solved(tmp_path / "store")
    assert len(whole.rows) == 4 and "that of most branches stands for it" in whole.left_out[0]


def test_a_run_that_goes_on_is_read_as_far_as_it_is(recordings, tmp_path):
    lines = recordings[0].with_suffix(".jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "out.jsonl").write_bytes(b"".join(lines[:2]) + lines[2][:50])
    assert len(read_solved(tmp_path / "out.jsonl").rows) == 2
    (tmp_path / "out.jsonl").write_bytes(b"")
    with pytest.raises(TTSGymError, match="No question in .*out.jsonl has both"):
        write_report([tmp_path / "out.jsonl"], tmp_path / "report.html", "all", "")
    assert not (tmp_path / "report.html").exists()


@pytest.mark.parametrize(
    "change", [{"tokens": "many"}, {"tokens": -1}, {"seconds": float("nan")}, {"decisions": None, "width": None}]
)
def test_answers_that_are_none_are_refused_by_name(recordings, tmp_path, change):
    line = json.loads(recordings[0].with_suffix(".jsonl").read_text().splitlines()[0])
    (tmp_path / "out.jsonl").write_text(json.dumps(line | change) + "\n")
    with pytest.raises(TTSGymError, match="out.jsonl"):
        read_solved(tmp_path / "out.jsonl")


@pytest.mark.parametrize("log", [[5], [1, 0, 99], [1, -3, 1], ["x"], [1.5], [2**40], {}, [[1]], [-1], None])
def test_decisions_that_nobody_made_are_left_out(tmp_path, log):
    solved(tmp_path / "out.jsonl", "sc:n=4", tmp_path / "store")
    answers = tmp_path / "store" / "answers.jsonl"
    lines = [json.loads(line) | {"decisions": log} for line in answers.read_text().splitlines()]
    answers.write_text("".join(json.dumps(line) + "\n" for line in lines))
    about = contents([], [read_solved(tmp_path / "store")])
    replays = Replays(about)
    assert unpacked(next(replays.run(choose(about, "all"))))["episodes"] == {}
    assert "does not fit the branches" in replays.left_out["sc:n=4"]


def test_a_store_that_nobody_answered_from_is_refused(tmp_path):
    solved(tmp_path / "out.jsonl", "sc:n=4", tmp_path / "store")
    (tmp_path / "store" / "answers.jsonl").unlink()
    with pytest.raises(TTSGymError, match="a store that no answers lie in"):
        read_solved(tmp_path / "store")


def test_hostile_answers_stay_data(tmp_path):
    out = solved(tmp_path / "out.jsonl", "sc:n=4")
    long = "9" * 200_000
    texts = [*HOSTILE[:2], HOSTILE[2] + "\ud800", long]
    lines = [json.loads(line) for line in out.read_text().splitlines()]
    hostile = [line | {"answer": text, "controller": HOSTILE[0]} for line, text in zip(lines, texts, strict=True)]
    out.write_text("".join(json.dumps(line) + "\n" for line in hostile))
    write_report([out], tmp_path / "report.html", "all", "")
    assert HOSTILE[0] not in (tmp_path / "report.html").read_text()
