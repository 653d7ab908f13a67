def schedule(beta):
    share = beta ** 1.022
    return {
        "n": int(round(13.849 + 53.4379 * share)),
    }


def program(episode, n):
    """Read ``n`` branches whole, in parallel, and answer by majority.

    Args:
        episode: the question.
        n: branches to read.
    """
    episode.read(n)
    return episode.leader(FINISHED)
