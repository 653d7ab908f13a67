"""Evaluations on disk, and text that would like to be markup."""

from scripted_model import ScriptedBackend, scripts_of

from tts_gym.agents.specs import one_controller, parse_spec
from tts_gym.collectors.questions import Question
from tts_gym.collectors.settings import CollectionSettings
from tts_gym.datasets import load_store
from tts_gym.evaluation.evaluate import evaluate_many
from tts_gym.evaluation.kept import as_kept, keep
from tts_gym.live.answering import Solving
from tts_gym.live.model import live_model
from tts_gym.live.run import run
from tts_gym.live.settings import LiveSettings

HOSTILE = (
    "</script><img src=x onerror=hacked()>",
    "<!-- <script> -->",
    "{{script}} &lt;b&gt; \u2028\u2029",
    "<b>bold</b>",
)

HOSTILE_FILE = """
class Reader:
    def __init__(self, config):
        pass

    def solve(self, question):
        return question.get_new_branch_final_answer()
"""


def evaluated(directory, stores, specs, seeds=2, rules="exact"):
    """The directory of an evaluation of ``specs`` on ``stores``."""
    loaded = {str(name): load_store(name) for name in stores}
    names = [(name, spec) for name in loaded for spec in specs]
    pairs = [(parse_spec(spec)[0], loaded[name]) for name, spec in names]
    keep(as_kept(directory, "tts-gym evaluate …", loaded, names, list(evaluate_many(pairs, seeds, rules))))
    return directory


def asked_of(store, count):
    """The first questions of a store, as they are put to a model."""
    golds = [store.class_texts[place][store.gold[place]] for place in range(count)]
    return [Question(*each) for each in zip(store.question_ids[:count], store.questions[:count], golds, strict=True)]


def solved(out, spec, record=None, asked=None, **solving):
    """The answers of a live run on a model that writes what ``smollm2-arithmetic`` recorded, and its recording."""
    store = load_store("smollm2-arithmetic")
    asked = asked_of(store, 4) if asked is None else asked
    scripts = {text: scripts_of(store, place) for place, text in enumerate(store.questions)}
    width = int(store.branch_counts.min())
    drawn = CollectionSettings("scripted", "scripted", width, store.interval, max_tokens=10_000)
    with live_model(ScriptedBackend(scripts, store.interval), LiveSettings(drawn)) as model:
        run(asked, Solving(one_controller(spec), **solving), model, out, record)
    return out
