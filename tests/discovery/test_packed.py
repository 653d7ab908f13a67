"""A packed archive is read as its directory is, and nothing else is."""

import io
import lzma
import tarfile
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tts_gym.discovery import packed
from tts_gym.discovery.archive import Archive
from tts_gym.discovery.loop import begin
from tts_gym.discovery.packed import opened, pack
from tts_gym.discovery.report import write_report
from tts_gym.discovery.settings import DiscoverySettings
from tts_gym.errors import DiscoveryError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def discovered(tmp_path, store_file, interpreted):
    """The directory of a discovery of one round."""
    told = DiscoverySettings((str(store_file),), rounds=1, seeds=2, seed_programs=("sc",), proposer="evolution")
    begin(tmp_path / "d", told, 1, lambda _: None).run()
    return tmp_path / "d"


@pytest.fixture
def unpacked_to(tmp_path, monkeypatch):
    """Where temporary directories are made."""
    folder = tmp_path / "temporary"
    folder.mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def tar(*entries):
    """A tar file of entries: a name, a type and what is in it or linked to."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w") as file:
        for name, kind, inside in entries:
            entry = tarfile.TarInfo(name)
            entry.type, entry.mode = kind, 0o644
            if kind == tarfile.REGTYPE:
                entry.size = len(inside)
                file.addfile(entry, io.BytesIO(inside))
            else:
                entry.linkname = inside
                file.addfile(entry)
    return content.getvalue()


def test_what_is_packed_reports_and_tells_what_its_directory_does(discovered, unpacked_to, run):
    file = discovered.with_name("d.tar.xz")
    assert run("discover", "pack", discovered, "-o", file) == (0, "", "")
    before = file.read_bytes()
    for command in ("report", "status"):
        status, shown, _ = run("discover", command, discovered)
        assert status == 0 and "r01-1" in shown
        assert run("discover", command, file) == (0, shown, "")
    pack(discovered, file)
    assert file.read_bytes() == before
    assert not list(unpacked_to.iterdir())


def test_what_is_not_asked_for_again_stays_out(discovered):
    write_report(discovered)
    file = discovered.with_name("d.tar.xz")
    pack(discovered, file)
    with tarfile.open(file) as content:
        names = set(content.getnames())
    kept = {"discovery.json"} | {f"rounds/{number}" for number in ("000", "001")}
    assert {name if "/" not in name else name[:10] for name in names} == kept
    assert {"rounds/001/1/candidate.py", "rounds/001/1/questions.parquet", "rounds/001/lessons.md"} <= names
    assert not any("workspace" in name or "prompt" in name for name in names)


def test_only_an_archive_that_rests_is_packed(tmp_path, discovered):
    file = tmp_path / "d.tar.xz"
    with pytest.raises(DiscoveryError, match="is no directory of a discovery"):
        pack(tmp_path, file)
    with Archive(discovered).alone(), pytest.raises(DiscoveryError, match="Another process works"):
        pack(discovered, file)
    assert not file.exists()


def sparse():
    """A tar file whose only entry says that it has 2^40 bytes, of which one is there."""
    content = io.BytesIO()
    with tarfile.open(fileobj=content, mode="w", format=tarfile.PAX_FORMAT) as file:
        entry = tarfile.TarInfo("sparse")
        entry.pax_headers, entry.size = {"GNU.sparse.map": "0,1", "GNU.sparse.size": str(2**40)}, 1
        file.addfile(entry, io.BytesIO(b"x"))
    return content.getvalue()


HOSTILE = {
    "above": [("../above", tarfile.REGTYPE, b"x")],
    "a link to above": [("link", tarfile.SYMTYPE, "../.."), ("link/above", tarfile.REGTYPE, b"x")],
    "a hard link": [("link", tarfile.LNKTYPE, "/etc/passwd")],
    "a pipe": [("pipe", tarfile.FIFOTYPE, "")],
    "a device": [("device", tarfile.CHRTYPE, "")],
    "a directory that is a file": [("a", tarfile.REGTYPE, b"x"), ("a/b", tarfile.REGTYPE, b"x")],
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_reaches_beyond_its_directory_is_refused(tmp_path, unpacked_to, name):
    file = tmp_path / "hostile.tar.xz"
    file.write_bytes(lzma.compress(tar(*HOSTILE[name])))
    with pytest.raises(DiscoveryError, match=r"hostile\.tar\.xz cannot be unpacked") as caught, opened(file):
        pass
    assert "\n" not in str(caught.value)
    assert not list(unpacked_to.iterdir())
    assert set(tmp_path.iterdir()) == {file, unpacked_to}


def test_what_is_larger_than_an_archive_is_refused(tmp_path, monkeypatch):
    file = tmp_path / "bomb.tar.xz"
    file.write_bytes(lzma.compress(bytes(packed.MOST_BYTES + 1), preset=0))
    assert file.stat().st_size < 100_000
    with pytest.raises(DiscoveryError, match="too large"), opened(file):
        pass
    file.write_bytes(lzma.compress(sparse()))
    with pytest.raises(DiscoveryError, match="too large"), opened(file):
        pass
    monkeypatch.setattr(packed, "MOST_FILES", 2)
    file.write_bytes(lzma.compress(tar(*((str(k), tarfile.REGTYPE, b"") for k in range(3)))))
    with pytest.raises(DiscoveryError, match="too large"), opened(file):
        pass
    monkeypatch.setattr(packed, "MOST_BYTES", 100)
    with pytest.raises(DiscoveryError, match="it is too large"), opened(file):
        pass


@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_a_damaged_file_is_refused(tmp_path_factory, data):
    whole = lzma.compress(tar(("discovery.json", tarfile.REGTYPE, b"{}" * 50), ("empty", tarfile.REGTYPE, b"")))
    place = data.draw(st.integers(0, len(whole) - 1))
    damaged = bytearray(whole)
    damaged[place] ^= data.draw(st.integers(1, 255))
    file = tmp_path_factory.getbasetemp() / "damaged.tar.xz"
    for content in (whole[:place], bytes(damaged), lzma.compress(whole[:place]), whole[place:] if place else b""):
        file.write_bytes(content)
        with pytest.raises(DiscoveryError, match="cannot be unpacked"), opened(file):
            pass


def test_a_whole_file_without_a_discovery_says_so(tmp_path, run):
    file = tmp_path / "other.tar.xz"
    file.write_bytes(lzma.compress(tar(("notes.txt", tarfile.REGTYPE, b"x"))))
    status, out, err = run("discover", "report", file)
    assert (status, out) == (2, "")
    assert err == f"Error: {file} is no directory of a discovery: begin one with discover run.\n"


def test_a_damaged_candidate_is_named(discovered):
    (discovered / "rounds/001/1/result.json").write_text("{}")
    with pytest.raises(DiscoveryError, match=r"damaged candidate in rounds/001/1 \('name'\)"):
        Archive(discovered).history()


@pytest.mark.parametrize("name", ["manual", "evolution"])
def test_the_committed_archives_report_what_stands_beside_them(name, monkeypatch, shared_data):
    monkeypatch.chdir(ROOT)
    results = ROOT / "benchmarks" / "results" / "discovery"
    page = write_report(results / f"{name}.tar.xz").splitlines()
    beside = (results / name / "report.md").read_text().splitlines()
    (more,) = (line for line in page if line not in beside)
    assert "the winner's is" in more and "(+0.00;" in more
    assert [line for line in beside if line] == [line for line in page if line and line != more]
