import dataclasses
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from rich.cells import cell_len
from rich.text import Text
from rollouts import rollout

import first_version
from tts_gym.envs import image, page, rendering
from tts_gym.envs.rendering import HIDDEN, Picture
from tts_gym.envs.rounds import ACTION
from tts_gym.envs.width_depth import TTSWidthDepthEnv
from tts_gym.episode.actions import STOP, encode_action

MOVES = ("branch", "probe 0", "continue 0", "branch", "continue 1", "branch", "probe 2", "branch", "prune 3", "prune 2")


def played(small: str, mode: str | None, *actions: str) -> TTSWidthDepthEnv:
    env = first_version.atomic(store=small, max_branches=5, render_mode=mode)
    env.reset(options={"question": "sum", "order": [0, 1, 2, 3]})
    for action in actions:
        kind, *branch = action.split()
        env.step(encode_action(kind, *map(int, branch)))
    return env


def letters(env: gym.Env[Any, Any]) -> list[str]:
    """The lines of the page that an environment renders, without colours."""
    return Text.from_ansi(str(env.render())).plain.splitlines()


def shown(answers: tuple[tuple[int, ...], ...], votes: tuple[int, ...] = (), **changed: Any) -> Picture:
    """A picture of branches that still run."""
    running = (False,) * len(answers)
    texts = tuple(f"answer {code}" for code in range(len(votes)))
    leader = votes.index(max(votes)) if votes else -1
    plain = Picture("q", 0, None, leader, 0.5, votes, texts, -1, answers, running, running)
    return dataclasses.replace(plain, **changed)


def test_letters(small: str) -> None:
    assert letters(played(small, "ansi", *MOVES)) == [
        "question sum   | finished   × pruned   · not looked at",
        "540 tokens, leader A with 1 of 2 votes, confidence 0.500",
        "A = 3  B = 2  ? = ERR",
        "     1",
        "   0 A·",
        "   1 ·B|",
        "   2 ?×",
        "   3 B|×",
    ]


def test_letters_at_the_start(small: str) -> None:
    env = first_version.atomic(store=small, budget=1000, render_mode="ansi")
    env.reset(options={"question": "sum"})
    assert letters(env)[1:] == ["0 of 1,000 tokens, no votes", "     1"]


def test_letters_after_the_end(small: str) -> None:
    env = played(small, "ansi", "branch", "probe 0", "stop")
    assert letters(env)[1].startswith("100 tokens, leader A with 1 of 1 votes")


def test_each_answer_has_its_ground_and_a_pruned_branch_none() -> None:
    picture = shown(((0, 0, 1), (1, HIDDEN)), (2, 1), pruned=(False, True))
    written = page.page(picture, 3)
    grounds = {
        (written.plain[place.start : place.end], str(place.style).partition(" on ")[2]) for place in written.spans
    }
    assert {("AA", "rgb(0,114,178)"), ("B", "rgb(230,159,0)"), ("B", ""), ("·", "")} <= grounds
    assert "\x1b[" in page.ansi(written) and Text.from_ansi(page.ansi(written)).plain == written.plain


