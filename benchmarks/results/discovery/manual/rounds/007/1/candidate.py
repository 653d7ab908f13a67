def schedule(beta):
    return {
        "first": int(round(2 + 10 * beta)),
        "most": int(round(2 * 29.0 ** beta)),
        "complete": int(round(2 + 4 * beta)),
        "level": 0.93 + 0.06 * beta,
        "patience": int(round(8 + 4 * beta)),
    }


def program(episode, first, most, complete, level, patience):
    """Cohorts in stages: a small one decides the easy questions; only a contested vote brings the next, twice as large.

    Within a cohort, branches that have long disagreed with the finished ones are abandoned. A later cohort is judged
    afresh: its branches are given the patience from their own start, and against the leader of all that have finished.
    """
    episode.branch(min(first, most))
    dissent = np.zeros(episode.max_width, np.int64)
    size = first
    while True:
        moved = episode.advance_all()
        leader = episode.leader(FINISHED)
        running = 0
        if leader >= 0:
            if episode.completed >= complete and episode.confidence(FINISHED) >= level:
                break
            for i in range(episode.width):
                if episode.is_active(i) and not episode.is_finished(i):
                    if episode.answer(i) == leader:
                        dissent[i] = 0
                    else:
                        dissent[i] += 1
                    if dissent[i] >= patience:
                        episode.prune(i)
                    else:
                        running += 1
        else:
            running = episode.width
        opened = -1
        contested = episode.completed >= 2 and 2 * running <= size
        if episode.width < most and (contested or moved == 0):
            size = min(2 * size, most - episode.width)
            opened = episode.branch(size)
        if moved == 0 and opened < 0:
            break
    answer = episode.leader(FINISHED)
    return answer if answer >= 0 else episode.leader(ACTIVE)
