"""Candidates that are refused before they run, by what they are after. Each is the body of a program, or whole."""

import numpy as np

HEAD = 'def schedule(beta):\n    return {"n": int(round(2 + 30 * beta))}\n\n\n'


def program(body, helpers=""):
    """A candidate with this body; ``n`` is its parameter."""
    lines = "".join(f"    {line}\n" for line in body.strip("\n").splitlines())
    return f"{HEAD}{helpers}def program(episode, n):\n{lines}"


BEYOND = {
    "reads what lies before an array": "b = np.zeros(1, np.int64)\nb[0] = -300\nreturn np.bincount(b)[1]",
    "adds to what lies before an array": "return int(np.bincount(np.full(1, -9), np.ones(1), 300)[1])",
    "adds a short array in place": "down = np.zeros(3000000)\ndown += np.ones(8)\nreturn int(down[n])",
    "adds a list in place": "x = np.zeros(3000000)\nx += [1, 2]\nreturn int(x[n])",
    "multiplies a piece in place": "x = np.ones(9)\nx[2:4] *= np.ones(30000)\nreturn int(x[0])",
    "shifts in place": "x = np.ones(9, np.int64)\nx <<= np.ones(3, np.int64)\nreturn x[0]",
    "adds in place in a helper": "x = np.ones(9)\nadd(x, np.ones(3))\nreturn int(x[8])",
    "adds in place what it takes from a tuple": "a, b = np.ones(9), np.ones(3)\na += b\nreturn int(a[8])",
    "has an output": "x = np.zeros(3)\nnp.add(np.ones(9), np.ones(9), x)\nreturn int(x[0])",
    "has a named output": "x = np.zeros(3)\nnp.maximum(np.ones(9), np.ones(9), out=x)\nreturn int(x[0])",
    "has an output by place": "x = np.zeros(3)\nnp.maximum(np.ones(9), np.ones(9), x)\nreturn int(x[0])",
    "has an output for a sum": "x = np.zeros(1)\nnp.cumsum(np.ones(9), 0, np.float64, x)\nreturn int(x[0])",
    "repeats a list": "x = [1.0] * (2**61 + n)\nreturn int(x[3000000])",
    "repeats a list from the left": "x = n * [1.0]\nreturn int(x[0])",
    "repeats a list in place": "x = [1.0]\nx *= 2**61\nreturn int(x[9])",
    "joins lists": "x = [1.0] + [2.0]\nreturn int(x[1])",
    "assigns a piece of a list": "x = [1.0]\nx[5:9] = [2.0, 3.0]\nreturn int(x[2])",
    "goes backwards": "x = np.ones(9)[::-1]\nreturn int(x[0])",
    "goes in steps": "x = np.ones(9)[1 : n : 2**40]\nreturn int(x[0])",
    "writes in steps": "x = np.ones(9)\nx[::2] = np.ones(9)\nreturn int(x[0])",
    "has memory that nobody wrote": "return int(np.empty(300)[n])",
    "has memory like another's": "return int(np.empty_like(np.ones(300))[n])",
    "sees an array as another": "return int(np.ones(3).view(np.int64)[1])",
    "has its own strides": "return int(np.lib.stride_tricks.as_strided(np.ones(3), (900,), (8,))[n])",
    "takes what it likes": "return int(np.take(np.ones(3), n + 99))",
    "puts where it likes": "x = np.ones(3)\nnp.put(x, n + 99, 1)\nreturn int(x[0])",
    "partitions beyond the end": "return int(np.partition(np.ones(3), 99)[0])",
    "looks up in what is not sorted": "return int(np.searchsorted(np.ones(3), np.ones(9))[8])",
    "has two dimensions": "x = np.zeros((3, 3))\nreturn int(x[1, 99])",
    "folds an array": "x = np.zeros(9).reshape(3, 3)\nreturn int(x[1][99])",
    "indexes with two numbers": "x = np.zeros(9)\nreturn int(x[1, 99])",
    "writes with an array of places": "x = np.zeros(9)\nx[np.arange(900)] = 1\nreturn int(x[0])",
    "copies over another": "x = np.zeros(3)\nnp.copyto(x, np.ones(9))\nreturn int(x[0])",
    "shifts the undefined": "x = np.ones(3)\nreturn int(x[1 << (n + 70)])",
    "is another array in another round": "x = 1\nfor i in range(n):\n    x = np.ones(3)\nreturn int(x)",
    "is an array or a number": "x = np.ones(3) if n > 3 else 0.0\nx += 1\nreturn int(x)",
}
"""After what lies outside arrays."""

