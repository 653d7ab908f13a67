def schedule(beta):
    share = beta ** 1.23
    return {
        "n": int(round(2.4646 + 63.8653 * share)),
    }


def program(episode, n):
    """Read ``n`` branches whole, in parallel, and answer by majority.

    Args:
        episode: the question.
        n: branches to read.
    """
    episode.read(n)
    return episode.leader(FINISHED)