def test_letters_have_no_colours_where_none_are_wanted(small: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_COLOR", "1")
    assert not re.search(r"\x1b\[[\d;]*[34]8;", str(played(small, "ansi", *MOVES).render()))


@settings(max_examples=25)
@given(st.lists(st.lists(st.integers(-1, 70), max_size=90), max_size=70), st.integers(40, 140), st.integers(10, 90))
def test_a_page_stays_within_its_terminal(rows: list[list[int]], columns: int, lines: int) -> None:
    written = page.page(shown(tuple(map(tuple, rows)), (1,) * 71), 90, columns, lines).plain.splitlines()
    assert len(written) <= lines and max(map(cell_len, written)) <= columns
    hidden = 0 if len(rows) <= lines - 4 else len(rows) - (lines - 5)
    assert (written[-1] == f"     … and {hidden} more branches") == (hidden > 0)


def test_a_letter_stands_for_several_intervals_where_there_is_no_room_for_all() -> None:
    picture = shown((tuple(range(70)), (0, HIDDEN, HIDDEN, HIDDEN)), (1,) * 70)
    assert page.page(picture, 140, 80).plain.splitlines()[3:] == [
        "     1       20        40        60        80       100       120       140",
        "   0 " + "BDFHJLNPRTVXZbdfhjlnprtvxz" + "#" * 9,
        "   1 A·",
    ]


def test_texts_of_answers_are_shown_as_short_plain_text() -> None:
    hostile = ("[red]\x1b[31m\n\u202e", "a" * 500)
    picture = shown(((0, 1),), (1, 1), texts=hostile, question_id="q\n\x1b[2J[bold]")
    written = page.ansi(page.page(picture, 2))
    assert "\x1b[31m" not in written and "\x1b[2J" not in written and "\u202e" not in written
    assert Text.from_ansi(written).plain.splitlines()[2] == "A = [red] [31m    B = " + "a" * 23 + "…"
    assert image.rgb_array(picture, 1, 2).shape[2] == 3


def test_an_episode_forgets_the_one_before(small: str) -> None:
    env = played(small, "ansi", *MOVES)
    env.reset(options={"question": "sum", "order": [0, 1, 2, 3]})
    env.step(encode_action("branch"))
    assert letters(env)[1:] == ["100 tokens, no votes", "     1", "   0 ·"]


def test_colours(small: str) -> None:
    env = played(small, "rgb_array", *MOVES)
    pixels = env.render()
    assert isinstance(pixels, np.ndarray)
    layout = image.Layout(5, 4)
    assert pixels.shape == (*layout.size[::-1], 3)

    def cell(branch: int, interval: int) -> NDArray[np.uint8]:
        left, top = image.MARGIN + image.GUTTER + interval * layout.wide, image.HEADER + branch * layout.tall
        return np.asarray(pixels[top : top + layout.tall, left : left + layout.wide])

    def ground(branch: int, interval: int) -> tuple[int, ...]:
        return tuple(cell(branch, interval)[2, layout.wide // 2].tolist())

    assert ground(0, 0) == rendering.PALETTE[0]
    assert ground(0, 1) == rendering.UNSEEN
    assert ground(0, 2) == ground(4, 0) == image.EMPTY
    assert ground(1, 1) == rendering.PALETTE[1]
    assert min(ground(2, 0)) > max(rendering.BROKEN)
    for branch, interval in ((1, 2), (2, 1), (3, 1)):
        assert (cell(branch, interval) == rendering.INK).all(axis=2).any()
    assert {tuple(pixel) for pixel in pixels[image.BAR + 1, image.MARGIN : -image.MARGIN].tolist()} == set(
        rendering.PALETTE[:2]
    )


def test_every_cell_has_its_letter_where_there_is_room() -> None:
    picture = shown(((0,),), (1,))
    for rows, written in ((8, True), (100, False)):
        layout = image.Layout(rows, 2)
        inside = image.rgb_array(picture, rows, 2)[image.HEADER :, image.MARGIN + image.GUTTER :]
        cell = inside[: layout.tall - 2, : layout.wide - 2]
        assert (len(np.unique(cell.reshape(-1, 3), axis=0)) > 1) == written


@pytest.mark.parametrize("max_branches", [1, 16, 700])
def test_the_size_never_changes(small: str, max_branches: int) -> None:
    env = first_version.atomic(store=[small, "synthetic-small"], max_branches=max_branches, render_mode="rgb_array")
    shapes = set()
    for seed in range(6):
        rollout(env, 15, seed)
        pixels = env.render()
        assert isinstance(pixels, np.ndarray)
        assert pixels.dtype == np.uint8
        shapes.add(pixels.shape)
    assert len(shapes) == 1


def test_many_answers_have_a_mark() -> None:
    picture = shown((tuple(range(60)),), (1,) * 60)
    row = page.page(picture, 60).plain.splitlines()[4]
    assert row == "   0 " + rendering.LETTERS + "#" * 8
    assert image.rgb_array(picture, 1, 60).shape[2] == 3


def test_human_prints_each_step(small: str, capsys: pytest.CaptureFixture[str]) -> None:
    env = played(small, "human", "branch", "probe 0")
    assert env.render() is None
    printed = capsys.readouterr().out
    assert printed.count("question sum") == 4
    assert printed.endswith("A = 3\n     1\n   0 A\n")
    assert "\x1b" not in printed


def test_human_redraws_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "60")
    monkeypatch.setenv("LINES", "10")
    printer = page.Printer()
    printer.print(shown(((HIDDEN,),) * 9), 1, frame_seconds=0)
    first = capsys.readouterr().out
    assert "\x1b[1A" not in first and first.count("\n") == 9 and "4 more branches" in first
    printer.print(shown(((HIDDEN,),)), 1, frame_seconds=0)
    assert capsys.readouterr().out.count("\x1b[1A\x1b[2K") == 9
    printer.begin()
    printer.print(shown(()), 1, frame_seconds=0)
    assert "\x1b[1A" not in capsys.readouterr().out


def test_no_picture_without_a_mode(small: str) -> None:
    env = played(small, None, "branch")
    with pytest.warns(UserWarning, match="without a render mode"):
        assert env.render() is None
    assert env.step(STOP)[2]


ROUNDS = "TTSWidthDepthRounds-v1"


def test_rounds_show_every_interval(small: str) -> None:
    env = gym.make(ROUNDS, store=small, initial_width=0, render_mode="ansi")
    env.reset(options={"question": "sum", "order": [0, 1, 2, 3]})
    assert letters(env)[1] == "0 tokens, no votes"
    for action in ("widen_4", "deepen_all", "prune_advanced"):
        env.step(getattr(ACTION, action))
    assert letters(env)[1:] == [
        "700 tokens, leader B with 2 of 3 votes, confidence 0.688",
        "B = 2  A = 3  ? = ERR",
        "     1",
        "   0 AB×",
        "   1 BB|",
        "   2 ?AA|",
        "   3 B|",
    ]


@pytest.mark.parametrize("name", ["TTSWidthDepth-v1", ROUNDS])
def test_every_mode_renders(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for mode in gym.spec(name).make().unwrapped.metadata["render_modes"]:
        env = gym.make(name, render_mode=mode)
        env.reset(seed=0)
        shown = [env.step(1)[0] is not None and env.render() for _ in range(3)]
        assert {type(page) for page in shown} == {{"human": type(None), "ansi": str, "rgb_array": np.ndarray}[mode]}
    assert capsys.readouterr().out.count("question") >= 4


@pytest.mark.parametrize("name", ["TTSWidthDepth-v1", ROUNDS])
def test_frames_of_a_video_are_alike(name: str) -> None:
    env = gym.wrappers.RenderCollection(gym.make(name, render_mode="rgb_array", store="synthetic-small"))
    rollout(env, 10)
    frames = env.render()
    assert {(frame.shape, frame.dtype) for frame in frames} == {(frames[0].shape, np.dtype(np.uint8))}
    assert any((frame != frames[0]).any() for frame in frames)


@pytest.mark.parametrize("name", ["TTSWidthDepth-v1", ROUNDS])
def test_videos_are_recorded(name: str, tmp_path: Path) -> None:
    pytest.importorskip("moviepy")
    ffmpeg = pytest.importorskip("imageio_ffmpeg").get_ffmpeg_exe()
    env = gym.make(name, render_mode="rgb_array", store="synthetic-small")
    env = gym.wrappers.RecordVideo(env, str(tmp_path / "clips"), lambda episode: episode == 0)
    rollout(env, 30)
    shape = env.render().shape
    assert shape[0] % 2 == shape[1] % 2 == 0
    env.close()
    (file,) = tmp_path.glob("clips/*.mp4")
    command = [ffmpeg, "-v", "error", "-i", str(file), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    clip = np.frombuffer(subprocess.run(command, check=True, capture_output=True).stdout, np.uint8)
    frames = clip.reshape(-1, *shape).astype(int)
    grey = image.EMPTY[0] - rendering.UNSEEN[0]
    assert np.abs(frames[-1] - frames[0]).max() > grey // 2


def test_rounds_train_in_stable_baselines_as_any_environment_does() -> None:
    stable_baselines = pytest.importorskip("stable_baselines3")
    make_vec_env = pytest.importorskip("stable_baselines3.common.env_util").make_vec_env
    stable_baselines.PPO("MlpPolicy", ROUNDS, n_steps=16, batch_size=16, device="cpu").learn(16)
    envs = make_vec_env(ROUNDS, n_envs=2, env_kwargs={"render_mode": "rgb_array"})
    envs.reset()
    assert envs.render(mode="rgb_array").dtype == np.uint8


def test_the_animation_of_the_readme_is_drawn(tmp_path: Path) -> None:
    root = Path(__file__).parents[2]
    out = tmp_path / "episode.gif"
    command = [sys.executable, root / "benchmarks" / "draw_episode.py", "--out", out]
    assert "19 frames" in subprocess.run(command, check=True, capture_output=True, text=True).stdout
    with Image.open(out) as drawn, Image.open(root / "docs" / "images" / "episode.gif") as committed:
        assert (drawn.n_frames, drawn.size) == (committed.n_frames, committed.size)
