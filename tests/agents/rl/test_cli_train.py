"""``tts-gym train`` as a user meets it."""

import json
import re
import signal
import subprocess
import sys
import time

import numba
import pandas as pd
import pytest

pytest.importorskip("sb3_contrib")

from tts_gym.registry import ALGORITHMS  # noqa: E402

STORE = ("--store", "synthetic-small")


def without_progress(text):
    """What is told on standard error but for the progress, of which a slow machine is told in lines."""
    return re.sub(r"^[\d,]+ of [\d,]+ timesteps\. .*\n", "", text, flags=re.MULTILINE)


@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_every_algorithm_trains_and_its_model_evaluates_as_it_was_validated(run, tiny, tmp_path, algorithm):
    out = tmp_path / "run"
    status, told, err = run(
        "train", *STORE, "--algo", algorithm, "--out", out, "--timesteps", 256, "--config", tiny(algorithm)
    )
    assert (status, without_progress(err)) == (0, "")
    assert told.startswith(f"Wrote {out}: 256 timesteps, best score ")
    assert list(out.glob("events.out.tfevents.*")) and (out / "config.yaml").exists()
    curve = pd.read_csv(out / "validation.csv").query("timesteps == 256")
    judged = curve.iloc[2]
    spec = f"rl:{out / 'final.zip'}:cost_weight={judged['cost_weight']}"
    status, told, err = run("evaluate", "synthetic-small?only=1/5", "-c", spec, "--seeds", 2, "--json", "-")
    assert (status, err) == (0, "")
    (record,) = json.loads(told)
    assert record["accuracy"] == pytest.approx(judged["accuracy"])
    assert record["tokens"] == pytest.approx(judged["tokens"])
    assert curve["return"].mean() == pytest.approx(curve["score"].iloc[0])


def test_another_environment_and_a_program_to_begin_with(run, tiny, tmp_path):
    out = tmp_path / "run"
    settings = tiny(env="TTSWidthDepth-v1")
    call = ("train", *STORE, "--algo", "maskable-ppo", "--env", "TTSWidthDepth-v1", "--config", settings)
    status, _, err = run(
        *call, "--out", out, "--timesteps", 128, "--init-from", "sc:n=2", "-a", "max_branches=2", "--rules", "published"
    )
    assert (status, without_progress(err)) == (0, "")
    (record,) = json.loads(
        run("evaluate", "synthetic-small?only=1/5", "-c", f"rl:{out / 'final.zip'}", "--seeds", 2, "--json", "-")[1]
    )
    assert record["tokens"] > 0
    told = (out / "config.yaml").read_text()
    assert "init_from: sc:n=2" in told and "max_branches: 2" in told and "rules: published" in told


@pytest.fixture
def refuses(run, tmp_path):
    """Check that a training is refused in one clear line with exit status 2, and nothing is written."""

    def check(*arguments, words):
        status, told, err = run("train", *arguments, "--out", tmp_path / "run")
        assert (status, told) == (2, "")
        assert err.startswith("Error: ") and err.count("\n") == 1
        assert words in err
        assert not (tmp_path / "run").exists()

    return check


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["-a", "max_branch=3"], "TTSWidthDepthRounds-v1 has no argument 'max_branch': use "),
        (["-a", "max_branches=0"], "max_branches is an integer from 1"),
        (["--env", "CartPole-v1"], "There are no settings for ppo on CartPole-v1"),
        (["--fold", "1/5", "--all-questions"], "exclude each other"),
        (["--fold", "6/5"], "'except=6/5'"),
        (["--eval-store", "synthetic-small?only=2/5"], "synthetic-small?only=2/5 shares"),
        (["--eval-store", "nowhere"], "there is no store 'nowhere'"),
        (["--init-from", "nonsense"], "Unknown controller 'nonsense'"),
        (["--init-from", "oops.py:f"], "There is no file oops.py"),
        (["--init-from", "cmc", "--env", "TTSWidthDepth-v1", "-a", "reveal=probe"], "reveal=advance"),
    ],
)
def test_a_wrong_call_is_refused(refuses, arguments, words):
    refuses(*STORE, "--algo", "ppo", *arguments, words=words)