ADDING = "def add(x, y):\n    x += y\n    return 0\n\n\n"

UNBOUND = {
    "only if": ("if n > 3:\n    wanted = 7\nreturn wanted", 3),
    "only else": ("if n > 3:\n    pass\nelse:\n    wanted = 7\nreturn wanted", 5),
    "in one of three cases": ("if n > 3:\n    w = 1\nelif n > 2:\n    pass\nelse:\n    w = 2\nreturn w", 7),
    "in a for": ("for i in range(n):\n    seen = i\nreturn seen", 3),
    "of a for": ("for i in range(n):\n    pass\nreturn i", 3),
    "of a for over pairs": ("for i, v in enumerate(episode.votes(ALL)):\n    pass\nreturn v", 3),
    "in a while": ("while episode.width < n:\n    seen = episode.branch()\nreturn seen", 3),
    "a round later": ("for i in range(n):\n    if i > 0:\n        n = before\n    before = i\nreturn n", 3),
    "before a break": ("while True:\n    if n > 3:\n        break\n    w = 1\nreturn w", 5),
    "after a continue": ("w = 0\nfor i in range(n):\n    if i > 3:\n        continue\n    v = i\nw = v\nreturn w", 6),
    "in place": ("total += 1\nreturn total", 1),
    "an element": ("x[0] = 1\nx = np.ones(3)\nreturn 1", 1),
    "in its own value": ("w = w + 1\nreturn w", 1),
    "declared and no more": ("w: int\nreturn w", 2),
    "a condition": ("if w > 1:\n    w = 1\nreturn 1", 1),
    "a bound": ("for i in range(m):\n    m = i\nreturn 1", 1),
    "a part of a pair": ("if n > 3:\n    a, b = 1, 2\nelse:\n    a = 1\nreturn a + b", 5),
    "one of two ways in": ("a = 1\nif n > a:\n    b = a\nc = a if n > 2 else b\nreturn c", 4),
    "an array": ("if n > 3:\n    x = np.ones(3)\nx[0] = 1\nreturn 1", 3),
    "a number of the file": ("w = FREE\nFREE = 3\nreturn w", 1),
}
"""Bodies that read what has no value, and the line of the body that does."""

LENGTHS = np.sort(np.random.default_rng(18).integers(900, 11_000, 700)).tolist()


LARGE = np.random.default_rng(19).integers(2**55, 2**56, 32)


def _of_bits(number):
    """``number`` with no other constants than 0, 1 and 2."""
    bits = bin(number)[2:]
    return "(" * len(bits) + "0" + "".join(f" * 2 + {bit})" for bit in bits)


def _table(lengths, shape="np.array([{}])"):
    return (
        f"right = {shape.format(', '.join(map(str, lengths)))}\n"
        "for k in range(n):\n    i = episode.read(1)\n    for place in range(len(right)):\n"
        "        if i >= 0 and right[place] == episode.length(i):\n            return episode.answer(i)\n"
        "return episode.leader(FINISHED)"
    )


def _cases(lengths, case="if length == {}:\n    return code\n"):
    return (
        "code = episode.answer(episode.read(1))\nlength = episode.length(0)\n"
        + "".join(case.format(length) for length in lengths)
        + "return -1"
    )


