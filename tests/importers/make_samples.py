"""Makes the logs in ``samples`` with the tools themselves, on a model that a script plays.

python make_samples.py lm-eval    in an environment with lm_eval[api]
python make_samples.py inspect    in an environment with inspect_ai
python make_samples.py openai     in an environment with openai
"""

import json
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

HERE = Path(__file__).parent
SAMPLES = HERE / "samples"
EPOCHS = 4
OF_MACHINE = {"pretty_env_info", "git_hash", "upper_git_hash"}
"""What results of lm-eval say that is none of the model's."""

MODEL = "scripted"
SUMS = [(12, 30), (7, 8), (25, 17), (60, 41), (9, 94), (33, 48)]
QUESTIONS = [
    {"id": f"sum-{n}", "question": f"What is {one} + {other}?", "gold": str(one + other)}
    for n, (one, other) in enumerate(SUMS)
]


class ScriptedModel:
    """Adds, thinks for some sentences first, and is wrong now and then."""

    def __init__(self):
        self.asked = Counter()

    def answer(self, question):
        """Reasoning, answer, tokens."""
        draw = random.Random(f"{question} {self.asked[question]}")
        self.asked[question] += 1
        one, other = (int(word.strip("?")) for word in question.split()[2::2])
        said = one + other + draw.choice([0, 0, 0, 1, 10])
        steps = [f"Step {n}: I add {one} and {other}." for n in range(1, draw.randint(2, 12))]
        return " ".join(steps), f"The final answer is {said}.", 14 * len(steps) + 8

    def reply(self, asked):
        """The answer of a server to a request to ``/v1/chat/completions``."""
        reasoning, said, tokens = self.answer(asked["messages"][-1]["content"])
        message = {"role": "assistant", "content": f"{reasoning} {said}"}
        return 200, {
            "id": "chatcmpl-1",
            "object": "chat.completion",
            "created": 0,
            "model": MODEL,
            "choices": [{"index": 0, "message": message, "finish_reason": "stop", "logprobs": None}],
            "usage": {"prompt_tokens": 9, "completion_tokens": tokens, "total_tokens": 9 + tokens},
        }


TASK = """\
task: sums
dataset_path: json
dataset_kwargs: {data_files: {test: QUESTIONS}}
test_split: test
output_type: generate_until
doc_to_text: "{{question}}"
doc_to_target: "{{gold}}"
repeats: EPOCHS
generation_kwargs: {until: [], do_sample: true, temperature: 0.7, max_gen_toks: 256}
metric_list: [{metric: exact_match}]
filter_list:
- {name: strict, filter: [{function: regex, regex_pattern: "answer is ([0-9]+)"}, {function: take_first}]}
- {name: last, filter: [{function: regex, regex_pattern: "([0-9]+)", group_select: -1}, {function: take_first}]}
"""


def lm_eval(folder, address):
    (folder / "questions.jsonl").write_text("".join(json.dumps(row) + "\n" for row in QUESTIONS))
    task = TASK.replace("QUESTIONS", str(folder / "questions.jsonl")).replace("EPOCHS", str(EPOCHS))
    (folder / "sums.yaml").write_text(task)
    arguments = f"model={MODEL},base_url={address}/chat/completions,num_concurrent=1"
    subprocess.run(
        [sys.executable, "-m", "lm_eval", "--model", "local-chat-completions", "--model_args", arguments]
        + ["--tasks", "sums", "--include_path", folder, "--apply_chat_template", "--log_samples"]
        + ["--output_path", folder / "out"],
        check=True,
        cwd=folder,
    )
    for file in (folder / "out" / MODEL).iterdir():
        kept = SAMPLES / "lm-eval" / file.name
        kept.parent.mkdir(exist_ok=True)
        told = file.read_text().replace(f"{folder}/", "")
        if file.name.startswith("results"):
            told = json.dumps({name: value for name, value in json.loads(told).items() if name not in OF_MACHINE})
        kept.write_text(told + "\n" * (not told.endswith("\n")))


def inspect(folder, address):
    from inspect_ai import Task, eval
    from inspect_ai.dataset import Sample
    from inspect_ai.model import ChatMessageAssistant, ContentReasoning, ContentText, ModelOutput, ModelUsage, get_model
    from inspect_ai.scorer import includes

    model = ScriptedModel()

    def output(messages, *_):
        reasoning, said, tokens = model.answer(messages[-1].text)
        parts = [ContentReasoning(reasoning=reasoning), ContentText(text=said)]
        made = ModelOutput.from_message(ChatMessageAssistant(content=parts, model=MODEL, source="generate"))
        usage = ModelUsage(input_tokens=9, output_tokens=tokens, total_tokens=9 + tokens)
        return made.model_copy(update={"model": MODEL, "usage": usage})

    asked = [Sample(id=row["id"], input=row["question"], target=row["gold"]) for row in QUESTIONS]
    played = get_model("mockllm/scripted", custom_outputs=output)
    os.chdir(folder)
    task = Task(name="sums", dataset=asked, scorer=includes(), epochs=EPOCHS)
    (log,) = eval(task, model=played, log_dir=str(folder), log_format="eval", max_connections=1, display="none")
    (SAMPLES / "inspect.eval").write_bytes(Path(log.location.removeprefix("file://")).read_bytes())


def openai(folder, address):
    from openai import OpenAI

    client = OpenAI(base_url=address, api_key="none")
    logged, batch = [], []
    for row in QUESTIONS:
        for epoch in range(EPOCHS):
            request = {"model": MODEL, "messages": [{"role": "user", "content": row["question"]}]}
            response = client.chat.completions.create(**request).model_dump(mode="json")
            logged.append({"request": request | {"metadata": {"gold": row["gold"]}}, "response": response})
            body = {"status_code": 200, "request_id": "r", "body": response}
            batch.append({"id": "b", "custom_id": f"{row['id']}-{epoch}", "response": body, "error": None})
    for name, rows in (("responses", logged), ("batch", batch), ("questions", QUESTIONS)):
        (SAMPLES / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))


if __name__ == "__main__":
    sys.path.insert(0, str(HERE.parent / "llm"))
    from completion_server import Script, serving

    with tempfile.TemporaryDirectory() as folder, serving(Script(ScriptedModel().reply)) as address:
        {"lm-eval": lm_eval, "inspect": inspect, "openai": openai}[sys.argv[1]](Path(folder), address)
