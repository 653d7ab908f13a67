def schedule(beta):
    share = beta ** 1.386
    return {
        "n": int(round(5.5192 + 51.821200000000005 * share)),
    }


def program(episode, n):
    """Read ``n`` branches whole, in parallel, and answer by majority.

    Args:
        episode: the question.
        n: branches to read.
    """
    episode.read(n)
    return episode.leader(FINISHED)
