import json

import pytest
from evaluations import HOSTILE, HOSTILE_FILE, evaluated

from tts_gym.report.build import write_report


@pytest.fixture(scope="session")
def two_stores(tmp_path_factory):
    """Programs of every kind on both bundled stores."""
    specs = ["single", "sc:n=8", "cmc:beta=0.2", "cmc", "parallel-probe", "esc", "oracle"]
    directory = tmp_path_factory.mktemp("runs") / "both"
    return evaluated(directory, ["smollm2-arithmetic", "synthetic-small"], specs)


@pytest.fixture(scope="session")
def hostile(tmp_path_factory):
    """A store, a controller and a parameter that would all like to be markup."""
    folder = tmp_path_factory.mktemp("hostile")
    question, gold, other, parameter = HOSTILE
    branch = [[gold, other], 250, gold]
    recorded = [
        {"question": text, "gold_answer": gold, "probe_freq": 100, "each_branch": [branch, [[], 90, other]]}
        for text in (question, other)
    ]
    store = folder / "model" / "<b>bold<b>.json"
    store.parent.mkdir()
    store.write_text(json.dumps(recorded))
    file = folder / "reader.py"
    file.write_text(HOSTILE_FILE)
    return evaluated(folder / "run", [store], ["sc:n=2", f"{file}:Reader:note={parameter}"])


@pytest.fixture(scope="session")
def report_file(two_stores):
    """A report of ``two_stores``."""
    file = two_stores.with_name("report.html")
    write_report([two_stores], file, "worst:60", "tts-gym report …")
    return file
