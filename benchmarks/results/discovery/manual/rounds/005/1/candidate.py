def schedule(beta):
    return {
        "first": int(round(2 + 6 * beta)),
        "most": int(round(2 * 28.0 ** beta)),
        "complete": int(round(2 + 5 * beta)),
        "level": 0.93 + 0.06 * beta,
        "patience": int(round(8 + 4 * beta)),
    }


def program(episode, first, most, complete, level, patience):
    """Waves: a new branch joins every other interval, so that the first to finish lead before most tokens are spent.

    Those that join late meet a leader early, and are abandoned when they have long disagreed with it; an easy question
    is over before all have joined.
    """
    episode.branch(first)
    dissent = np.zeros(episode.max_width, np.int64)
    intervals = 0
    while True:
        moved = episode.advance_all()
        intervals += 1
        leader = episode.leader(FINISHED)
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
        opened = -1
        if episode.width < most and (intervals % 2 == 0 or moved == 0):
            opened = episode.branch(1)
        if moved == 0 and opened < 0:
            break
    answer = episode.leader(FINISHED)
    return answer if answer >= 0 else episode.leader(ACTIVE)
