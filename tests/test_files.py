"""Files are whole or absent, locks are held by one, and what cannot be read is one clear sentence."""

import errno
import hashlib
import multiprocessing
import os
import signal
from concurrent.futures import ThreadPoolExecutor

import pytest

from tts_gym.errors import ControllerError, StoreError
from tts_gym.files import PARTIAL, explaining, locked, read_whole, sha256, write_whole

SIZE = 2**22


def writing(path, byte, started):
    """Write a file of one byte again and again."""
    while True:
        write_whole(path, byte * SIZE)
        started.set()


def test_a_file_is_written_with_the_directories_above_it(tmp_path):
    path = tmp_path / "a" / "b" / "file"
    for content, lasting in ((b"one", True), (b"two", False)):
        write_whole(path, content, lasting)
        assert path.read_bytes() == content and os.listdir(path.parent) == ["file"]


def test_others_may_read_it_as_any_file(tmp_path):
    (tmp_path / "plain").touch()
    write_whole(tmp_path / "file", b"")
    assert (tmp_path / "file").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_many_writers_and_a_kill_never_leave_half_a_file(tmp_path):
    path = tmp_path / "file"
    context = multiprocessing.get_context("spawn")
    started = [context.Event() for _ in range(2)]
    writers = [
        context.Process(target=writing, args=(path, byte, event), daemon=True)
        for byte, event in zip((b"a", b"b"), started, strict=True)
    ]
    for writer in writers:
        writer.start()
    assert all(event.wait(60) for event in started)
    seen = [path.read_bytes() for _ in range(50)]
    for writer in writers:
        os.kill(writer.pid, signal.SIGKILL)
        writer.join()
    for content in (*seen, path.read_bytes()):
        assert content in (b"a" * SIZE, b"b" * SIZE)
    left = {each.name for each in tmp_path.iterdir()} - {"file"}
    assert all(name.startswith("file.") and name.endswith(PARTIAL) for name in left)


def test_threads_do_not_mix_what_they_write(tmp_path):
    path = tmp_path / "file"
    contents = [bytes([number]) * 2**16 for number in range(32)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda content: write_whole(path, content, lasting=False), contents))
    assert path.read_bytes() in contents and os.listdir(tmp_path) == ["file"]


@pytest.mark.parametrize("call", ["sync", "os.replace"])
def test_what_cannot_be_written_leaves_the_old_file_and_is_named(tmp_path, monkeypatch, call):
    def refuse(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    path = tmp_path / "file"
    write_whole(path, b"old")
    monkeypatch.setattr(f"tts_gym.files.{call}", refuse)
    with pytest.raises(OSError, match=r"No space left on device: '.*/file'"):
        write_whole(path, b"new")
    assert path.read_bytes() == b"old" and os.listdir(tmp_path) == ["file"]


def holding(file, held):
    with locked(file):
        held.set()
        signal.pause()


def test_a_lock_is_held_by_one_process_and_gone_with_it(tmp_path):
    file, busy = tmp_path / "lock", ControllerError("somebody else is here")
    context = multiprocessing.get_context("spawn")
    held = context.Event()
    other = context.Process(target=holding, args=(file, held), daemon=True)
    other.start()
    assert held.wait(60)
    with pytest.raises(ControllerError, match="somebody else is here"), locked(file, busy):
        pytest.fail("two hold the lock")
    os.kill(other.pid, signal.SIGKILL)
    other.join()
    with locked(file, busy):
        pass
    with locked(file):
        pass


def test_the_hash_of_a_file_is_that_of_its_content(tmp_path):
    (tmp_path / "file").write_bytes(b"content" * 10**6)
    assert sha256(tmp_path / "file") == hashlib.sha256(b"content" * 10**6).hexdigest()


@pytest.mark.parametrize("error", [StoreError, ControllerError])
def test_what_cannot_be_read_is_one_sentence_that_names_it(tmp_path, error):
    with pytest.raises(error, match="missing does not exist; check the path"):
        read_whole(tmp_path / "missing", error)
    with pytest.raises(error, match="is a directory where a file is expected"):
        read_whole(tmp_path, error)
    with pytest.raises(error, match="cannot be read"), explaining(tmp_path, error):
        raise OSError(errno.EIO, "Input/output error")
    (tmp_path / "file").write_bytes(b"content")
    assert read_whole(tmp_path / "file", error) == b"content"
