def schedule(beta):
    share = beta ** 0.88
    return {
        "n": int(round(23.9217 + 52.084500000000006 * share)),
    }


def program(episode, n):
    """Read ``n`` branches whole, in parallel, and answer by majority.

    Args:
        episode: the question.
        n: branches to read.
    """
    episode.read(n)
    return episode.leader(FINISHED)
