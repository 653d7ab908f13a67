def schedule(beta):
    share = beta ** 1.604
    return {
        "n": int(round(1.6236 + 42.132 * share)),
    }


def program(episode, n):
    """Read ``n`` branches whole, in parallel, and answer by majority.

    Args:
        episode: the question.
        n: branches to read.
    """
    episode.read(n)
    return episode.leader(FINISHED)
