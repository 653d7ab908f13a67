import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pandas as pd
import pytest

from discovery.scripted import SOURCE, cuts, fails, says
from tts_gym.discovery.archive import Archive
from tts_gym.discovery.assess import clearly_dominated
from tts_gym.discovery.loop import begin, go_on
from tts_gym.discovery.proposers import command
from tts_gym.discovery.proposers.proposer import Task
from tts_gym.discovery.report import status_text, write_report
from tts_gym.discovery.settings import DiscoverySettings
from tts_gym.errors import DiscoveryError, TTSGymError

pytestmark = pytest.mark.usefixtures("interpreted")

OTHER = SOURCE.replace("1 + 3 * beta", "1 + 2 * beta")


@pytest.fixture
def told(store_file):
    """DiscoverySettings of a small discovery, with other values for some."""

    def make(**options):
        small = {"rounds": 2, "seeds": 2, "seed_programs": ("sc",), "proposer": "evolution"}
        return DiscoverySettings((str(store_file),), **(small | options))

    return make


def quiet(_):
    pass


def contents(directory):
    """Every file of an archive but those that tell the time something took."""
    found = {}
    for file in sorted(directory.rglob("*")):
        if file.name == "result.json":
            found[file.relative_to(directory)] = {**json.loads(file.read_text()), "seconds": 0}
        elif file.is_file() and not file.name.startswith("."):
            found[file.relative_to(directory)] = file.read_bytes()
    return found


@pytest.mark.slow
def test_evolution_goes_round_and_does_so_again(tmp_path, told):
    settings = told(candidates_per_round=2)
    for name, jobs in (("one", 1), ("other", 2)):
        assert begin(tmp_path / name, settings, jobs, quiet).run().reason == "done"
    assert contents(tmp_path / "one") == contents(tmp_path / "other")
    tried = Archive(tmp_path / "one").history().tried
    assert [(each.round, each.slot) for each in tried] == [(0, 1), (1, 1), (1, 2), (2, 1), (2, 2)]
    assert len({each.source for each in tried}) == 5
    state = json.loads((tmp_path / "one/rounds/002/round.json").read_text())
    assert len(state["proposer"]["sc"]["rng"][0]) == 624


def test_no_file_of_the_archive_is_read_twice_and_who_comes_again_finds_the_same(tmp_path, told, monkeypatch):
    settings = told(candidates_per_round=2)
    reads = Counter()

    def counted(read):
        def reading(file, *arguments, **options):
            reads[file] += 1
            return read(file, *arguments, **options)

        return reading

    with monkeypatch.context() as patch:
        patch.setattr(Path, "read_text", counted(Path.read_text))
        patch.setattr(pd, "read_parquet", counted(pd.read_parquet))
        assert begin(tmp_path / "whole", settings, 1, quiet).run().reason == "done"
        within = {file: times for file, times in reads.items() if "whole" in str(file)}
        assert set(within.values()) == {1}
        assert not any(file.suffix == ".parquet" for file in within)

        reads.clear()
        begin(tmp_path / "steps", settings, 1, quiet).run(1)
        reads.clear()
        assert go_on(tmp_path / "steps", {}, 1, quiet).run(1).rounds == 2
        rounds = {file: times for file, times in reads.items() if "steps/rounds" in str(file)}
        assert set(rounds.values()) == {1}
        assert sum(file.name == "questions.parquet" for file in rounds) == 3
    assert contents(tmp_path / "steps") == contents(tmp_path / "whole")


@pytest.mark.slow
def test_compiled_and_jailed_on_bundled_stores(tmp_path, monkeypatch, run):
    monkeypatch.undo()
    stores = ["--search", "synthetic-small", "--search", "smollm2-arithmetic"]
    options = ["--proposer", "evolution", "--rounds", "2", "--seeds", "9", "--from", "asc"]
    status, out, err = run("discover", "run", tmp_path / "d", *stores, *options)
    assert (status, "2 rounds are done" in out) == (0, True), err
    status, out, _ = run("discover", "report", tmp_path / "d")
    assert status == 0
    assert out == (tmp_path / "d/report.md").read_text()
    report = json.loads((tmp_path / "d/report.json").read_text())
    assert report["candidates"] == 2
    assert "seccomp" in report["isolation"] or "process group" in report["isolation"]
    assert len(report["search"]) == 11
    assert sum(report["nested_choices"].values()) == 5


