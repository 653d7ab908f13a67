def schedule(beta):
    share = beta ** 1.336
    return {
        "n": int(round(9.5927 + 53.4307 * share)),
    }


def program(episode, n):
    """Read ``n`` branches whole, in parallel, and answer by majority.

    Args:
        episode: the question.
        n: branches to read.
    """
    episode.read(n)
    return episode.leader(FINISHED)
