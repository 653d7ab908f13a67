"""Policies for ``TTSWidthDepth-v1`` that see the branches as a set: Deep Sets (arXiv 1703.06114), equivariant heads.

A branch is embedded by itself, ``h_i = phi(branch_i)``. The embeddings of the opened branches are pooled and joined
with the summary, ``c = rho([mean_i h_i, max_i h_i, summary])``. The logits of CONTINUE(i), PROBE(i) and PRUNE(i) come
from ``[h_i, c]``, those of STOP and BRANCH and the value from ``c``. Renumbering the branches therefore renumbers the
logits and leaves the value alone, and no weight depends on how many branches an environment allows: a ``state_dict``
trained with 8 of them loads into a policy for 64.

======================  =======================
Policy                  Algorithms
======================  =======================
``SetPolicy``           PPO, A2C
``MaskableSetPolicy``   MaskablePPO
``SetDQNPolicy``        DQN
``SetQRDQNPolicy``      QRDQN
======================  =======================

As everywhere in Stable-Baselines3, ``policy_kwargs`` sets ``net_arch`` and ``activation_fn``, here of the networks
behind the encoder, and ``features_extractor_kwargs={"width": …}`` the encoder's size.
"""

from __future__ import annotations

from typing import Any

import torch
from gymnasium import spaces
from sb3_contrib.common.maskable.policies import MaskableActorCriticPolicy
from sb3_contrib.qrdqn.policies import QRDQNPolicy, QuantileNetwork
from stable_baselines3.common.policies import ActorCriticPolicy
from stable_baselines3.common.torch_layers import BaseFeaturesExtractor, MlpExtractor
from stable_baselines3.dqn.policies import DQNPolicy, QNetwork
from torch import nn

from tts_gym.envs.observation import BRANCH_AT

_LOGIT_GAIN = 0.01


class SetEncoder(BaseFeaturesExtractor):
    """Turns an observation into one row for the context and one for each branch.

    Its output is float32 [batch, 1 + shown, 2 width]: row 0 is ``[0, c]``, row 1 + i is ``[h_i, c]``, where ``h_i`` is
    0 if branch i is not opened. Branches behind the last one that is opened in the batch are all alike, so the first of
    them stands for the others, as the last row.
    """

    def __init__(self, observation_space: spaces.Space[Any], width: int = 64) -> None:
        """Make an encoder.

        Args:
            observation_space: that of ``TTSWidthDepth-v1``.
            width: size of an embedding and of the context.

        Raises:
            ValueError: the observations hold no branches.
        """
        if not isinstance(observation_space, spaces.Dict) or set(observation_space) != {"branches", "summary"}:
            raise ValueError(
                "A set policy needs the observations of TTSWidthDepth-v1, 'branches' and 'summary', "
                f"but got {observation_space}."
            )
        super().__init__(observation_space, 2 * width)
        features, summary = (observation_space[name].shape[-1] for name in ("branches", "summary"))  # type: ignore[index]
        self.embed = nn.Sequential(nn.Linear(features, width), nn.ReLU(), nn.Linear(width, width), nn.ReLU())
        self.join = nn.Sequential(nn.Linear(2 * width + summary, width), nn.ReLU())

    def forward(self, observations: dict[str, torch.Tensor]) -> torch.Tensor:
        """Encode ``branches`` [batch, max_branches, features] and ``summary`` [batch, features]."""
        branches = observations["branches"]
        used = branches[..., BRANCH_AT.opened].any(0).nonzero()
        shown = min(int(used.max()) + 2 if len(used) else 1, branches.shape[1])
        branches = branches[:, :shown]
        opened = branches[..., BRANCH_AT.opened, None]
        embeddings = self.embed(branches) * opened
        mean = embeddings.sum(1) / opened.sum(1).clamp(min=1)
        # Embeddings are 0 or more, so the zeros of unopened branches do not change the maximum.
        context = self.join(torch.cat([mean, embeddings.amax(1), observations["summary"]], 1))
        rows = nn.functional.pad(embeddings, (0, 0, 1, 0))
        return torch.cat([rows, context[:, None].expand_as(rows)], 2)


