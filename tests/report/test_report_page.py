"""The file of a report: whole, alone, and without a way for data to become markup."""

import json
import re
from html.parser import HTMLParser

from evaluations import HOSTILE, evaluated
from hypothesis import given
from hypothesis import strategies as st

from tts_gym.report.build import write_report
from tts_gym.report.page import embedded


@given(st.recursive(st.text(), lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=5))
def test_embedded_data_comes_back_and_ends_no_element(data):
    text = embedded({"data": data})
    assert not set(text) & set("<>&\u2028\u2029")
    assert json.loads(text) == {"data": data}


class Elements(HTMLParser):
    def __init__(self):
        super().__init__()
        self.tags, self.addresses = [], []

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.addresses += [value for name, value in attributes if name in ("src", "href") and value[0] != "#"]


def test_hostile_text_is_data_and_the_file_asks_for_nothing(hostile, two_stores, tmp_path):
    pages = []
    for run in (hostile, two_stores):
        write_report([run], tmp_path / "report.html", "worst:4", "tts-gym report …")
        pages.append((tmp_path / "report.html").read_text())
    parsed = []
    for page in pages:
        parser = Elements()
        parser.feed(page)
        assert parser.addresses == []
        parsed.append(parser.tags)
    assert parsed[0] == parsed[1]
    found = json.loads(re.search(r'id="document">(.*?)</script>', pages[0], re.DOTALL)[1])
    (store,) = found["stores"].values()
    assert [each["text"] for each in store] == [HOSTILE[0], HOSTILE[2]]
    assert store[0]["gold"] == HOSTILE[1]
    assert f"Reader:note={HOSTILE[3]}" in found["controllers"]


def test_the_same_run_gives_the_same_file(store_file, tmp_path):
    run = evaluated(tmp_path / "run", [store_file], ["sc:n=2", "oracle"])
    for name in ("one.html", "two.html"):
        write_report([run], tmp_path / name, "all", "tts-gym report …")
    assert (tmp_path / "one.html").read_bytes() == (tmp_path / "two.html").read_bytes()