def test_a_value_based_algorithm_does_not_begin_as_a_program(refuses):
    refuses(*STORE, "--algo", "dqn", "--init-from", "cmc:beta=0.5", words="dqn learns values")


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{n_env: 3}", "unknown setting 'n_env': use timesteps, n_envs"),
        ("{n_envs: 0}", "n_envs is an integer, 1 or more, but got 0"),
        ("{n_envs: true}", "n_envs is an integer, 1 or more, but got True"),
        ("{policy: 3}", "policy is text"),
        ("{policy: Nonsense}", "Cannot make ppo on TTSWidthDepthRounds-v1"),
        ("{policy: no.such.Policy}", "No module named 'no'"),
        ("{arguments: [1]}", "arguments maps names to values"),
        ("{hyperparameters: {learning_rat: 1}}", "ppo has no hyperparameter 'learning_rat': use "),
        ("{hyperparameters: {batch_size: 1}}", "Cannot make ppo"),
        ("{hyperparameters: {learning_rate: [1, 2, 3]}}", "Cannot make ppo"),
        ("3", "is no file of settings"),
        ("{", "Cannot read the settings"),
    ],
)
def test_wrong_settings_are_refused_by_name(refuses, tmp_path, text, words):
    file = tmp_path / "mine.yaml"
    file.write_text(f"TTSWidthDepthRounds-v1: {text}\n")
    refuses(*STORE, "--algo", "ppo", "--config", file, words=words)


def test_settings_for_no_environment_are_refused(refuses, tmp_path):
    file = tmp_path / "mine.yaml"
    file.write_text("n_envs: {a: 3}\n")
    refuses(*STORE, "--algo", "ppo", "--config", file, words="settings for 'n_envs', which is no environment")
    refuses(*STORE, "--algo", "ppo", "--config", tmp_path / "absent.yaml", words="Cannot read the settings")
    file.write_text("TTSWidthDepth-v1: {n_envs: 3}\n")
    refuses(*STORE, "--algo", "ppo", "--config", file, words="has no settings for TTSWidthDepthRounds-v1")


def test_a_directory_is_not_overwritten_and_a_difference_is_shown(run, tiny, tmp_path):
    call = ("train", *STORE, "--algo", "ppo", "--config", tiny("ppo"), "--out", tmp_path / "run")
    assert run(*call, "--timesteps", 128)[0] == 0
    status, _, err = run(*call, "--timesteps", 256)
    assert status == 2 and "settings.timesteps is 128 there and 256 here; train as before, or anew with --fresh" in err
    for resumed in ((), ("--resume",)):
        status, told, _ = run(*call, "--timesteps", 128, *resumed)
        assert status == 0 and "128 timesteps" in told
    status, told, _ = run(*call, "--timesteps", 256, "--fresh")
    assert status == 0 and "256 timesteps" in told
    assert [each.name for each in tmp_path.iterdir() if each.is_dir()] == ["run"]


def test_a_fresh_training_keeps_the_old_one_until_it_can_begin(run, tiny, tmp_path):
    call = ("train", *STORE, "--algo", "ppo", "--config", tiny("ppo"), "--out", tmp_path / "run", "--timesteps", 128)
    assert run(*call)[0] == 0
    before = {file: file.stat().st_mtime_ns for file in (tmp_path / "run").rglob("*")}
    (tmp_path / "wrong.yaml").write_text("TTSWidthDepthRounds-v1: {hyperparameters: {batch_size: 1}}\n")
    status, _, err = run(*call, "--config", tmp_path / "wrong.yaml", "--fresh")
    assert status == 2 and "Cannot make ppo" in err
    assert {file: file.stat().st_mtime_ns for file in (tmp_path / "run").rglob("*")} == before


@pytest.mark.slow
@pytest.mark.skipif(numba.config.DISABLE_JIT, reason="too slow while the JIT is off")
@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGKILL, -9)])
def test_a_signal_leaves_a_directory_that_goes_on(run, tiny, tmp_path, number, status):
    out = tmp_path / "run"
    call = ["train", *STORE, "--algo", "ppo", "--config", tiny("ppo", every=1024), "--timesteps", 16384, "--out", out]
    code = "from tts_gym.cli import main; main()"
    with subprocess.Popen([sys.executable, "-c", code, *map(str, call)], stderr=subprocess.PIPE, text=True) as process:
        until = time.monotonic() + 120
        while not (out / "checkpoints" / "000000001024.zip").exists() and time.monotonic() < until:
            time.sleep(0.01)
        process.send_signal(number)
        err = process.communicate(timeout=60)[1]
    assert process.returncode == status
    assert ("run this again to go on" in err) == (number != signal.SIGKILL) and "Traceback" not in err
    assert not (out / "final.zip").exists()
    assert run(*call)[0] == 0
    curve = pd.read_csv(out / "validation.csv")
    assert sorted(set(curve["timesteps"])) == [1024 * k for k in range(17)]
    assert pd.read_csv(out / "progress.csv")["time/total_timesteps"].tolist() == [128 * k for k in range(1, 129)]
