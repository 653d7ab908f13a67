import subprocess
from pathlib import Path

import gymnasium as gym
import numpy as np
import pytest
from rollouts import rollout

from tts_gym.envs import rendering
from tts_gym.envs.rounds import ACTION
from tts_gym.envs.width_depth import TTSWidthDepthEnv
from tts_gym.episode.actions import STOP, encode_action

MOVES = ("branch", "probe 0", "continue 0", "branch", "continue 1", "branch", "probe 2", "branch", "prune 3", "prune 2")


def played(small: str, mode: str | None, *actions: str) -> TTSWidthDepthEnv:
    env = TTSWidthDepthEnv(store=small, max_branches=5, render_mode=mode)
    env.reset(options={"question": "sum", "order": [0, 1, 2, 3]})
    for action in actions:
        kind, *branch = action.split()
        env.step(encode_action(kind, *map(int, branch)))
    return env


def test_letters(small: str) -> None:
    assert played(small, "ansi", *MOVES).render() == (
        "question sum  540 tokens  leader A with 1 of 2 votes  confidence 0.500\n"
        "   0 A·\n"
        "   1 ·B|\n"
        "   2 ?×\n"
        "   3 B|×\n"
        "     A = 3  B = 2  ? = ERR"
    )


def test_letters_at_the_start(small: str) -> None:
    assert played(small, "ansi").render() == "question sum  0 tokens  no votes"


def test_letters_after_the_end(small: str) -> None:
    env = played(small, "ansi", "branch", "probe 0", "stop")
    assert str(env.render()).startswith("question sum  100 tokens  leader A with 1 of 1 votes")


def test_an_episode_forgets_the_one_before(small: str) -> None:
    env = played(small, "ansi", *MOVES)
    env.reset(options={"question": "sum", "order": [0, 1, 2, 3]})
    env.step(encode_action("branch"))
    assert str(env.render()).splitlines()[1:] == ["   0 ·"]


