def schedule(beta):
    share = beta ** 2.131
    return {
        "n": int(round(6.5893 + 27.042499999999997 * share)),
    }


def program(episode, n):
    """Read ``n`` branches whole, in parallel, and answer by majority.

    Args:
        episode: the question.
        n: branches to read.
    """
    episode.read(n)
    return episode.leader(FINISHED)
