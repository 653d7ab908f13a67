"""Discovery: controllers proposed as code, replayed, diagnosed, and proposed again (arXiv 2605.08083, section 4).

``loop`` goes round: ``proposers`` write a candidate, ``assess`` scores it behind the jail of ``sandbox``,
``traces`` and ``diagnosis`` say what went wrong in which episode, ``feedback`` makes a page of it for the next.
``archive`` keeps everything on disk; ``report`` chooses the winner.
"""
