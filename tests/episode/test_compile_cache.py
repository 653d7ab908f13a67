import os
import subprocess
import sys
from pathlib import Path

from tts_gym.episode import compile_cache
from tts_gym.episode.compile_cache import kernel_fingerprint


def test_replay_works_where_no_cache_directory_is_writable(tmp_path):
    script = (
        "import numba.core.caching as caching\n"
        "caching.CacheImpl._locator_classes = []\n"
        "import tts_gym\n"
        "print(tts_gym.evaluate('single', tts_gym.synthetic_store(2, 2), seeds=1).summary.questions)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=os.environ | {"HOME": "/"}
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "2\n", "")


def test_the_cache_directory_of_the_environment_is_honoured(tmp_path):
    script = "import tts_gym; tts_gym.evaluate('single', tts_gym.synthetic_store(2, 2), seeds=1)"
    environment = {key: value for key, value in os.environ.items() if key != "NUMBA_DISABLE_JIT"}
    subprocess.run([sys.executable, "-c", script], check=True, env=environment | {"NUMBA_CACHE_DIR": str(tmp_path)})
    assert list(tmp_path.rglob("*_drive_single*.nbi"))


SLOW = """
import sys
from numba.core.errors import TypingError
from tts_gym.episode.compile_cache import compile_cached

def function(x):
    return sorted([x, 2 * x, 3 * x])[0]

def broken(x):
    return x.nothing

function, broken = compile_cached(function), compile_cached(broken)
try:
    broken(1)
except TypingError:
    pass
function(1)
print(sum(function.stats.cache_misses.values()))
"""


def test_what_two_processes_need_at_once_is_compiled_by_one_of_them(tmp_path):
    script = tmp_path / "slow.py"
    script.write_text(SLOW)
    environment = {key: value for key, value in os.environ.items() if key != "NUMBA_DISABLE_JIT"}
    environment["NUMBA_CACHE_DIR"] = str(tmp_path / "cache")
    running = [
        subprocess.Popen([sys.executable, script], env=environment, stdout=subprocess.PIPE, text=True) for _ in range(2)
    ]
    assert sorted(process.communicate(timeout=60)[0] for process in running) == ["0\n", "1\n"]


def test_a_kernel_is_keyed_on_the_engine_and_on_the_files_beside_it(tmp_path):
    fingerprint, engine = kernel_fingerprint.__wrapped__, Path(compile_cache.__file__).parent
    (tmp_path / "kernels.py").write_text('"Before."')
    before = fingerprint(engine), fingerprint(tmp_path)
    (tmp_path / "kernels.py").write_text('"After."')
    assert fingerprint(engine) == before[0]
    assert fingerprint(tmp_path) != before[1]