class ActionHead(nn.Module):  # type: ignore[misc]
    """The last layer: STOP and BRANCH from the row of the context, CONTINUE, PROBE and PRUNE from each branch's row.

    From [batch, 1 + shown, latent] to [batch, actions], in the order of ``tts_gym.episode.actions``; with ``values``
    above 1 to [batch, values, actions]. The numbers of the last branch that is shown are those of all behind it.
    """

    def __init__(self, latent: int, actions: int, values: int = 1) -> None:
        """Make a head.

        Args:
            latent: features of a row.
            actions: 2 + 3 max_branches.
            values: numbers for each action.
        """
        super().__init__()
        self.values = values
        self.max_branches = (actions - 2) // 3
        self.context = nn.Linear(latent, 2 * values)
        self.branch = nn.Linear(latent, 3 * values)

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        """The numbers of every action."""
        shown = self.branch(rows[:, 1:])
        behind = shown[:, -1:].expand(-1, self.max_branches - shown.shape[1], -1)
        numbers = torch.cat([self.context(rows[:, 0]), shown.flatten(1), behind.flatten(1)], 1)
        return numbers if self.values == 1 else numbers.unflatten(1, (-1, self.values)).transpose(1, 2)


class _RowMlps(MlpExtractor):
    """The actor's network on every row, the critic's on the context's."""

    def forward_critic(self, features: torch.Tensor) -> torch.Tensor:
        return super().forward_critic(features[:, 0])


class _OverSet:
    """A policy of Stable-Baselines3 whose encoder is a ``SetEncoder`` unless it is told otherwise."""

    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **{"features_extractor_class": SetEncoder} | settings)


class _ActorCriticOverSet(_OverSet):
    """Actor and critic behind it."""

    def _build_mlp_extractor(self: Any) -> None:
        self.mlp_extractor = _RowMlps(self.features_dim, self.net_arch, self.activation_fn, self.device)

    def _build(self: Any, lr_schedule: Any) -> None:
        super()._build(lr_schedule)  # type: ignore[misc]
        self.action_net = ActionHead(self.mlp_extractor.latent_dim_pi, int(self.action_space.n))
        if self.ortho_init:
            self.action_net.apply(lambda module: self.init_weights(module, _LOGIT_GAIN))
        self.optimizer = self.optimizer_class(self.parameters(), lr=lr_schedule(1), **self.optimizer_kwargs)


class SetPolicy(_ActorCriticOverSet, ActorCriticPolicy):
    """Actor and critic over a set of branches, for PPO and A2C."""


class MaskableSetPolicy(_ActorCriticOverSet, MaskableActorCriticPolicy):
    """The same for sb3-contrib's MaskablePPO, which leaves inadmissible actions out."""


class _SetQNetwork(QNetwork):
    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        self.q_net[-1] = ActionHead(self.q_net[-1].in_features, int(self.action_space.n))


class SetDQNPolicy(_OverSet, DQNPolicy):
    """Action values over a set of branches, for DQN."""

    def make_q_net(self) -> QNetwork:
        """The network, or its target."""
        return _SetQNetwork(**self._update_features_extractor(self.net_args)).to(self.device)  # type: ignore[no-any-return]


class _SetQuantileNetwork(QuantileNetwork):
    def __init__(self, *arguments: Any, **settings: Any) -> None:
        super().__init__(*arguments, **settings)
        latent, actions = self.quantile_net[-1].in_features, int(self.action_space.n)
        self.quantile_net[-1] = ActionHead(latent, actions, self.n_quantiles)


class SetQRDQNPolicy(_OverSet, QRDQNPolicy):
    """Quantiles of action values over a set of branches, for sb3-contrib's QRDQN."""

    def make_quantile_net(self) -> QuantileNetwork:
        """The network, or its target."""
        return _SetQuantileNetwork(**self._update_features_extractor(self.net_args)).to(self.device)  # type: ignore[no-any-return]
