def schedule(beta):
    share = beta ** 0.934
    return {
        "n": int(round(2.892 + 50.138099999999994 * share)),
    }


def program(episode, n):
    """Read ``n`` branches whole, in parallel, and answer by majority.

    Args:
        episode: the question.
        n: branches to read.
    """
    episode.read(n)
    return episode.leader(FINISHED)
