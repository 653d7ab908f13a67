def schedule(beta):
    return {
        "width": int(round(4 * 16.0 ** beta)),
        "crew": int(round(4 + 2 * beta)),
        "complete": int(round(2 + 3 * beta)),
        "level": 0.8 + 0.17 * beta,
        "limit": 42,
    }


def program(episode, width, crew, complete, level, limit):
    """A crew whose branches are replaced when they end, or when they have gone on for too long.

    Branches beyond ``limit`` intervals are a tenth of all and the dearest; what they end with is mostly wrong, and
    wrong in the same way. The place of one in the crew is worth more to a fresh branch.
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
    answer = episode.leader(FINISHED)
    return answer if answer >= 0 else episode.leader(ACTIVE)
