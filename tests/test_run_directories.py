"""A run is thrown away whole, and nothing else is."""

import pytest

from tts_gym.errors import TTSGymError
from tts_gym.run_directories import Layout

LAYOUT = Layout("run", ("marks/mark.json", "mark.txt"), ("mark.txt", "marks", "events.*", "*.partial"))


@pytest.fixture
def directory(tmp_path):
    """A directory of a run."""
    path = tmp_path / "run"
    (path / "marks").mkdir(parents=True)
    for name in ("marks/mark.json", "marks/anything", "mark.txt", "events.1", "half.partial"):
        (path / name).touch()
    return path


def names(path):
    return sorted(each.name for each in path.rglob("*"))


def refuses(directory, words):
    before = names(directory.parent)
    with pytest.raises(TTSGymError, match=words):
        LAYOUT.discard(directory)
    assert names(directory.parent) == before


def test_a_run_is_thrown_away_and_leaves_an_empty_directory(directory):
    assert LAYOUT.is_begun(directory) and not LAYOUT.is_free(directory)
    LAYOUT.discard(directory)
    assert names(directory.parent) == ["run"]
    assert LAYOUT.is_free(directory) and not LAYOUT.is_begun(directory)


@pytest.mark.parametrize("mark", LAYOUT.marks)
def test_what_lacks_a_mark_is_no_run(directory, mark):
    (directory / mark).unlink()
    refuses(directory, "is no directory of a run")


def test_what_is_not_there_or_no_directory_is_no_run(tmp_path):
    (tmp_path / "file").touch()
    refuses(tmp_path / "absent", "is no directory of a run")
    refuses(tmp_path / "file", "is no directory of a run")
    assert LAYOUT.is_free(tmp_path / "absent") and not LAYOUT.is_free(tmp_path / "file")


@pytest.mark.parametrize("name", ["thesis.tex", "mark.text", ".git", "event"])
def test_a_run_with_something_else_in_it_stays(directory, name):
    (directory / name).touch()
    refuses(directory, f"holds {name}, which is not of a run: move that")


def test_one_that_was_cut_off_as_it_began_may_begin_again(tmp_path):
    (tmp_path / "mark.txt").touch()
    (tmp_path / "mark.json.partial").touch()
    assert LAYOUT.is_free(tmp_path) and not LAYOUT.is_begun(tmp_path)
    (tmp_path / "events.1").touch()
    assert not LAYOUT.is_free(tmp_path)


def test_a_link_is_followed_and_stays(directory, tmp_path):
    (tmp_path / "link").symlink_to(directory)
    LAYOUT.discard(tmp_path / "link")
    assert (tmp_path / "link").is_symlink() and names(directory) == []


def test_where_one_is_stays(directory, monkeypatch):
    for inside in (directory, directory / "marks"):
        monkeypatch.chdir(inside)
        refuses(directory, "while you are in it")
