"""The command line as a user meets it."""

import csv
import json
import re
import subprocess
import sys

import numba
import pytest

from terminal import on_a_terminal
from tts_gym.agents import PROGRAMS
from tts_gym.datasets import load_store, same_recordings


@pytest.fixture
def refuses(run, tmp_path):
    """Check that a call fails with one clear line, exit status 2, and nothing written."""

    def check(*arguments, words=()):
        before = sorted(tmp_path.rglob("*"))
        status, out, err = run(*arguments)
        assert (status, out) == (2, "")
        assert err.startswith("Error: ") and err.count("\n") == 1
        for word in words:
            assert word in err
        assert sorted(tmp_path.rglob("*")) == before

    return check


def test_evaluate_prints_a_row_for_each_store_and_controller(run, store_file):
    status, out, err = run("evaluate", store_file, "synthetic-small", "-c", "sc:n=3", "-c", "oracle", "--seeds", 2)
    assert (status, err) == (0, "")
    assert out.count("sc:n=3") == 2
    assert out.count("oracle (upper bound)") == 2
    assert "synthetic-small (synthetic)" in out


def test_json_has_the_promised_keys_and_goes_alone_to_standard_output(run, store_file):
    status, out, err = run("evaluate", store_file, "-c", "sc:n=4", "-c", "zoo", "--rules", "published", "--json", "-")
    assert status == 0
    assert err == (
        "Note: zoo leaves out deepconf, deepconf-online, borda, asc-weighted, deer: "
        "store model/tiny does not record the signals they need.\n"
    )
    first, *others = json.loads(out)
    assert first["store"] == str(store_file)
    assert (first["spec"], first["controller"], first["params"]) == ("sc:n=4", "sc", {"n": 4})
    assert (first["rules"], first["seeds"], first["questions"]) == ("published", 100, 2)
    assert first["accuracy"] == 50.0
    assert first["tokens"] == (250 + 230 + 340 + 150 + 260 + 130 + 120 + 90) / 2
    assert first["sequential_tokens"] == (340 + 260) / 2
    assert first["accuracy_low"] <= 50 <= first["accuracy_high"]
    assert first["seconds"] >= 0
    assert len(others) == 15
    assert {record["spec"] for record in others} == {"zoo"}


def test_zoo_is_what_each_store_has_the_signals_for(run, store_file):
    status, out, err = run("evaluate", store_file, "synthetic-small", "-c", "zoo", "--seeds", 1, "--json", "-")
    assert status == 0 and err.count("\n") == 1
    names = [(record["store"], record["controller"]) for record in json.loads(out)]
    assert len(names) == 15 + 20 and ("synthetic-small", "deer") in names


@pytest.mark.parametrize("name", ["deepconf", "deepconf-online", "borda", "asc-weighted", "deer"])
def test_a_program_is_refused_by_name_where_its_signal_is_not_recorded(refuses, store_file, name):
    (signal,) = PROGRAMS[name].signals
    refuses("evaluate", store_file, "-c", name, words=[f"Controller {name} needs the signal {signal}", "model/tiny"])


def test_parameters_at_their_defaults_are_not_shown(run, tmp_path):
    file = tmp_path / "mine.py"
    file.write_text("def mine(episode, n=3):\n    return episode.answer(episode.read())\n")
    specs = {"cmc": "cmc", "cmc:beta=0.5": "cmc", "cmc:beta=0.3": "cmc:beta=0.3", "asc:max_samples=64": "asc"}
    specs |= {f"{file}:mine:n=3": "mine", f"{file}:mine:n=2": "mine:n=2"}
    for spec, shown in specs.items():
        out = run("evaluate", "synthetic-small", "-c", spec, "--seeds", 1)[1]
        assert re.search(rf"│ {shown} +│", out)
        (record,) = json.loads(run("evaluate", "synthetic-small", "-c", spec, "--seeds", 1, "--json", "-")[1])
        assert record["params"]


