def schedule(beta):
    share = beta ** 1.286
    return {
        "n": int(round(5.9077 + 47.6064 * share)),
    }


def program(episode, n):
    """Read ``n`` branches whole, in parallel, and answer by majority.

    Args:
        episode: the question.
        n: branches to read.
    """
    episode.read(n)
    return episode.leader(FINISHED)
