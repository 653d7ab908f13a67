def schedule(beta):
    share = beta ** 1.481
    return {
        "n": int(round(1.0 + 60.3023 * share)),
    }


def program(episode, n):
    """Read ``n`` branches whole, in parallel, and answer by majority.

    Args:
        episode: the question.
        n: branches to read.
    """
    episode.read(n)
    return episode.leader(FINISHED)
