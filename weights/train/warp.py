"""Dynamic time warping: which moments of a recording go with which of the same text said by somebody else.

Both are rows of features a step. The path goes from (0, 0) to the ends, in moves of one step of both, of the first alone
(the recording is faster there) or of the recording alone (it is slower, or pauses where the other did not).
"""

import numpy as np

ALONE = 0.3  # cost of a step of one side alone, besides that of the difference: rhythm is kept where nothing speaks against it
BOTH, FIRST, SECOND, PAUSE = range(4)


def by_diagonals(cost):
    """[n, m] -> [n + m - 1, n]: row d has the places (i, d - i); those outside are infinite."""
    n, m = cost.shape
    wide = np.full((n, m + n), np.inf, np.float32)
    wide[:, :m] = cost
    return np.ascontiguousarray(wide.ravel()[:n * (m + n - 1)].reshape(n, m + n - 1).T)


def warp(cost, pause):
    """cost [n, m] of going through step i of the first and step j of the second together, pause [m] of the second pausing.

    Returns (path, mean cost): rows (i, j, move into it), from (0, 0) to (n - 1, m - 1). The work of a whole anti-diagonal is
    one operation.
    """
    n, m = cost.shape
    if not n or not m:
        raise ValueError("there is nothing to warp")
    if pause.shape != (m,):
        raise ValueError(f"the pauses are {pause.shape}, not {(m,)}")
    both = by_diagonals(cost)
    waits = np.minimum(cost + ALONE, pause[None])
    wait = by_diagonals(waits)
    moves = np.zeros((n + m - 1, n), np.int8)
    before, last = np.full(n + 1, np.inf, np.float32), np.full(n + 1, np.inf, np.float32)  # sums, at i + 1
    last[1] = cost[0, 0]
    for d in range(1, n + m - 1):
        now = np.full(n + 1, np.inf, np.float32)
        choices = np.stack([before[:-1] + both[d], last[:-1] + both[d] + np.float32(ALONE), last[1:] + wait[d]])
        moves[d] = choices.argmin(0)
        now[1:] = choices.min(0)
        before, last = last, now
    path, i, j = [], n - 1, m - 1
    while i or j:
        move = moves[i + j, i]
        path.append((i, j, PAUSE if move == SECOND and waits[i, j] < cost[i, j] + ALONE else move))
        i, j = i - (move != SECOND), j - (move != FIRST)
    path.append((0, 0, BOTH))
    return np.array(path[::-1]), float(last[n]) / (n + m)


def carry_over(path, owner, shortest_pause):
    """Per step of the second: the entry of `owner` [n] that it belongs to, or -1 in a pause of its own.

    Where several steps of the first share one of the second, the middle one has it. Pauses of fewer than `shortest_pause`
    steps are none: a stop's closure is as quiet.
    """
    steps = path[-1, 1] + 1
    first = np.searchsorted(path[:, 1], np.arange(steps), "left")
    after = np.searchsorted(path[:, 1], np.arange(steps), "right")
    owned = np.asarray(owner)[path[(first + after - 1) // 2, 0]]
    paused = path[first, 2] == PAUSE
    edges = np.flatnonzero(np.diff(np.concatenate([[0], paused.astype(np.int8), [0]])))
    for begin, end in edges.reshape(-1, 2):
        if end - begin >= shortest_pause:
            owned[begin:end] = -1
    return owned
