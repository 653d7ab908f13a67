"""What commands say while they work: on a terminal a bar, with -v what is done, with -q nothing."""

import json
import logging
import re
import time

import pytest

from terminal import on_a_terminal
from tts_gym.cli.messages import messages
from tts_gym.cli.progress import counted, progress_shown, tracked, working

CALL = ("evaluate", "synthetic-small", "-c", "single", "-c", "sc:n=4", "--json", "-")


@pytest.fixture
def terminal(monkeypatch):
    """Standard error counts as a terminal."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "100")
    with messages():
        yield


def plain(text):
    return re.sub(r"\x1b\[[\d;?]*[a-zA-Z]", "", text)


def test_a_terminal_shows_a_rate_and_the_time_left_and_json_stays_pure():
    session = on_a_terminal(100, "stderr", *CALL)
    assert len(json.loads(session.piped)) == 2
    assert re.search(r"\d+ %  [\d,]+ episodes/(s|min), [\d:]+ left", session.shown)
    assert max(map(len, session.shown.split("\n"))) <= 100


def test_a_quiet_command_shows_nothing_on_a_terminal(run, terminal):
    assert "100 %" in run(*CALL)[2]
    status, out, err = run(*CALL, "-q")
    assert (status, err) == (0, "") and len(json.loads(out)) == 2


@pytest.mark.parametrize("place", ["before", "behind"])
def test_the_options_stand_before_or_behind_a_command(run, place):
    status, out, err = run(*(("-v", *CALL) if place == "before" else (*CALL, "--verbose")))
    assert status == 0 and len(json.loads(out)) == 2
    assert re.search(
        r"^[\d:]{8} tts_gym\.datasets\.catalogue: Loaded synthetic-small .* SHA-256 [0-9a-f]{64}$", err, re.M
    )
    assert re.search(
        r" tts_gym\.evaluation\.evaluate: sc:n=4 on synthetic-small .*: [\d.]+ %, \d+ tokens, [\d.]+ s$", err, re.M
    )


def test_a_quiet_command_shows_no_note_and_logs_if_told(run, store_file):
    err = run("-q", "evaluate", store_file, "-c", "zoo", "--seeds", 1, "-v")[2]
    assert "tts_gym.datasets.catalogue: Loaded" in err and "Note:" not in err


def test_groups_of_commands_take_the_options(run):
    assert "Loading synthetic-small" in run("stores", "-v", "info", "synthetic-small")[2]


def test_a_run_leaves_logging_as_it_was(run):
    package = logging.getLogger("tts_gym")
    before = (package.level, list(package.handlers))
    run(*CALL, "-v")
    assert (package.level, package.handlers) == before
    assert run(*CALL)[2] == ""


def test_warnings_that_are_logged_are_told_in_any_case(capsys):
    with messages():
        logging.getLogger("tts_gym.llm").warning("The server is slow.")
        logging.getLogger("tts_gym.llm").info("The server is there.")
    assert capsys.readouterr().err == "The server is slow.\n"


def test_a_bar_says_what_is_logged_last(terminal, capsys):
    with working("Waiting"):
        time.sleep(0.2)
        logging.getLogger("tts_gym.agents").info("Compiling [red]crew")
        time.sleep(0.3)
    shown = plain(capsys.readouterr().err)
    assert shown.index("Waiting") < shown.index("Compiling [red]crew")


def test_a_rate_is_that_of_what_was_done_since(terminal, capsys):
    with counted("cases", "Checking") as show:
        show((50, 100))
        time.sleep(0.2)
        show((75, 100))
        time.sleep(0.2)
    shown = plain(capsys.readouterr().err)
    assert "75 %" in shown and "50 %  00:00" in shown
    rates = re.findall(r"75 %  ([\d,]+) cases/s, 00:00 left", shown)
    assert rates and all(1 <= int(rate.replace(",", "")) <= 125 for rate in rates)


def test_slow_things_are_counted_by_the_minute(terminal, capsys, monkeypatch):
    with progress_shown("questions", lambda done: (done, 100, "40 tokens/s")) as show:
        show(0)
        now = time.monotonic()
        monkeypatch.setattr(time, "monotonic", lambda: now + 3600)
        show(10)
    assert "40 tokens/s" in (shown := plain(capsys.readouterr().err))
    assert "10 %  10 questions/h, 9:00:00 left" in shown


def test_what_is_tracked_comes_through_whole(terminal):
    assert list(tracked("abc", "letters", "Reading")) == ["a", "b", "c"]


def test_a_failure_takes_the_bar_away_and_is_told(terminal):
    with pytest.raises(ValueError, match="this one"), counted("cases", "Checking") as show:
        show((1, 2))
        raise ValueError("this one")
    assert not [handler for handler in logging.getLogger("tts_gym").handlers if "Doing" in type(handler).__name__]
