"""The oracle: an upper bound, not a controller."""

from __future__ import annotations

from tts_gym.agents.programs.program import Program
from tts_gym.agents.programs.self_consistency import self_consistency

PROGRAM = Program("oracle", self_consistency, upper_bound=True, probes=False)
"""Read ``n`` branches; the grader, which alone knows the gold answer, counts it as right if any of them is."""
