def schedule(beta):
    share = beta ** 3.968
    return {
        "n": int(round(1.0 + 29.3096 * share)),
    }


def program(episode, n):
    """Read ``n`` branches whole, in parallel, and answer by majority.

    Args:
        episode: the question.
        n: branches to read.
    """
    episode.read(n)
    return episode.leader(FINISHED)
