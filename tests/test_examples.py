"""Each script in ``examples`` runs, for a few hundred steps, and prints the figures it is there for."""

import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[1] / "examples"
STEPS = r"^ +[\d,]+ steps  mean return +-?[01]\.\d+"
SCRIPTS = {
    "sb3_ppo": (("stable_baselines3",), r"random -?\d\.\d+, PPO -?\d\.\d+"),
    "cleanrl_ppo": (("torch",), STEPS),
    "torchrl_env": (("torchrl",), r"^300 random steps, all of them admissible: True$"),
    "rllib_ppo": (("ray", "lz4", "ormsgpack", "scipy", "tensorboardX", "tree"), STEPS),
}


def test_every_script_is_run():
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(SCRIPTS)


@pytest.mark.slow
@pytest.mark.parametrize("name", SCRIPTS)
def test_it_runs(name, tmp_path):
    modules, figures = SCRIPTS[name]
    missing = [module for module in modules if find_spec(module) is None]
    if missing:
        pytest.skip(f"needs {', '.join(missing)}")
    ran = subprocess.run(
        [sys.executable, EXAMPLES / f"{name}.py", "--timesteps", "300"],
        cwd=tmp_path,
        env=os.environ | {"NUMBA_DISABLE_JIT": "0", "OMP_NUM_THREADS": "1", "RAY_USAGE_STATS_ENABLED": "0"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert ran.returncode == 0, ran.stderr
    assert re.search(figures, ran.stdout, re.MULTILINE), ran.stdout
    assert not list(tmp_path.iterdir())