def test_manual_waits_for_the_file_and_goes_on_with_it(tmp_path, store_file, run):
    here = tmp_path / "d"
    options = ["--rounds", "2", "--seeds", "2", "--from", "sc"]
    status, out, _ = run("discover", "run", here, "--search", store_file, *options)
    first = here / "rounds/001/1/workspace"
    assert (status, str(first / "candidate.py") in out) == (0, True)
    prompt = (first / "prompt.md").read_text()
    assert "## After round 0" in prompt
    assert "`sc`:\n\n```python\ndef schedule" in prompt
    assert run("discover", "step", here)[1] == out

    (first / "candidate.py").write_text("import os\n")
    status, out, err = run("discover", "step", here)
    second = here / "rounds/002/1/workspace"
    assert str(second / "candidate.py") in out
    assert "r01-1 failed at reading: line 1: " in err
    assert "r01-1 failed at reading" in (second / "prompt.md").read_text()

    (second / "candidate.py").write_text(SOURCE)
    status, out, _ = run("discover", "step", here)
    assert "2 rounds are done" in out
    status, out, _ = run("discover", "status", here)
    assert "2 of 2 rounds, 2 candidates" in out
    assert "r02-1" in out
    cases = pd.read_parquet(here / "rounds/002/cases.parquet")
    assert "opened=" in "".join(cases["timeline"][0])
    status, out, _ = run("discover", "report", here)
    assert "# The winner: r02-1" in out
    status, out, _ = run("evaluate", "synthetic-small", "-c", f"{here / 'winner.py'}:PROGRAM:beta=0.25", "--seeds", 2)
    assert status == 0
    assert "winner:beta=0.25" in out


def test_a_language_model_is_asked_until_the_rounds_are_done(tmp_path, told, chat_server, monkeypatch):
    chat_server.script[:] = [
        fails(429),
        says(f"```python\n{SOURCE}```"),
        says("No."),
        fails(500),
        cuts,
        says("```python\ndef program(episode):\n    return 1.5\n```"),
        says(f"```python\n{OTHER}```"),
    ]
    settings = told(proposer="openai", model="m", base_url=chat_server.url, candidates_per_round=2)
    discovery = begin(tmp_path / "d", settings, 1, quiet)
    assert discovery.estimate().output == 4 * settings.max_output
    assert discovery.run().reason == "done"
    assert chat_server.script == []
    tried = Archive(tmp_path / "d").history().tried
    assert [each.assessment.stage for each in tried] == ["quick", "quick", "proposal", "reading", "quick"]
    assert Archive(tmp_path / "d").history().spent.tokens == 4 * 1200
    prompt = chat_server.asked[-1]["messages"][0]["content"]
    assert "r01-2 failed at proposal: `the reply has no block of code" in prompt
    transcript = json.loads((tmp_path / "d/rounds/001/1/transcript.json").read_text())
    assert transcript[1]["reply"]["usage"]["prompt_tokens"] == 1000


def test_it_stops_at_the_limit_with_the_work_kept_and_goes_on(tmp_path, told, chat_server):
    chat_server.script[:] = [says(f"```python\n{SOURCE}```"), says(f"```python\n{OTHER}```")]
    settings = told(proposer="openai", model="m", base_url=chat_server.url, max_output=100, max_tokens=0)
    outcome = begin(tmp_path / "d", settings, 1, quiet).run()
    assert (outcome.reason, outcome.rounds, len(chat_server.asked)) == ("limit", 0, 0)
    prompt = (tmp_path / "d/rounds/001/1/workspace/prompt.md").read_text()
    enough_for_one = len(prompt) // 4 + 100 + 600
    outcome = go_on(tmp_path / "d", {"max_tokens": enough_for_one}, 1, quiet).run()
    assert (outcome.reason, outcome.rounds, len(chat_server.asked)) == ("limit", 1, 1)
    assert Archive(tmp_path / "d").history().spent.tokens == 1200
    assert go_on(tmp_path / "d", {"max_tokens": 10**6}, 1, quiet).run().reason == "done"
    assert len(chat_server.asked) == 2


