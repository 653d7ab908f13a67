"""Controllers as code, one file an algorithm; ``PROGRAMS`` has those the package ships, by name."""

from tts_gym.agents.programs import (
    adaptive_consistency,
    adaptive_consistency_dirichlet,
    adaptive_consistency_weighted,
    answer_consistency,
    borda,
    certaindex,
    cmc,
    crew,
    deepconf,
    deepconf_online,
    deer,
    early_stopping_self_consistency,
    oracle,
    parallel_probe,
    self_consistency,
    short_m_at_k,
    single,
)
from tts_gym.agents.programs.program import Between, Parameter, Program

PROGRAMS = {
    module.PROGRAM.name: module.PROGRAM
    for module in (
        single,
        self_consistency,
        adaptive_consistency,
        adaptive_consistency_dirichlet,
        early_stopping_self_consistency,
        parallel_probe,
        cmc,
        crew,
        short_m_at_k,
        answer_consistency,
        certaindex,
        deepconf,
        deepconf_online,
        borda,
        adaptive_consistency_weighted,
        deer,
        oracle,
    )
}

__all__ = ["PROGRAMS", "Between", "Parameter", "Program"]