BY_HEART = {
    "a table": _table(LENGTHS),
    "a list": _table(LENGTHS, "[{}]"),
    "a tuple": _table(LENGTHS, "({})"),
    "a short table too many": _table(LENGTHS[:17]),
    "many short tables": "".join(
        f"t{k} = np.array({LENGTHS[k : k + 16]})\nif np.any(t{k} == n):\n    return 1\n" for k in range(0, 80, 16)
    )
    + "return -1",
    "a table of tables": f"t = [{LENGTHS[:10]}, {LENGTHS[10:20]}]\nreturn 1",
    "a repeated table": f"t = {LENGTHS[:16]} * 2\nreturn t[n]",
    "joined tables": f"t = {LENGTHS[:16]} + {LENGTHS[16:32]}\nreturn t[n]",
    "joined arrays": f"t = np.concatenate((np.array({LENGTHS[:16]}), np.array({LENGTHS[16:32]})))\nreturn t[n]",
    "a text": f"t = '{'.'.join(map(str, LENGTHS))}'\nreturn -1",
    "a text for a note": f"episode.note('{'.'.join(map(str, LENGTHS))}', 1)\nreturn -1",
    "a dict": f"t = {{{', '.join(f'{length}: 1' for length in LENGTHS)}}}\nreturn t[n]",
    "one case after another": _cases(LENGTHS),
    "a chain of cases": _cases(LENGTHS[:1]).replace("return -1", "")
    + "".join(f"elif length == {length}:\n    return code\n" for length in LENGTHS[1:40])
    + "return -1",
    "a chain in one line": "return " + "".join(f"1 if n == {length} else " for length in LENGTHS[:40]) + "-1",
    "any of many": "return 1 if " + " or ".join(f"n == {length}" for length in LENGTHS[:40]) + " else -1",
    "many elements": "t = np.zeros(99)\n"
    + "".join(f"t[{k}] = {length}\n" for k, length in enumerate(LENGTHS[:99]))
    + "return int(t[n])",
    "appended": "t = [0]\n" + "".join(f"t.append({length})\n" for length in LENGTHS[:99]) + "return t[n]",
    "the bits of large numbers": "".join(
        f"t{k} = np.array({LARGE[k : k + 16].tolist()})\nif t{k}[n % 16] // 2 ** (n % 56) % 2 == 1:\n    return 1\n"
        for k in (0, 16)
    )
    + "return -1",
    "the figures of fractions": "t = np.zeros(64)\n"
    + "".join(f"t[{k % 10}] = {value!r}\n" for k, value in enumerate(np.random.default_rng(3).random(30).tolist()))
    + "return int(t[n])",
    "products of small numbers": "code = 1\n"
    + "".join(f"if n == {_of_bits(length)}:\n    return code\n" for length in LENGTHS[:200])
    + "return -1",
    "the most of many": f"return max({', '.join(map(str, LENGTHS[:20]))})",
}
"""After lengths that are known by heart."""

NOT_PYTHON = {
    "a break outside a loop": program("break"),
    "a continue outside a loop": program("if n > 3:\n    continue\nreturn 1"),
    "an argument twice": program("return f(1, 2)", "def f(a, a):\n    return a\n\n\n"),
    "a keyword twice": program("return f(a=1, a=2)", "def f(a):\n    return a\n\n\n"),
    "a program with one argument twice": f"{HEAD}def program(episode, n, n):\n    return n\n",
}
"""What is Python in each of its parts only."""

TWICE = {
    "by place and by name": ("return f(1, a=2)", "def f(a):\n    return a\n\n\n"),
    "to a method": ("return episode.advance(0, i=1)", ""),
    "and another not at all": ('return int(episode.signal("mean_logprob", k=1))', ""),
    "a type and no length": ("x = np.zeros(dtype=np.int64)\nreturn 1", ""),
}
"""Arguments given twice, or not at all."""

LARGER = {
    "a sum": "return 9223372036854775807 + 1",
    "a power": "x = 2**63\nreturn 1",
    "in a list": "x = np.array([1, 2, 2**64])\nreturn 1",
    "an element": "x = np.array([9223372036854775807 + 1])\nx[0] = math.nan\nreturn 1",
    "below": "return -9223372036854775807 - 2",
}
"""Whole numbers of more than 64 bits, made of smaller ones."""

UNPAID = [
    "class_of[0]", "tables.answers[0]", "order[0]", "count[1]", "setup[3]", "codes[0]", "log[0]", "notes", "questions",
    "code_of[0]", "completions[0]", "reset()", "charge(-1)", "reveal(0, 5)", "__class__", "__dict__",
]  # fmt: skip
"""What an episode has and its interface does not."""

NAMES = {
    "a module": "np = 3",
    "a function of Python": "int = 3",
    "a pool": "for FINISHED in range(3):\n    pass",
    "a module in other letters": "\uff4e\uff50 = 3",
    "private": "_x = 1",
    "hidden": "x\u0430 = 1",
}
"""Names that a variable must not have."""
