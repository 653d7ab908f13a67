def schedule(beta):
    return {
        "first": int(round(2 + 6 * beta)),
        "most": int(round(2 * 32.0 ** beta)),
        "pace": 1.0 + 2.0 * beta,
        "level": 0.9 + 0.09 * beta,
    }


def program(episode, first, most, pace, level):
    """A race: open branches at a steady pace; the depths of the first three that finish set the length that is allowed.

    Whoever thinks much longer than the quickest is abandoned, and new branches take the place, so that tokens buy votes
    of quick branches.
    """
    episode.branch(min(first, most))
    due = 0.0
    quick = 0
    counted = 0
    while True:
        moved = episode.advance_all()
        if episode.completed >= 2 and episode.confidence(FINISHED) >= level:
            break
        if counted < 3:
            quick = 0
            counted = 0
            for i in range(episode.width):
                if episode.is_finished(i):
                    quick += episode.depth(i)
                    counted += 1
        if counted >= 2:
            limit = 1.6 * quick / counted
            for i in range(episode.width):
                if episode.is_active(i) and not episode.is_finished(i) and episode.depth(i) > limit:
                    episode.prune(i)
        opened = -1
        due += pace / 4
        if episode.width < most and (due >= 1 or moved == 0):
            number = max(1, int(due))
            opened = episode.branch(min(number, most - episode.width))
            due -= int(due)
        if moved == 0 and opened < 0:
            break
    answer = episode.leader(FINISHED)
    return answer if answer >= 0 else episode.leader(ACTIVE)