def test_dollars_are_counted_and_limited(tmp_path, told, chat_server):
    prices = tmp_path / "prices.json"
    prices.write_text(json.dumps({"m": {"input": 1, "cached_input": 0, "output": 1}}))
    chat_server.script[:] = [says(f"```python\n{SOURCE}```")]
    options = {"proposer": "openai", "model": "m", "base_url": chat_server.url, "max_output": 100}
    settings = told(**options, rounds=1, prices=str(prices), max_usd=1.0)
    assert begin(tmp_path / "d", settings, 1, quiet).run().reason == "done"
    assert Archive(tmp_path / "d").history().spent.dollars == pytest.approx((900 + 200) / 1e6)
    write_report(tmp_path / "d")
    assert json.loads((tmp_path / "d/report.json").read_text())["dollars"] == pytest.approx(1100 / 1e6)
    begin(tmp_path / "e", told(**options, prices=str(prices), max_usd=0.0), 1, quiet).run()
    assert len(chat_server.asked) == 1


def test_a_model_that_cannot_be_asked_loses_nothing(tmp_path, told, chat_server):
    settings = told(proposer="openai", model="m", base_url=chat_server.url)
    chat_server.script[:] = [says(f"```python\n{SOURCE}```"), fails(401)]
    with pytest.raises(DiscoveryError, match="cannot be asked"):
        begin(tmp_path / "d", settings, 1, quiet).run()
    chat_server.script[:] = [says(f"```python\n{OTHER}```")]
    assert go_on(tmp_path / "d", {}, 1, quiet).run().reason == "done"


def test_a_command_works_in_the_workspace(tmp_path, told):
    script = tmp_path / "agent.py"
    script.write_text(
        "import pathlib, sys\nassert '## After round 0' in sys.stdin.read()\n"
        f"assert pathlib.Path('prompt.md').exists()\npathlib.Path('candidate.py').write_text({SOURCE!r})\n"
        "print('done')\n"
    )
    settings = told(proposer="command", command=f"{sys.executable} {script}", rounds=1)
    begin(tmp_path / "d", settings, 1, quiet).run()
    assert Archive(tmp_path / "d").history().tried[-1].source == SOURCE
    assert json.loads((tmp_path / "d/rounds/001/1/transcript.json").read_text())[0]["output"] == "done\n"


@pytest.mark.parametrize(
    ("code", "reason"),
    [("", "no file candidate.py"), ("import time; time.sleep(60)", "did not end within 1 seconds")],
)
def test_a_command_that_leaves_nothing_is_a_failed_candidate(tmp_path, told, code, reason):
    settings = told(proposer="command", command=f"{sys.executable} -c '{code}'", rounds=1, timeout=1.0)
    assert begin(tmp_path / "d", settings, 1, quiet).run().reason == "done"
    assert reason in Archive(tmp_path / "d").history().tried[-1].assessment.failure


def test_a_command_that_leaves_its_process_group_does_not_hold_up_the_discovery(tmp_path, monkeypatch):
    monkeypatch.setattr(command, "LAST_WORDS", 0.5)
    script = tmp_path / "agent.py"
    script.write_text(
        "import subprocess, sys, time\n"
        "code = 'import time; time.sleep(6)'\n"
        "subprocess.Popen([sys.executable, '-c', code], start_new_session=True)\n"
        "print('begun', flush=True)\n"
        "time.sleep(60)\n"
    )
    start = time.monotonic()
    proposal = command.Command(f"{sys.executable} {script}", 1.0).propose(Task(1, 1, "", tmp_path, (), ()))
    assert time.monotonic() - start < 5
    assert proposal.failure == "the command did not end within 1 seconds"
    assert "begun" in proposal.transcript[0]["output"]


