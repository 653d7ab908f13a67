from pathlib import Path

import pytest

from tts_gym.discovery.report import status_text
from tts_gym.errors import DiscoveryError
from tts_gym.report.discoveries import is_discovery, read_discovery

PACKED = Path(__file__).parents[2] / "benchmarks" / "results" / "discovery" / "manual.tar.xz"


@pytest.fixture(scope="module")
def found():
    return read_discovery(PACKED)


def test_it_tells_what_the_status_tells(found):
    lines = status_text(PACKED).splitlines()[1:]
    assert len(lines) == len(found["candidates"])
    for line, candidate in zip(lines, found["candidates"], strict=True):
        assert line.startswith(candidate["name"]) and f"{candidate['score']:.2f}" in line
    assert found["settings"]["proposer"] == "manual"
    assert "After round 5" in found["lessons"][5]


def test_a_candidate_is_compared_with_an_earlier_one(found):
    names = [candidate["name"] for candidate in found["candidates"]]
    assert found["candidates"][0]["like"] is None
    for place, candidate in enumerate(found["candidates"][1:], 1):
        assert candidate["like"] in names[:place]
        earlier = found["candidates"][names.index(candidate["like"])]["source"].splitlines()
        changes = candidate["changes"][2:]
        assert {line[1:] for line in changes if line[0] == "+"} <= set(candidate["source"].splitlines())
        assert {line[1:] for line in changes if line[0] == "-"} <= set(earlier)


def test_what_is_no_discovery_is_told_apart(tmp_path, two_stores):
    assert is_discovery(PACKED) and not is_discovery(two_stores)
    (tmp_path / "file.tar.xz").write_bytes(b"nothing of the kind")
    with pytest.raises(DiscoveryError, match="file.tar.xz"):
        read_discovery(tmp_path / "file.tar.xz")