@pytest.mark.parametrize("columns", [80, 100])
def test_nothing_is_cut_off_on_a_terminal(run, store_file, tmp_path, columns):
    source = tmp_path / "a-rather-long-name-of-a-directory-of-stores" / ("recorded-" * 12 + "tonight.json")
    source.parent.mkdir()
    source.write_text(store_file.read_text())
    mine = tmp_path / "mine.py"
    mine.write_text(f"def {'very_' * 12}patient(episode, n=3):\n    return episode.answer(episode.read())\n")
    specs = ["-c", "zoo", "-c", f"{mine}:{'very_' * 12}patient:n=4", "-c", "parallel-probe:num_chains=16,stable_for=9"]
    for arguments in (["evaluate", source, *specs, "--seeds", 1], ["stores", "info", source], ["stores", "list"]):
        out = on_a_terminal(columns, "stdout", *arguments).shown
        assert "…" not in out and max(map(len, out.splitlines())) <= columns
        cells = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines() if "│" in line]
        written = ["".join(column) for column in zip(*cells, strict=True)]
        for line in run(*arguments)[1].splitlines():
            for cell, column in zip(line.split("│")[1:-1], written, strict=False):
                assert "".join(cell.split()) in "".join(column.split())


@pytest.mark.parametrize("command", [["evaluate"], ["collect"], ["train"], ["discover", "run"]])
def test_every_run_is_gone_on_with_or_begun_anew_by_the_same_option(run, command):
    status, out, _ = run(*command, "--help")
    assert status == 0 and re.search(r"--resume\s+--fresh\b", out)


def test_the_options_of_collect_stand_in_groups(run):
    out = run("collect", "--help")[1]
    groups = re.findall("^╭─ (.*?) ─+╮$", out, re.MULTILINE)
    assert groups[:2] == ["Arguments", "Options"] and len(groups) >= 6
    assert max(text.count(" --") for text in out.split("╭─")) < 16


def test_a_cache_is_reused_or_made_anew(run, store_file, tmp_path):
    call = ("evaluate", store_file, "-c", "sc:n=2", "--seeds", 2, "--cache", tmp_path / "kept", "--json", "-")
    first = json.loads(run(*call)[1])
    (kept,) = (tmp_path / "kept").iterdir()
    written = kept.stat().st_mtime_ns
    for resumed in ((), ("--resume",)):
        assert json.loads(run(*call, *resumed)[1]) == first
        assert kept.stat().st_mtime_ns == written
    (again,) = json.loads(run(*call, "--fresh")[1])
    assert again["tokens"] == first[0]["tokens"] and kept.stat().st_mtime_ns > written
    status, _, err = run("evaluate", store_file, "-c", "sc:n=2", "--fresh")
    assert status == 2 and err.splitlines()[-1] == "Error: Invalid value for --fresh: it is that of --cache"


def test_results_go_to_files(run, store_file, tmp_path):
    files = tmp_path / "out" / "r.json", tmp_path / "out" / "r.csv", tmp_path / "out" / "r.png"
    pytest.importorskip("matplotlib")
    status, out, _ = run(
        "evaluate", store_file, "-c", "sc:n=2", "-c", "sc:n=4", "-c", "oracle",
        "--json", files[0], "--csv", files[1], "--plot", files[2],
    )  # fmt: skip
    assert status == 0 and "sc:n=2" in out
    records = json.loads(files[0].read_text())
    rows = list(csv.DictReader(files[1].read_text().splitlines()))
    assert [row["spec"] for row in rows] == [record["spec"] for record in records] == ["sc:n=2", "sc:n=4", "oracle"]
    assert float(rows[1]["accuracy"]) == records[1]["accuracy"]
    assert files[2].read_bytes().startswith(b"\x89PNG")
    assert sorted(file.name for file in (tmp_path / "out").iterdir()) == ["r.csv", "r.json", "r.png"]


def test_jobs_do_not_change_the_results(run, store_file):
    arguments = ("evaluate", store_file, "-c", "cmc", "-c", "asc", "--seeds", 7, "--json", "-")
    outputs = [json.loads(run(*arguments, "--jobs", jobs)[1]) for jobs in (1, 3)]
    for records in outputs:
        for record in records:
            del record["seconds"]
    assert outputs[0] == outputs[1]