def test_without_traces_the_proposer_reads_scores_only(tmp_path, told):
    begin(tmp_path / "d", told(rounds=1, traces=False), 1, quiet).run()
    lessons = (tmp_path / "d/rounds/001/lessons.md").read_text()
    assert "r01-1, score" in lessons
    assert "Diagnosis" not in lessons
    assert "Questions" not in lessons
    assert pd.read_parquet(tmp_path / "d/rounds/001/cases.parquet").empty


def test_without_beta_a_candidate_is_one_point(tmp_path, told):
    begin(tmp_path / "d", told(rounds=1, beta=False), 1, quiet).run()
    seed, candidate = Archive(tmp_path / "d").history().tried
    assert (len(seed.points()), len(candidate.points())) == (11, 1)
    assert "There is no knob" in (tmp_path / "d/rounds/001/1/workspace/prompt.md").read_text()


def test_a_held_out_store_is_read_by_the_report_alone(tmp_path, told, store_file):
    unseen = tmp_path / "unseen" / "other.json"
    settings = told(rounds=1, held_out=(str(unseen),))
    begin(tmp_path / "d", settings, 1, quiet).run()
    with pytest.raises(TTSGymError, match="does not exist"):
        write_report(tmp_path / "d")
    unseen.parent.mkdir()
    unseen.write_text(store_file.read_text())
    with pytest.raises(DiscoveryError, match="was searched on"):
        write_report(tmp_path / "d")
    unseen.write_text(store_file.read_text().replace('"2"', '"5"'))
    page = write_report(tmp_path / "d")
    assert "## Held out: unseen/other" in page
    (line,) = (tmp_path / "d/held_out.jsonl").read_text().splitlines()
    assert json.loads(line)["store"] == "unseen/other"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"search": ("synthetic-small", "synthetic-small")}, "Two stores are called"),
        ({"held_out": ("synthetic-small",), "search": ("synthetic-small",)}, "both searched and held out"),
        ({"search": ("nowhere",)}, "no store 'nowhere'"),
        ({"proposer": "oracle"}, "Unknown proposer 'oracle'"),
        ({"proposer": "command"}, "needs --command"),
        ({"proposer": "command", "command": "'"}, "cannot be split"),
        ({"proposer": "openai"}, "needs --model"),
        ({"proposer": "openai", "model": "m", "base_url": "http://x/v1", "max_usd": 1.0}, "needs a price file"),
        ({"proposer": "manual", "max_tokens": 5}, "does not tell the tokens"),
        ({"seed_programs": ()}, "at least one program"),
        ({"seed_programs": ("single",)}, "'single' is no program to begin with"),
        ({"seed_programs": ("nowhere.py",)}, "cannot be read"),
        ({"template": "nowhere.md"}, "cannot be read"),
    ],
)
def test_refusals_leave_nothing_behind(tmp_path, told, options, message):
    with pytest.raises(TTSGymError, match=message):
        begin(tmp_path / "d", DiscoverySettings(**(vars(told()) | options)), 1, quiet)
    assert not (tmp_path / "d").exists()


def test_the_sdk_of_claude_is_asked_for_by_name(tmp_path, told, monkeypatch):
    monkeypatch.setitem(sys.modules, "claude_agent_sdk", None)
    with pytest.raises(DiscoveryError, match="pip install claude-agent-sdk"):
        begin(tmp_path / "d", told(proposer="claude-agent", model="m"), 1, quiet)


def test_a_template_of_ones_own(tmp_path, told):
    file = tmp_path / "mine.md"
    file.write_text("Up to $width branches, $$5.\n$lessons")
    begin(tmp_path / "d", told(proposer="manual", template=str(file)), 1, quiet).run()
    prompt = (tmp_path / "d/rounds/001/1/workspace/prompt.md").read_text()
    assert prompt.startswith("Up to 64 branches, $5.\n## After round 0")
    file.write_text("$nothing")
    with pytest.raises(DiscoveryError, match=r"has \$nothing"):
        begin(tmp_path / "e", told(template=str(file)), 1, quiet)


