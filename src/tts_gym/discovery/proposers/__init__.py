"""Who writes the candidates, one file a kind; ``make_proposer`` imports the one that is asked for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tts_gym.collectors.estimate import read_prices
from tts_gym.discovery.errors import DiscoveryError
from tts_gym.discovery.proposers.proposer import Proposer
from tts_gym.discovery.settings import Settings

PROPOSERS = ("manual", "evolution", "openai", "command", "claude-agent")


def make_proposer(settings: Settings, seeds: Mapping[str, str]) -> Proposer:
    """The proposer that ``settings`` names.

    Args:
        settings: what the discovery is told.
        seeds: sources of the seed programs by name.

    Raises:
        DiscoveryError: there is none of that name, an option is missing or its library is not installed, or it cannot
            keep to a limit because it does not tell what it takes.
    """
    made = _make(settings, seeds)
    if not made.metered and (settings.max_usd is not None or settings.max_tokens is not None):
        raise DiscoveryError(
            f"The proposer {settings.proposer} does not tell the tokens and dollars it takes: "
            "leave --max-usd and --max-tokens out."
        )
    return made


def _make(settings: Settings, seeds: Mapping[str, str]) -> Proposer:
    if settings.proposer == "manual":
        from tts_gym.discovery.proposers.manual import Manual

        return Manual()
    if settings.proposer == "evolution":
        try:
            from tts_gym.discovery.proposers.evolution import Evolution
        except ImportError as error:
            raise _lacking(settings, error) from error
        return Evolution(seeds, settings.seed, settings.candidates_per_round, settings.beta)
    if settings.proposer == "command":
        from tts_gym.discovery.proposers.command import Command

        return Command(_needed(settings, "command"), settings.timeout)
    if settings.proposer in ("openai", "claude-agent"):
        model = _needed(settings, "model")
        prices = None if settings.prices is None else read_prices(settings.prices, model)
        options: dict[str, Any] = {"model": model, "prices": prices, "timeout": settings.timeout}
        if settings.proposer == "claude-agent":
            from tts_gym.discovery.proposers.claude_agent import ClaudeAgent

            return ClaudeAgent(**options)
        if settings.max_usd is not None and prices is None:
            raise DiscoveryError("--max-usd needs a price file: add --prices FILE.")
        try:
            from tts_gym.discovery.proposers.openai_chat import OpenAIChat
        except ImportError as error:
            raise _lacking(settings, error) from error
        return OpenAIChat(base_url=settings.base_url, max_output=settings.max_output, **options)
    raise DiscoveryError(f"Unknown proposer {settings.proposer!r}: use one of {', '.join(PROPOSERS)}.")


def _needed(settings: Settings, name: str) -> str:
    value = getattr(settings, name)
    if not value:
        raise DiscoveryError(f"The proposer {settings.proposer} needs --{name}.")
    return str(value)


def _lacking(settings: Settings, error: ImportError) -> DiscoveryError:
    return DiscoveryError(f"The proposer {settings.proposer} needs an extra ({error}): install tts-gym[synthesis].")