def test_no_progress_bar_in_a_pipe(store_file):
    command = [sys.executable, "-m", "tts_gym", "evaluate", str(store_file), "-c", "single"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stderr == ""
    assert "Evaluating" not in done.stdout


def test_stores_can_be_listed_inspected_imported_and_verified(run, store_file, tmp_path):
    assert "synthetic-small" in run("stores", "list")[1]
    out = tmp_path / "imported"
    assert run("stores", "import", store_file, "--out", out) == (0, f"Wrote {out}.\n", "")
    for command in ("info", "verify"):
        status, text, _ = run("stores", command, out)
        assert status == 0
        assert "1,570" in text
    both = [json.loads(run("evaluate", store, "-c", "cmc", "--json", "-")[1])[0] for store in (store_file, out)]
    assert both[0]["tokens"] == both[1]["tokens"]
    assert both[0]["accuracy"] == both[1]["accuracy"]


def test_answers_of_a_store_are_explained_and_read_anew(run, tmp_path):
    status, shown, _ = run("stores", "explain", "smollm2-arithmetic", "savings-01")
    assert status == 0 and re.search(r"\b18\b.*\bright\b", shown)
    status, shown, _ = run("stores", "regrade", "smollm2-arithmetic", "--answers", "auto", "--out", tmp_path / "again")
    assert status == 0 and "Wrote" in shown and "final answer 3,807" in shown
    status, _, err = run("stores", "explain", "smollm2-arithmetic", "none")
    assert status == 2 and "no question 'none'" in err


def test_an_existing_directory_is_not_overwritten(refuses, store_file, tmp_path):
    out = tmp_path / "there"
    out.mkdir()
    refuses("stores", "import", store_file, "--out", out, words=[str(out)])


@pytest.mark.parametrize("command", [["evaluate"], ["stores", "info"], ["stores", "verify"]])
def test_a_missing_store_is_named(refuses, command, tmp_path):
    extra = ["-c", "sc"] if command == ["evaluate"] else []
    refuses(*command, tmp_path / "nowhere.json", *extra, words=["nowhere.json"])
    refuses(*command, "no-such-name", *extra, words=["no-such-name", "synthetic-small"])


@pytest.mark.parametrize(
    ("spec", "words"),
    [("nonsense", ["nonsense"]), ("asc:max_samples=0", ["max_samples", "at least 1"]), ("asc:size=1", ["size"])],
)
def test_a_wrong_controller_is_named_before_anything_is_written(refuses, store_file, tmp_path, spec, words):
    refuses("evaluate", store_file, "-c", spec, "--json", tmp_path / "new" / "r.json", words=words)


def test_a_file_that_cannot_be_written_is_refused_before_the_work(refuses, store_file, tmp_path):
    for file in (tmp_path, store_file / "below" / "r.csv"):
        refuses("evaluate", store_file, "-c", "sc", "--csv", file, words=["Cannot write", str(file)])


@pytest.mark.parametrize(
    "arguments", [["--seeds", "0"], ["--jobs", "0"], ["--rules", "fair"], ["--timeout", "-1"], ["--no"]]
)
def test_a_wrong_option_is_refused(run, store_file, arguments):
    status, out, err = run("evaluate", store_file, "-c", "sc", *arguments)
    assert (status, out) == (2, "")
    assert arguments[0] in err


def test_only_upper_bounds_make_no_frontier(run, store_file, tmp_path):
    status, _, err = run("evaluate", store_file, "-c", "oracle", "--plot", tmp_path / "f.png")
    assert status == 2 and "no frontier" in err
    assert not (tmp_path / "f.png").exists()


@pytest.fixture
def user_program(tmp_path):
    def write(body):
        path = tmp_path / "mine.py"
        path.write_text(f"def program(episode):\n{body}")
        return f"{path}:program"

    return write


def test_a_users_program_runs_in_a_worker(run, store_file, user_program):
    spec = user_program("    return episode.answer(episode.read())\n")
    status, out, err = run("evaluate", store_file, "-c", spec, "--json", "-", "--rules", "published")
    assert (status, err) == (0, "")
    single = json.loads(run("evaluate", store_file, "-c", "single", "--json", "-", "--rules", "published")[1])[0]
    assert json.loads(out)[0]["accuracy"] == single["accuracy"]


@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="nothing compiles while the JIT is off")
@pytest.mark.filterwarnings("default")
def test_a_users_program_that_does_not_compile_is_interpreted_with_one_warning(run, store_file, user_program):
    spec = user_program("    import decimal\n    episode.read()\n    return episode.leader(0)\n")
    status, _, err = run("evaluate", store_file, "-c", spec, "--seeds", 4, "--jobs", 2)
    assert status == 0
    assert err.startswith("Warning: Controller program does not compile") and err.count("\n") == 1
    assert "mine.py:2: Use of unsupported opcode (IMPORT_NAME) found." in err


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("    return 1 // episode.read()\n", ["mine.py:2", "ZeroDivisionError", "question 0", "seed 0"]),
        ("    return 0.5\n", ["returned 0.5"]),
        ("    return 7\n", ["not an answer of this episode"]),
        ("    pass\n", ["returned None"]),
        ("    return episode.answer(3)\n", ["IndexError"]),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_users_program_that_fails_is_reported_with_its_line(run, store_file, user_program, body, words):
    status, out, err = run("evaluate", store_file, "-c", user_program(body))
    assert (status, out) == (2, "")
    last = err.splitlines()[-1]
    assert last.startswith("Error: Controller program failed")
    for word in words:
        assert word in last