def test_what_was_begun_is_not_begun_again_nor_changed(tmp_path, told, store_file):
    begin(tmp_path / "d", told(proposer="manual"), 1, quiet)
    with pytest.raises(DiscoveryError, match="not empty: choose another directory"):
        begin(tmp_path / "d", told(), 1, quiet)
    with pytest.raises(DiscoveryError, match="begun with seeds 2, not 3"):
        go_on(tmp_path / "d", {"seeds": 3}, 1, quiet)
    assert go_on(tmp_path / "d", {"rounds": 5, "seeds": 2}, 1, quiet)
    with pytest.raises(DiscoveryError, match="at least one program"):
        begin(tmp_path / "d", told(seed_programs=()), 1, quiet, fresh=True)
    assert Archive(tmp_path / "d").settings().rounds == 5
    store_file.write_text(store_file.read_text().replace('"12"', '"13"'))
    with pytest.raises(DiscoveryError, match="store model/tiny has changed"):
        go_on(tmp_path / "d", {}, 1, quiet)
    with pytest.raises(DiscoveryError, match="is no directory of a discovery"):
        go_on(tmp_path, {}, 1, quiet)
    with pytest.raises(DiscoveryError, match="nothing to report"):
        write_report(tmp_path / "d")
    assert "0 of 5 rounds" in status_text(tmp_path / "d")


def test_a_seed_program_that_fails_is_named(tmp_path, told):
    file = tmp_path / "mine.py"
    file.write_text(SOURCE.replace("return episode.leader(FINISHED)", "return 99"))
    with pytest.raises(DiscoveryError, match="seed program mine failed at validation"):
        begin(tmp_path / "d", told(proposer="manual", seed_programs=(str(file),)), 1, quiet).run()


SOLVER = """
class Reader:
    def __init__(self, config):
        self.most = 1 + round(2 * config["beta"])

    def solve(self, question):
        return max([question.get_new_branch_final_answer() for _ in range(self.most)], key=len)
"""


CHEAP = """
class Knows:
    def __init__(self, config):
        pass

    def solve(self, question):
        probes = [question.probe_new() for _ in range(4)]
        answers = [answer for answer, _, finished in probes if finished] or [answer for answer, _, _ in probes]
        return max(answers, key=answers.count)
"""
"""Always right here for an interval of each branch, as if it knew the questions."""

DEAR = """
def schedule(beta):
    return {}


def program(episode):
    episode.read(4)
    for i in range(2):
        if episode.length(i) < 100:
            return episode.answer(i)
    return -1
"""
"""Reads everything and is right now and then on one question."""


def test_a_class_is_scored_and_marked_as_unaudited(tmp_path, told):
    begin(tmp_path / "d", told(rounds=1, proposer="manual"), 1, quiet).run()
    (tmp_path / "d/rounds/001/1/workspace/candidate.py").write_text(SOLVER)
    assert go_on(tmp_path / "d", {}, 1, quiet).run().reason == "done"
    lessons = (tmp_path / "d/rounds/001/lessons.md").read_text()
    assert "| r01-1 (unaudited) |" in lessons
    assert "No diagnosis" in lessons
    with pytest.raises(DiscoveryError, match="--allow-unaudited"):
        write_report(tmp_path / "d")
    page = write_report(tmp_path / "d", allow_unaudited=True)
    assert "# The winner: r01-1 (unaudited)" in page and "by heart" in page
    assert json.loads((tmp_path / "d/report.json").read_text())["audited"] is False


