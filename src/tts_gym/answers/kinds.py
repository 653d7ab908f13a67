r"""What kind of answer a question asks for, told by its gold answer, and how the answers to it are read then.

What the gold shows is implied in every answer: its unit, its base, the name in "x = 5". What it does not show does not
count. Beyond that a reading is strict; ``alternatives`` are further readings that count against the gold only.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction

from tts_gym.answers.calendar import other_half_of_day, read_date, read_time
from tts_gym.answers.numbers import PREFIXED, Number, join_thousands, number, positional
from tts_gym.answers.quantities import Quantity, in_unit, read_quantity
from tts_gym.answers.reading import Group, Leaf, Reading, Word, of_number
from tts_gym.answers.spelling import latex, spell
from tts_gym.answers.structure import COMPARISON, CONJUNCTION, plus_minus, read_list, read_matrix, read_union, split_top
from tts_gym.answers.units import Unit, read_unit
from tts_gym.answers.wording import is_text, plain_words

PERCENT = Unit({"percent": 1})


@dataclass(frozen=True)
class Asked:
    """What a gold answer shows of the answers to its question.

    Attributes:
        kind: "words", "choice", "equation", "calculation" where it is not worked out, as the way is what is asked for,
            or "value" for all else.
        unit: its unit.
        base: the base that it names behind its digits.
        prefix: the base that it names before its digits, such as "0x".
        name: what it gives a value to, as x in "x = 5".
        share: whether it is a number between 0 and 1, so that 30 % is 0.3 and not 30.
        brackets: what encloses it, where it is a list.
    """

    kind: str = "value"
    unit: Unit | None = None
    base: int | None = None
    prefix: str = ""
    name: str | None = None
    share: bool = False
    brackets: str | None = None


NOTHING = Asked()

LABELLED = re.compile(r"\(?([A-J])(?:\)|\.(?= )|:)\s*(.*)")
LETTER = re.compile(r"(?:(?:option|choice|answer) )?\(?([A-J])\)?[.:]?", re.IGNORECASE)
TRUTH = frozenset({"yes", "no", "true", "false"})
RANGE = re.compile(r"([0-9]+(?:\.[0-9]+)?)((?: ?- ?[0-9]+(?:\.[0-9]+)?)+)")
DOTTED = re.compile(r"v?[0-9]+(?:\.[0-9]+){2,}")
TOKENS = re.compile(r"-?[0-9.]+(?: -?[0-9.]+)+|[A-Z](?: [A-Z])+|(?:[A-Za-z0-9_.#*?@|-]{1,6} )+[A-Za-z0-9_.#*?@|-]{1,6}")
BOARD = re.compile(r"(?:^| )(?:[_.#*?@|]+|[A-Za-z]+[0-9]+[A-Za-z0-9]*)(?: |$)")
RATIO = re.compile(r"[^:]{1,60}(?::[^:]{1,60})+")
CALCULATION = re.compile(r"[-( ]*+[0-9]++(?:[) ]*+[-+*/][-( ]*+[0-9]++){3,}[) ]*+")
PREFACE = re.compile(r"(?:≈|approximately|approx\.?|about|roughly|exactly|around|=|~|\\sim(?![a-z])) ?", re.IGNORECASE)
EQUALS = re.compile(r"(?<![<>!=:\\])=(?!=)|≈")
NAME = re.compile(
    r"(?:the )?((?:[A-Za-z]|\\[a-zA-Z]++|\|)(?:[A-Za-z' ]|\\[a-zA-Z]++|_ ?[A-Za-z0-9]|_ ?\{[^{}]*\}|\([^()]*\)|\\?\|)*)"
)
MEMBER = re.compile(r"([A-Za-z](?:_[0-9a-z])?(?:, ?[A-Za-z])*|\([a-z], ?[a-z]\)) ?\\in ?(.+)")
CONSTANT = re.compile(r"\+ ?c$")
SPACED_THOUSANDS = re.compile(r"(?<=[0-9]) (?=[0-9]{3}(?![0-9]))")
GLUED_UNIT = re.compile(r"(.*[0-9}]) ?([a-zA-Z].*)")
INFINITE = re.compile(r"[+-]? ?\\infty")
ELLIPSIS = r"\ldots"
FEWEST_TOKENS = 2


def what_is_asked(gold: str) -> Asked:
    """What ``gold``, as ``wording.clean`` spells it, shows of the answers to its question."""
    text = _spelled(gold)
    if plain_words(text) in TRUTH or _is_words(text):
        return Asked("words")
    if CALCULATION.fullmatch(text):
        return Asked("calculation")
    if LETTER.fullmatch(text) and text.upper() == text or LABELLED.fullmatch(text):
        return Asked("choice")
    in_base = positional(text)
    if in_base is not None:
        return Asked(prefix=text[:2]) if PREFIXED.match(text) else Asked(base=in_base.base)
    name, value = _named(text)
    if name is None and len(EQUALS.split(text)) > 1:
        return Asked("equation")
    if name is not None and _has_variables(value):
        return Asked("equation", name=name)
    quantity = None if number(value) else read_quantity(value)
    exact = number(value)
    enclosed = read_list(value)
    return Asked(
        unit=quantity.unit if quantity else None,
        name=name,
        share=exact is not None and 0 < abs(exact.value) < 1,
        brackets=enclosed.brackets if enclosed else None,
    )


def read(answer: str, asked: Asked = NOTHING) -> Reading:
    """What ``answer``, as ``wording.clean`` spells it, says where the gold answer is as ``asked``."""
    text = _spelled(answer)
    if asked.kind == "words":
        return Word("text", plain_words(text))
    if asked.kind == "calculation":
        return Word("calculation", text.replace(" ", ""))
    if asked.kind == "choice":
        return _choice(text) or _value(text, NOTHING)
    if asked.kind == "equation" and len(EQUALS.split(text)) > 1:
        return _equation(text)
    return _value(text, asked)


def alternatives(answer: str, asked: Asked) -> list[Reading]:
    """Further readings of ``answer`` that count where one of them is the gold answer."""
    text = _spelled(answer)
    found: list[Reading | None] = []
    if (labelled := LABELLED.fullmatch(text)) is not None:
        found += [Word("choice", labelled[1]), _value(labelled[2], asked) if labelled[2] else None]
    name, value = _named(text)
    if asked.kind == "equation" and name is None:
        found.append(_value(value, NOTHING))
    found += [*_percentages(value, asked), *_other_bases(value, asked), *_other_lists(value, asked)]
    found.append(other_half_of_day(value))
    joined = SPACED_THOUSANDS.sub("", value)
    if joined != value:
        found.append(_value(joined, asked))
    glued = GLUED_UNIT.fullmatch(value)
    if asked.unit is not None and glued is not None and read_unit(glued[2]) == asked.unit:
        found.append(_value(glued[1], NOTHING))
    if not value.isascii() or "." in value:
        found.append(Word("text", plain_words(value)))
    return [reading for reading in found if reading is not None]


def read_gold(gold: str, asked: Asked) -> list[Reading]:
    """All that the gold answer says; its first reading is that of the answers as they are asked for."""
    name, value = _named(_spelled(gold))
    values = [_value(value, NOTHING)] if asked.kind == "equation" and name is not None else []
    return [read(gold, asked), *alternatives(gold, asked), *values]


def _spelled(text: str) -> str:
    spelled = spell(join_thousands(text))
    if spelled.endswith(".") and not spelled.endswith((" p.m.", " a.m.")):
        spelled = spelled[:-1].rstrip()
    return PREFACE.sub("", spelled, count=1) if PREFACE.match(spelled) else spelled


def _choice(text: str) -> Word | None:
    letter = LETTER.fullmatch(text) or LABELLED.fullmatch(text)
    return Word("choice", letter[1].upper()) if letter else None


def _named(text: str) -> tuple[str | None, str]:
    r"""What gets a value in ``text``, such as x, P(A) or \angle ABC, and the value; of a calculation the result."""
    *left, right = (part.strip() for part in EQUALS.split(text))
    if not left or not right:
        member = MEMBER.fullmatch(text)
        return (member[1], member[2].strip()) if member else (None, text)
    if not all(map(_is_closed, left)):
        return None, text
    if not any(map(_has_variables, left)) and not _has_variables(right):
        return "", right
    name = NAME.fullmatch(left[0])
    if name is None or (len(left) > 1 and not all(map(_is_closed, left[1:]))):
        return None, text
    return " ".join(name[1].replace("\\", "").split()), right


def _is_closed(text: str) -> bool:
    """Whether ``text`` is no part of a list."""
    return len(split_top(CONJUNCTION.sub(", ", text)) or ()) == 1


def _has_variables(text: str) -> bool:
    bare = re.sub(
        r"\\(?:begin|end) ?\{[a-z]+\}|\\[a-zA-Z]+|(?<![a-zA-Z])(?:sqrt|pi|sin|cos|tan|log|ln|exp)(?![a-zA-Z])",
        " ",
        text,
    )
    quantity = read_quantity(text)
    if quantity is not None:
        bare = "" if quantity.number is not None else quantity.head if "\\" not in quantity.head else ""
    return number(text) is None and bool(re.search(r"[a-zA-Z]", re.sub(r"(?<![a-zA-Z])[ie](?![a-zA-Z])", "", bare)))


def _is_words(text: str) -> bool:
    if number(text) or positional(text) or RANGE.fullmatch(text) or read_quantity(text):
        return False
    if read_date(text) is not None or read_time(text) is not None:
        return False
    listed = read_list(text)
    if listed is not None:
        return all(_is_words(part) or re.fullmatch(r"[A-Z]", part) for part in listed.parts if part != ELLIPSIS)
    if _named(text)[0] is not None or _named(text)[1] != text:
        return False
    return _are_tokens(text) or is_text(text)


def _are_tokens(text: str) -> bool:
    return TOKENS.fullmatch(text) is not None and (
        not re.search(r"[A-Za-z]", text)
        or re.fullmatch(r"[A-Z](?: [A-Z])+", text) is not None
        or BOARD.search(text) is not None
    )


def _value(text: str, asked: Asked) -> Reading:
    """The reading of ``text`` where no kind of its own is asked for."""
    name, value = _named(text)
    reading = _bare_value(value, asked)
    if name and asked.name and name.casefold() != asked.name.casefold():
        return Group(f"value of {name}", (reading,))
    return reading


def _bare_value(text: str, asked: Asked) -> Reading:
    if "$" in text.lstrip("+-$ ").rstrip("$ "):
        return Word("text", plain_words(text))
    for reader in READERS:
        reading = reader(text, asked)
        if reading is not None:
            return reading
    return Leaf(latex(CONSTANT.sub("+ C", text)))


def _truth(text: str, asked: Asked) -> Reading | None:
    plain = plain_words(text)
    return Word("text", plain) if plain in TRUTH else None


def _moment(text: str, asked: Asked) -> Reading | None:
    return read_date(text) or read_time(text)


def _number(text: str, asked: Asked) -> Reading | None:
    if asked.base is not None:
        in_base = positional(text) or positional(f"{text}_{asked.base}")
        return Word("text", text) if in_base is None else of_number(Number(Fraction(in_base.value)))
    if RANGE.fullmatch(text):
        return Word("range", text.replace(" ", ""))
    exact = number(text)
    if exact is not None:
        return of_number(exact)
    in_base = positional(text)
    return None if in_base is None else of_number(Number(Fraction(in_base.value)))


def _quantity(text: str, asked: Asked) -> Reading | None:
    quantity = read_quantity(text)
    if quantity is None:
        return None
    leaf = of_number(quantity.number) if quantity.number else Leaf(latex(quantity.head))
    if asked.unit is not None:
        converted = in_unit(quantity, leaf, asked.unit)
        if converted is not None:
            return converted
    elif not quantity.compound:
        return _share(leaf) if asked.share and quantity.unit == PERCENT else leaf
    return Group(f"{quantity.unit.factor} {quantity.unit.name}", (leaf,))


def _share(leaf: Leaf) -> Leaf:
    return leaf if leaf.number is None else of_number(leaf.number.scaled(Fraction(1, 100)))


def _sequence(text: str, asked: Asked) -> Reading | None:
    if DOTTED.fullmatch(text) or _are_tokens(text):
        return Word("text", plain_words(text))
    return None


def _ratio(text: str, asked: Asked) -> Reading | None:
    if not RATIO.fullmatch(text) or is_text(text):
        return None
    parts = [_bare_value(part.strip(), NOTHING) for part in text.split(":")]
    exact = [part.number.value for part in parts if isinstance(part, Leaf) and part.number is not None]
    if len(exact) == len(parts) and exact[0]:
        parts = [of_number(Number(value / exact[0])) for value in exact]
    return Group("ratio", tuple(parts))


def _words(text: str, asked: Asked) -> Reading | None:
    listed = read_list(text)
    if listed is not None and not all(_is_words(part) for part in listed.parts):
        return None
    return Word("text", plain_words(text)) if is_text(text) else None


def _matrix(text: str, asked: Asked) -> Reading | None:
    rows = read_matrix(text)
    if rows is None:
        return None
    return Group("matrix", tuple(Group("row", tuple(_bare_value(cell, NOTHING) for cell in row)) for row in rows))


def _list(text: str, asked: Asked) -> Reading | None:
    listed = read_list(text)
    if listed is None:
        return None
    return _grouped(listed.brackets, listed.parts, asked)


def _grouped(brackets: str, texts: tuple[str, ...], asked: Asked) -> Reading:
    names = {name for name, _ in map(_named, texts)}
    if len(names) == 1 and names != {None} and not brackets:
        texts = tuple(_named(text)[1] for text in texts)
    elif not brackets and names != {None} and _named(texts[0])[0] and names - {None} == {_named(texts[0])[0]}:
        texts = (_named(texts[0])[1], *texts[1:])
    ordered = brackets not in {"", "{}"} or ELLIPSIS in texts
    expanded: list[str] = []
    for text in texts:
        both = None if ordered else plus_minus(text)
        expanded += both or [text]
    inner = Asked(unit=asked.unit)
    parts = tuple(_equation(part) if len(EQUALS.split(part)) > 1 else _bare_value(part, inner) for part in expanded)
    if not ordered and any(isinstance(part, Word) for part in parts):
        return Group("words", parts)
    if brackets == "{}":
        parts = tuple(dict.fromkeys(parts))
    if brackets in {"", "{}"} and len(parts) == 1:
        return parts[0]
    return Group(brackets or "{}", parts, ordered)


def _union(text: str, asked: Asked) -> Reading | None:
    members = read_union(text)
    if members is None:
        return None
    return Group("union", tuple(_bare_value(member, NOTHING) for member in members), ordered=False)


def _plus_minus(text: str, asked: Asked) -> Reading | None:
    both = plus_minus(text)
    return None if both is None else _grouped("{}", both, asked)


def _inequality(text: str, asked: Asked) -> Reading | None:
    r"""Intervals for what compares one variable with values, such as "x > 3", "1 < x \le 2" and "\|x\| > 1"."""
    pieces = COMPARISON.split(text)
    sides, signs = [side.strip() for side in pieces[::2]], [_sign(sign) for sign in pieces[1::2]]
    if len(signs) == 2 and signs[0][0] == signs[1][0] and _is_variable(sides[1]):
        low, high = (0, 2) if signs[0][0] == "<" else (2, 0)
        closed = [sign[1:] == "=" for sign in (signs if low == 0 else signs[::-1])]
        return _interval(sides[low], sides[high], *closed)
    if len(signs) != 1:
        return None
    (left, right), sign = sides, signs[0]
    if left and not _has_variables(left) and _is_variable(right):
        left, right, sign = right, left, {"<": ">", ">": "<"}[sign[0]] + sign[1:]
    if not (_is_variable(left) or not left) or _has_variables(right) or not right:
        return None
    closed_end = sign[1:] == "="
    if left.startswith("|"):
        if sign[0] == "<":
            return _interval(f"-{right}", right, closed_end, closed_end)
        outside = (
            _interval(r"-\infty", f"-{right}", False, closed_end),
            _interval(right, r"\infty", closed_end, False),
        )
        return Group("union", outside, ordered=False)
    if sign[0] == "<":
        return _interval(r"-\infty", right, False, closed_end)
    return _interval(right, r"\infty", closed_end, False)


def _sign(sign: str) -> str:
    return {r"\le": "<=", r"\ge": ">="}.get(sign, sign)


def _is_variable(text: str) -> bool:
    return re.fullmatch(r"\|?(?:[a-zA-Z]|\\[a-z]+)(?:_\{?[a-zA-Z0-9]\}?)?\|?", text) is not None


def _interval(low: str, high: str, low_closed: bool, high_closed: bool) -> Reading:
    brackets = ("[" if low_closed else "(") + ("]" if high_closed else ")")
    return Group(brackets, (_bare_value(low, NOTHING), _bare_value(high, NOTHING)))


def _relation(text: str, asked: Asked) -> Reading | None:
    return _equation(text) if len(EQUALS.split(text)) > 1 else None


def _equation(text: str) -> Reading:
    listed = split_top(text)
    if listed is not None and len(listed) > 1:
        return _grouped("", tuple(listed), NOTHING)
    return Leaf(latex(EQUALS.sub("=", text)))


READERS: tuple[Callable[[str, Asked], Reading | None], ...] = (
    _truth, _moment, _number, _quantity, _sequence, _ratio, _words, _matrix, _union, _list, _inequality, _plus_minus,
    _relation,
)  # fmt: skip


def _percentages(text: str, asked: Asked) -> list[Reading | None]:
    """A percentage as a share, and a share as a percentage, where the gold is one of the two."""
    exact = number(text)
    if asked.unit == PERCENT and exact is not None:
        return [of_number(exact.scaled(Fraction(100)))]
    quantity: Quantity | None = read_quantity(text)
    if asked.unit is None and quantity is not None and quantity.unit == PERCENT and quantity.number is not None:
        return [of_number(quantity.number.scaled(Fraction(1, 100))), of_number(quantity.number)]
    return []


def _other_bases(text: str, asked: Asked) -> list[Reading | None]:
    """The digits alone where the gold names no base, and digits without the prefix that the gold has."""
    in_base = positional(text)
    if in_base is None and asked.prefix:
        in_base = positional(asked.prefix + text)
        return [] if in_base is None else [of_number(Number(Fraction(in_base.value)))]
    if in_base is None or asked.base is not None or not in_base.digits.isdigit() or PREFIXED.match(text):
        return []
    return [of_number(Number(Fraction(int(in_base.digits))))]


def _other_lists(text: str, asked: Asked) -> list[Reading | None]:
    """A list in other brackets where the gold has none, and values of assignments where it is a tuple."""
    listed = read_list(text)
    if listed is None:
        return []
    if asked.brackets == "" and listed.brackets == "[]":
        return [_grouped("", listed.parts, asked)]
    names = [name for name, _ in map(_named, listed.parts)]
    if asked.brackets == "()" and not listed.brackets and all(names) and len(set(names)) == len(names):
        return [_grouped("()", tuple(_named(part)[1] for part in listed.parts), asked)]
    return [_bare_value(listed.parts[0], asked)] if listed.brackets == "[]" and len(listed.parts) == 1 else []
