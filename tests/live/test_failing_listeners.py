"""What one episode cannot take in ends that episode, and no other."""

from dataclasses import replace

import pytest
from completion_server import until
from scripted_model import Script, ScriptedBackend

from tts_gym.agents.specs import parse_spec
from tts_gym.collectors.questions import Question
from tts_gym.collectors.settings import CollectionSettings
from tts_gym.live.answering import Solving
from tts_gym.live.engine import Engine
from tts_gym.live.model import live_model
from tts_gym.live.run import run
from tts_gym.live.settings import LiveSettings
from tts_gym.llm import Result, Sampling

ASKED = [Question(str(number), f"What is {number} + 1?", str(number + 1)) for number in range(4)]
SCRIPTS = {each.question: [Script(45, [each.gold] * 4, each.gold)] * 4 for each in ASKED}


class Damaged(ScriptedBackend):
    """Gives what cannot be taken in of the first question: branches or forced answers."""

    damages = "branches"

    def _completion(self, request):
        whole = super()._completion(request)
        kind = "branches" if request.sampling.temperature > 0 else "answers"
        if kind != self.damages or ASKED[0].question not in self.tokenizer.decode(request.prompt):
            return whole
        return replace(whole, tokens=whole.tokens.astype(str) if kind == "branches" else None)


@pytest.mark.parametrize("damages", ["branches", "answers"])
def test_an_answer_of_no_use_ends_its_question_alone(damages):
    backend = Damaged(SCRIPTS, 10)
    backend.damages = damages
    drawn = CollectionSettings("scripted", "scripted", 4, 10, max_tokens=100)
    with live_model(backend, LiveSettings(drawn)) as model:
        first, *others = run(ASKED, Solving(parse_spec("crew")[0]), model)
        assert "cannot go on: what the model gave cannot be taken in: " in first["error"]
        assert all(row["correct"] for row in others)
        assert model.engine.down is None and model.engine.pending == 0
    assert not backend._pending.requests


def test_a_listener_that_raises_is_told_nothing_more():
    backend = ScriptedBackend(SCRIPTS, 10, longest=3, sudden=0)
    engine = Engine(backend)
    prompts = [backend.tokenizer.chat([{"content": each.question}]) for each in ASKED]
    heard = {}

    def listener(number):
        def listen(event):
            heard.setdefault(number, []).append(event)
            if number == 1:
                raise RuntimeError("never mind")

        return listen

    for number, prompt in enumerate(prompts):
        engine.submit(prompt, Sampling(100), listener(number), stream=True)
    until(lambda: all(isinstance(heard.get(number, [None])[-1], Result) for number in (0, 2, 3)), 30)
    assert len(heard[1]) == 1 and engine.pending == 0 and engine.down is None
    engine.close()
    assert not backend._pending.requests