def test_a_program_that_loops_for_ever_is_stopped(run, store_file, user_program):
    spec = user_program("    n = 0\n    while n >= 0:\n        n = (n + 1) % 7\n    return -1\n")
    status, out, err = run("evaluate", store_file, "-c", spec, "--timeout", 3)
    assert (status, out) == (2, "")
    assert "did not end within 3 seconds" in err and err.count("\n") == 1


def test_import_regroups_answers_that_are_mathematically_equal(run, tmp_path):
    source = tmp_path / "sums.json"
    branches = [[["1/2", "yes"], 250, "0.5"], [["ERR"], 130, r"\sqrt{\frac{1}{4}}"], [["0.25"], 120, "0.5"]]
    question = {"question": "1 - 1/2?", "gold_answer": r"\frac{1}{2}", "probe_freq": 100, "each_branch": branches}
    source.write_text(json.dumps([question]))
    plain, regrouped, again = tmp_path / "plain", tmp_path / "regrouped", tmp_path / "again"
    run("stores", "import", source, "--out", plain)
    for out in (regrouped, again):
        arguments = ("stores", "import", source, "--out", out, "--regroup", "--cache", tmp_path / "cache.jsonl")
        assert run(*arguments) == (0, f"Wrote {out}.\n", "")
    assert load_store(plain).class_texts == (
        ("ERR", "1/2", "yes", "0.5", r"\sqrt{\frac{1}{4}}", "0.25", r"\frac{1}{2}"),
    )
    store = load_store(regrouped)
    assert store.class_texts == (("ERR", "1/2", "yes", "0.25"),) and store.gold.tolist() == [1]
    assert store.tables.answers.tolist() == [1, 2, 1, 0, 1, 3, 1]
    assert same_recordings(store, load_store(again))


def test_a_cache_without_regroup_is_refused(run, store_file, tmp_path):
    status, _, err = run("stores", "import", store_file, "--out", tmp_path / "out", "--cache", tmp_path / "cache")
    assert status == 2 and "--regroup" in err
    assert not (tmp_path / "out").exists() and not (tmp_path / "cache").exists()


def test_importing_the_command_line_leaves_the_compiler_out():
    check = "import sys, tts_gym.cli, tts_gym.cli.collect; sys.exit('llvmlite' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", check]).returncode == 0
