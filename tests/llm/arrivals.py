"""What comes of requests to a backend."""

from tts_gym.llm import Delta


def collect(backend):
    """All that arrives until nothing is pending: deltas and results by key."""
    deltas, results = {}, {}
    while arrived := backend.arrived():
        for each in arrived:
            assert each.key not in results
            if isinstance(each, Delta):
                deltas.setdefault(each.key, []).append(each)
            else:
                results[each.key] = each
    return deltas, results
