def schedule(beta):
    share = beta ** 0.682
    return {
        "n": int(round(1.0 + 63.366699999999994 * share)),
    }


def program(episode, n):
    """Read ``n`` branches whole, in parallel, and answer by majority.

    Args:
        episode: the question.
        n: branches to read.
    """
    episode.read(n)
    return episode.leader(FINISHED)
