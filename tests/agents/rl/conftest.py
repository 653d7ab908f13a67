import pytest

TINY = """
{env}:
  n_envs: 8
  arguments: {{max_branches: 4}}
  hyperparameters: {{{hyperparameters}}}
  save_every: {every}
  validation_seeds: 2
"""

HYPERPARAMETERS = {
    "ppo": "n_steps: 16, batch_size: 64, n_epochs: 1",
    "maskable-ppo": "n_steps: 16, batch_size: 64, n_epochs: 1",
    "a2c": "n_steps: 4",
    "dqn": "learning_starts: 64, buffer_size: 1000, batch_size: 16, gradient_steps: 1",
    "qrdqn": "learning_starts: 64, buffer_size: 1000, batch_size: 16, gradient_steps: 1",
    "recurrent-ppo": "n_steps: 16, batch_size: 64, n_epochs: 1",
}


@pytest.fixture
def tiny(tmp_path):
    """Write settings with which an algorithm takes its few steps fast; returns the file."""

    def write(algorithm="maskable-ppo", env="TTSWidthDepthRounds-v1", every=128):
        file = tmp_path / f"{algorithm}-{every}.yaml"
        file.write_text(TINY.format(env=env, hyperparameters=HYPERPARAMETERS[algorithm], every=every))
        return file

    return write