def test_a_class_sets_no_other_candidate_aside_and_wins_over_none(tmp_path, told, run):
    begin(tmp_path / "d", told(seeds=9, proposer="manual"), 1, quiet).run()
    for number, source in enumerate((CHEAP, DEAR), 1):
        (tmp_path / f"d/rounds/00{number}/1/workspace/candidate.py").write_text(source)
        go_on(tmp_path / "d", {}, 1, quiet).run()
    _, cheap, audited = Archive(tmp_path / "d").history().tried
    assert clearly_dominated(audited.table, cheap.table.assign(controller="cheap"))
    assert not audited.assessment.dominated and audited.assessment.stage == "all"
    lessons = (tmp_path / "d/rounds/002/lessons.md").read_text()
    assert "| r01-1 (unaudited) |" in lessons and "r01-1:beta" not in lessons
    status, out, _ = run("discover", "report", tmp_path / "d")
    assert status == 0 and out.startswith("# The winner: r02-1\n")
    status, out, _ = run("discover", "report", tmp_path / "d", "--allow-unaudited")
    assert status == 0 and out.startswith("# The winner: r01-1 (unaudited)\n")


def test_what_cannot_be_kept_to_is_not_written_down(tmp_path, told):
    begin(tmp_path / "d", told(proposer="manual"), 1, quiet)
    with pytest.raises(DiscoveryError, match="does not tell the tokens"):
        go_on(tmp_path / "d", {"max_tokens": 5}, 1, quiet)
    assert go_on(tmp_path / "d", {}, 1, quiet)


def test_one_begun_anew_holds_nothing_of_the_old_one(tmp_path, told):
    begin(tmp_path / "d", told(proposer="manual"), 1, quiet).run()
    (tmp_path / "d" / "notes.md").touch()
    with pytest.raises(TTSGymError, match=r"holds notes\.md, which is not of a discovery"):
        begin(tmp_path / "d", told(seeds=3), 1, quiet, fresh=True)
    assert Archive(tmp_path / "d").closed_rounds() == 1
    (tmp_path / "d" / "notes.md").unlink()
    begin(tmp_path / "d", told(seeds=3), 1, quiet, fresh=True)
    assert [file.name for file in (tmp_path / "d").iterdir()] == ["discovery.json"]
    assert Archive(tmp_path / "d").settings().seeds == 3


def test_text_that_utf8_cannot_hold_is_a_failed_candidate(tmp_path, told, chat_server):
    chat_server.script[:] = [says(f"```python\n# \ud800\n{SOURCE}`\n```")]
    settings = told(proposer="openai", model="m", base_url=chat_server.url, rounds=1)
    assert begin(tmp_path / "d", settings, 1, quiet).run().reason == "done"
    assert Archive(tmp_path / "d").history().tried[-1].assessment.stage == "reading"


@pytest.mark.slow
@pytest.mark.parametrize("attempt", range(2))
def test_killed_at_any_moment_it_comes_to_the_same(tmp_path, told, store_file, attempt):
    begin(tmp_path / "whole", told(candidates_per_round=2), 1, quiet).run()
    here = tmp_path / "killed"
    words = ["discover", "run", str(here), "--search", str(store_file), "--proposer", "evolution", "--rounds", "2"]
    words += ["--candidates-per-round", "2", "--seeds", "2", "--from", "sc"]
    command = [sys.executable, "-c", "from tts_gym.cli import main; main()", *words]
    environment = os.environ | {"NUMBA_DISABLE_JIT": "1"}
    chance = random.Random(attempt)
    kills = 0
    while kills < 6:
        running = subprocess.Popen(
            command,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env=environment,
        )
        begun = _first_new_file(here, running)
        if begun:
            time.sleep(chance.uniform(0, 1.0))
        if running.poll() is not None:
            break
        os.killpg(running.pid, signal.SIGKILL)
        running.communicate()
        kills += 1
    else:
        running = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert kills > 0
    assert running.returncode == 0, running.stderr.read() if hasattr(running.stderr, "read") else running.stderr
    if hasattr(running.stderr, "close"):
        running.stderr.close()
    killed = {name: text for name, text in contents(here).items() if name.suffix != ".partial"}
    assert killed == contents(tmp_path / "whole")


def _first_new_file(here: Path, running: subprocess.Popen) -> bool:
    """Wait until the process writes something; whether it did before its end."""
    before = set(here.rglob("*"))
    while running.poll() is None:
        if set(here.rglob("*")) - before:
            return True
        time.sleep(0.02)
    return False
