def schedule(beta):
    return {
        "cohort": int(round(2 * 32.0 ** beta)),
        "complete": int(round(2 + 6 * beta)),
        "lead": 1.7 + 3.0 * beta,
        "patience": int(round(8 + 4 * beta)),
    }


def weights(episode):
    """Weight of each answer among the finished branches: a branch counts less the longer it took beside the quickest."""
    quickest = 10**9
    for i in range(episode.width):
        if episode.is_finished(i):
            quickest = min(quickest, episode.depth(i))
    tally = np.zeros(len(episode.votes(ALL)) + 1)
    for i in range(episode.width):
        if episode.is_finished(i):
            share = quickest / episode.depth(i)
            tally[episode.answer(i)] += share * share
    return tally


def program(episode, cohort, complete, lead, patience):
    """A cohort with abandoned dissenters, in which the quick count more: votes fall with the square of the length.

    It stops when the leader is ahead of the runner-up by ``lead`` votes of the quickest kind.
    """
    episode.branch(cohort)
    dissent = np.zeros(episode.max_width, np.int64)
    leader = -1
    while episode.advance_all() > 0:
        if episode.completed == 0:
            continue
        tally = weights(episode)
        leader = int(np.argmax(tally))
        best = tally[leader]
        tally[leader] = 0.0
        if episode.completed >= complete and best - np.max(tally) >= lead:
            break
        for i in range(episode.width):
            if episode.is_active(i) and not episode.is_finished(i):
                if episode.answer(i) == leader:
                    dissent[i] = 0
                else:
                    dissent[i] += 1
                if dissent[i] >= patience:
                    episode.prune(i)
    if episode.completed > 0:
        return int(np.argmax(weights(episode)))
    return episode.leader(ACTIVE)
