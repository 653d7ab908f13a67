def schedule(beta):
    share = beta ** 0.732
    return {
        "n": int(round(1.0 + 64.2284 * share)),
    }


def program(episode, n):
    """Read ``n`` branches whole, in parallel, and answer by majority.

    Args:
        episode: the question.
        n: branches to read.
    """
    episode.read(n)
    return episode.leader(FINISHED)
