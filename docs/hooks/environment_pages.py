"""A page an environment, in Gymnasium's format, made of its docstring."""

import gymnasium as gym

import tts_gym.envs.config as configurations
from pictures import ROUNDS, episode_of_rounds
from templates import page
from tts_gym.envs.config import DEFAULT_STORE, AtomicConfig, RoundsConfig

ATOMIC_CAPTION = (
    "`cmc` plays an episode (`python benchmarks/draw_episode.py --out docs/images/episode.gif`). A row is a branch, a "
    "cell an interval, coloured and lettered by the answer that the branch would give there."
)
ROUNDS_CAPTION = f"An episode of these rounds, a frame each: {', '.join(f'`{name}`' for name in ROUNDS)}."

PAGES = {
    "environments/width-depth.md": (AtomicConfig, "../images/episode.gif", ATOMIC_CAPTION),
    "environments/rounds.md": (RoundsConfig, "rounds.gif", ROUNDS_CAPTION),
}


def made() -> dict[str, str | bytes]:
    """The pages and their pictures by place."""
    found: dict[str, str | bytes] = {"environments/rounds.gif": episode_of_rounds(DEFAULT_STORE)}
    for uri, (config, picture, caption) in PAGES.items():
        found[uri] = _page(config, picture, caption)
    return found


def _page(config: type[configurations.ReplayConfig], picture: str, caption: str) -> str:
    env = gym.make(config.env_id).unwrapped
    return page("environment.md", env=env, id=config.env_id, words=type(env).__doc__, picture=picture, caption=caption)