def test_colours(small: str) -> None:
    image = played(small, "rgb_array", *MOVES).render()
    assert isinstance(image, np.ndarray)
    cell, corner = 24, (48, 12)

    def middle(branch: int, interval: int) -> tuple[int, ...]:
        return tuple(image[corner[0] + branch * cell + cell // 2, corner[1] + interval * cell + cell // 2].tolist())

    assert middle(0, 0) == rendering.PALETTE[0]
    assert middle(0, 1) == rendering.UNSEEN
    assert middle(0, 2) == middle(4, 0) == rendering.EMPTY
    assert middle(1, 1) == rendering.PALETTE[1]
    assert min(middle(2, 0)) > max(rendering.BROKEN)
    assert tuple(image[corner[0] + cell, corner[1]]) == rendering.INK
    assert {tuple(pixel) for pixel in image[16, 12:-12].tolist()} == set(rendering.PALETTE[:2])


@pytest.mark.parametrize("max_branches", [1, 16, 700])
def test_the_size_never_changes(small: str, max_branches: int) -> None:
    env = TTSWidthDepthEnv(store=[small, "synthetic-small"], max_branches=max_branches, render_mode="rgb_array")
    shapes = set()
    for seed in range(6):
        rollout(env, 15, seed)
        image = env.render()
        assert isinstance(image, np.ndarray)
        assert image.dtype == np.uint8
        shapes.add(image.shape)
    assert len(shapes) == 1


def test_many_answers_have_a_mark() -> None:
    shown = rendering.Picture("q", 0, 0, 0.5, (1,) * 60, ("x",) * 60, -1, (tuple(range(60)),), (False,), (False,))
    row = rendering.text(shown).plain.splitlines()[1]
    assert row == "   0 " + rendering.LETTERS + "#" * 8
    assert rendering.rgb_array(shown, 1, 60).shape[2] == 3


def test_human_prints_each_step(small: str, capsys: pytest.CaptureFixture[str]) -> None:
    env = played(small, "human", "branch", "probe 0")
    assert env.render() is None
    printed = capsys.readouterr().out
    assert printed.count("question sum") == 4
    assert printed.endswith("   0 A\n     A = 3\n")
    assert "\x1b" not in printed


def test_human_redraws_on_a_terminal(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm")
    page = rendering.text(rendering.Picture("q", 0, -1, 0.0, (), (), -1, ((-1,),), (False,), (False,)))
    lines = rendering.print_page(page, 0, frame_seconds=0)
    assert lines == 2
    assert "\x1b[1A" not in capsys.readouterr().out
    rendering.print_page(page, lines, frame_seconds=0)
    assert capsys.readouterr().out.count("\x1b[1A\x1b[2K") == 2


def test_no_picture_without_a_mode(small: str) -> None:
    env = played(small, None, "branch")
    with pytest.warns(UserWarning, match="without a render mode"):
        assert env.render() is None
    assert env.step(STOP)[2]


ROUNDS = "TTSWidthDepthRounds-v0"


def test_rounds_show_every_interval(small: str) -> None:
    env = gym.make(ROUNDS, store=small, render_mode="ansi")
    env.reset(options={"question": "sum", "order": [0, 1, 2, 3]})
    assert str(env.render()).endswith("0 tokens  no votes")
    for action in ("widen_4", "deepen_all", "prune_advanced"):
        env.step(getattr(ACTION, action))
    assert env.render() == (
        "question sum  700 tokens  leader B with 2 of 3 votes  confidence 0.688\n"
        "   0 AB×\n"
        "   1 BB|\n"
        "   2 ?AA|\n"
        "   3 B|\n"
        "     B = 2  A = 3  ? = ERR"
    )


@pytest.mark.parametrize("name", ["TTSWidthDepth-v0", ROUNDS])
def test_every_mode_renders(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    for mode in gym.spec(name).make().unwrapped.metadata["render_modes"]:
        env = gym.make(name, render_mode=mode)
        env.reset(seed=0)
        shown = [env.step(1)[0] is not None and env.render() for _ in range(3)]
        assert {type(page) for page in shown} == {{"human": type(None), "ansi": str, "rgb_array": np.ndarray}[mode]}
    assert capsys.readouterr().out.count("question") >= 4


@pytest.mark.parametrize("name", ["TTSWidthDepth-v0", ROUNDS])
def test_frames_of_a_video_are_alike(name: str) -> None:
    env = gym.wrappers.RenderCollection(gym.make(name, render_mode="rgb_array", store="synthetic-small"))
    rollout(env, 30)
    frames = env.render()
    assert {(frame.shape, frame.dtype) for frame in frames} == {(frames[0].shape, np.dtype(np.uint8))}
    assert any((frame != frames[0]).any() for frame in frames)


@pytest.mark.parametrize("name", ["TTSWidthDepth-v0", ROUNDS])
def test_videos_are_recorded(name: str, tmp_path: Path) -> None:
    pytest.importorskip("moviepy")
    ffmpeg = pytest.importorskip("imageio_ffmpeg").get_ffmpeg_exe()
    env = gym.make(name, render_mode="rgb_array", store="synthetic-small")
    env = gym.wrappers.RecordVideo(env, str(tmp_path / "clips"), lambda episode: episode == 0)
    rollout(env, 30)
    shape = env.render().shape
    env.close()
    (file,) = tmp_path.glob("clips/*.mp4")
    command = [ffmpeg, "-v", "error", "-i", str(file), "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    clip = np.frombuffer(subprocess.run(command, check=True, capture_output=True).stdout, np.uint8)
    frames = clip.reshape(-1, *shape).astype(int)
    grey = rendering.EMPTY[0] - rendering.UNSEEN[0]
    assert np.abs(frames[-1] - frames[0]).max() > grey // 2


def test_rounds_train_in_stable_baselines_as_any_environment_does() -> None:
    stable_baselines = pytest.importorskip("stable_baselines3")
    make_vec_env = pytest.importorskip("stable_baselines3.common.env_util").make_vec_env
    stable_baselines.PPO("MlpPolicy", ROUNDS, n_steps=16, batch_size=16, device="cpu").learn(16)
    envs = make_vec_env(ROUNDS, n_envs=2, env_kwargs={"render_mode": "rgb_array"})
    envs.reset()
    assert envs.render(mode="rgb_array").dtype == np.uint8
