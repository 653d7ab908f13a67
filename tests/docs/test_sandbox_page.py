"""The page on the sandbox is true of the sandbox."""

import json
import re

from pages import ROOT, Page

from tts_gym.sandbox import jail_process, jailed_controller
from tts_gym.sandbox.child.seccomp import _MACHINES
from tts_gym.sandbox.isolation import STRONG
from tts_gym.sandbox.runs import Limits
from tts_gym.sandbox.size import MOST_NUMBERS

PAGE = Page("docs/sandbox.md", long="winner.py:beta")
SAID = " ".join(PAGE.text.split())


def test_the_block_runs(block, reader):
    reader.follow(block)


def test_its_numbers_are_those_of_the_code():
    x86, arm = (len(calls) for _, calls in _MACHINES.values())
    limits = Limits()
    for said in (
        f"every system call but {x86} ({arm} on AArch64)",
        f"address space ({limits.memory / 2**30:.0f} GiB), processor time, size of files ({limits.file_size})",
        f"{limits.seconds:.0f} s a run in a discovery, `--timeout` or {jailed_controller.LIMITS.seconds:.0f} s a block",
        f"prints more than {jail_process.MOST_PRINTED // 2**20} MiB",
        f"more than {MOST_NUMBERS} constants",
    ):
        assert said in SAID


def test_its_layers_are_those_of_strong_isolation():
    (told,) = (each.split(" + ") for each in re.findall("With all layers it says `(.*?)`", SAID))
    assert told == json.loads((ROOT / "benchmarks/results/sandbox.json").read_text())["isolation"].split(" + ")
    assert set(STRONG) <= set(told)


def test_its_costs_are_those_of_the_committed_results():
    cost = json.loads((ROOT / "benchmarks/results/sandbox.json").read_text())
    assert f"{cost['episodes']:,} episodes, takes {cost['processor_seconds_in_jail']:.1f} s of processor time" in SAID
    assert f"{cost['processor_seconds_without']:.1f} s without, {cost['overhead_percent']:.0f} % more" in SAID
    served = json.loads((ROOT / "benchmarks/results/served_class.json").read_text())
    assert f"makes {served['calls_a_second_served']:,.0f} calls a second" in SAID
    assert f"it makes {served['calls_a_second_without_jail']:,.0f} without a jail" in SAID
