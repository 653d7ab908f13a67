def schedule(beta):
    return {
        "width": int(round(4 * 16.0 ** beta)),
        "crew": int(round(4 + 2 * beta)),
        "complete": int(round(2 + 3 * beta)),
        "level": 0.8 + 0.17 * beta,
        "limit": 42,
    }


def heaviest(episode, limit):
    """The answer of most weight among the finished branches; a branch weighs what it left of ``limit``."""
    weights = np.zeros(len(episode.votes(FINISHED)) + 1)
    for i in range(episode.width):
        if episode.is_finished(i) and episode.is_valid(episode.answer(i)):
            weights[episode.answer(i)] += max(1, limit + 1 - episode.depth(i))
    best = int(np.argmax(weights))
    return best if weights[best] > 0 else episode.leader(FINISHED)


def program(episode, width, crew, complete, level, limit):
    """A crew with a limit, in which a branch counts the more, the sooner it ended.

    The limit said that a vote is worth nothing from there on. There is no cliff: branches are less often right the
    longer they take, so that the weight of a vote falls steadily to the limit.
    """
    episode.branch(crew)
    while episode.advance_all() > 0:
        if episode.completed >= complete and episode.confidence(FINISHED) >= level:
            break
        running = 0
        for i in range(episode.width):
            if episode.is_active(i) and not episode.is_finished(i):
                if episode.completed > 0 and episode.depth(i) >= limit:
                    episode.prune(i)
                else:
                    running += 1
        episode.branch(max(0, min(crew - running, width - episode.width)))
    return heaviest(episode, limit) if episode.completed > 0 else episode.leader(ACTIVE)
