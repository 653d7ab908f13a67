r"""One spelling for formulas that look alike, in LaTeX or in plain text: what is left to compare is meaning.

``\dfrac12``, ``½`` and ``\frac{1}{2}``; ``x²``, ``x**2`` and ``x^{2}``; ``\mathbf{x}`` and ``x``; ``√3`` and
``\sqrt{3}``.
"""

from __future__ import annotations

import re
import unicodedata

FONTS = (
    r"\\(?:text(?:rm|bf|it|sf|tt|normal)?|math(?:rm|bf|it|sf|tt|bb|cal|frak|normal)|mbox|hbox|operatorname\*?"
    r"|boldsymbol|bm|underline|boxed|fbox|framebox|emph|bf|rm|it|num|si|unit|ce|(?:text)?color ?\{[a-zA-Z]+\})"
    r" ?\{((?:[^{}]|\{[^{}]*\})*)\}"
)
SEGMENT = re.compile(
    r"\\(?:overline|overrightarrow|overleftrightarrow) ?\{ ?([A-Z]{2,3}) ?\}|\\vec ?\{ ?([A-Za-z]{1,3}) ?\}"
)
MEASURED = re.compile(r"\\(?:SI|qty) ?\{([^{}]*)\} ?\{([^{}]*)\}|\\ang ?\{([^{};]*)\}")
LINES = re.compile(
    r"\\begin ?\{(aligned|align|split|gathered|gather|equation|cases)(\*?)\}(.*)\\end ?\{\1\2\}", re.DOTALL
)
FONT = re.compile(FONTS)
SWITCH = re.compile(
    r"\\(?:bf|rm|it|displaystyle|textstyle|limits|nolimits|left\.|right\."
    r"|tiny|small|large|Large|LARGE|huge|Huge|normalsize|boldmath|color ?\{[a-zA-Z]+\})(?![a-zA-Z])"
    r"|\\(?:tag|label|[hv]?phantom) ?\{[^{}]*\}"
)
SIZING = re.compile(r"\\(?:left|right|middle|[bB]igg?[lrm]?)(?![a-zA-Z])")
SPACES = re.compile(
    r"(?<!\\)\\[,;:!> ]|\\(?:quad|qquad|thinspace|enspace|space|hspace\{[^{}]*\})(?![a-zA-Z])|(?<=[^\s(|&~])~(?=[^\s~])"
)
OUTER = (("**", "**"), ("$$", "$$"), ("$", "$"), ("\\(", "\\)"), ("\\[", "\\]"))

COMMANDS = {
    r"[dtc]frac": r"\frac", r"leq(?:slant)?": r"\le", r"geq(?:slant)?": r"\ge", r"neq": r"\ne", r"lt": "<", r"gt": ">",
    r"lbrace": r"\{", r"rbrace": r"\}", r"degree": r"^\circ", r"infin": r"\infty", r"varnothing": r"\emptyset",
    r"(?:dots|cdots|dotsc|dotsb)": r"\ldots", r"(?:times|ast|cdotp)": r"\cdot", r"div": "/", r"lvert": "|",
    r"rvert": "|", r"vert": "|", r"mid": "|", r"pounds": "£", r"euro": "€", r"textdollar": "$", r"approx": "≈",
    r"simeq": "≈", r"land": r"\wedge", r"to": r"\to", r"textdegree": r"^\circ", r"colon": ":",
    r"backslash": r"\setminus", r"langle": "(", r"rangle": ")", r"ldotp": ".",
    r"text(?:endash|emdash)": "-", r"varphi": r"\phi", r"varepsilon": r"\epsilon",
}  # fmt: skip
COMMAND = re.compile("|".join(rf"(\\{name}(?![a-zA-Z]))" for name in COMMANDS))
REPLACEMENTS = tuple(COMMANDS.values())

SYMBOLS = {
    "×": r"\cdot ", "·": r"\cdot ", "⋅": r"\cdot ", "∗": r"\cdot ", "•": r"\cdot ", "÷": "/", "⁄": "/", "∕": "/",
    "π": r"\pi ", "θ": r"\theta ", "α": r"\alpha ", "β": r"\beta ", "γ": r"\gamma ", "λ": r"\lambda ", "μ": r"\mu ",
    "φ": r"\phi ", "ω": r"\omega ", "∞": r"\infty ", "≤": r"\le ", "≥": r"\ge ", "⩽": r"\le ", "⩾": r"\ge ",
    "≠": r"\ne ", "±": r"\pm ", "∓": r"\mp ", "∪": r"\cup ", "∩": r"\cap ", "∈": r"\in ", "∅": r"\emptyset ",
    "°": r"^\circ ", "º": r"^\circ ", "…": r"\ldots ", "–": "-", "—": "-", "‐": "-", "‑": "-", "−": "-", "′": "'",
    "″": "''", "’": "'", "‘": "'", "“": '"', "”": '"', "⟨": "(", "⟩": ")", "，": ",", "、": ",", "：": ":", "ℝ": "R",
}  # fmt: skip
SUPERSCRIPT = re.compile("[⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻ⁿˣ]+")
SUBSCRIPT = re.compile("[₀₁₂₃₄₅₆₇₈₉₊₋ₙ]+")
VULGAR = re.compile("[¼-¾⅐-⅞↉]")
ROOT = re.compile(r"([√∛]) ?(?:\(([^()]*)\)|([0-9.]+|[a-zA-Z]))")
LONG_DASH = re.compile(r"(?<=[0-9])( ?)-{2,3}( ?)(?=[0-9])")
TAGS = re.compile(r"</?(?:b|i|u|em|strong|sub|code|span|p|center|mark)(?: [^<>]{0,80})?>|<br ?/?>", re.IGNORECASE)
POWER_TAG = re.compile(r"<sup>([^<>]{1,20})</sup>", re.IGNORECASE)

OVER = re.compile(r"\{ ?([^{}]*?) ?\\over(?![a-zA-Z]) ?([^{}]*?) ?\}")
FRACTION = re.compile(r"\\frac ?(?:\{([^{}]*)\}|([0-9a-zA-Z])) ?(?:\{([^{}]*)\}|([0-9a-zA-Z]))")
SHORT_ROOT = re.compile(r"\\sqrt ?([0-9a-zA-Z])")
LONG_POWER = re.compile(r"\^ ?(-?[0-9]+(?:\.[0-9]+)?|[a-zA-Z0-9])(?![}])")
DIGIT = re.compile(r"[^\W0-9_]|[^\x00-\x7f]")


def spell(text: str) -> str:
    """The spelling of ``text`` that answers are compared in; words and units keep their letters.

    Args:
        text: an answer as ``normalise.clean`` gives it.
    """
    previous = None
    text = POWER_TAG.sub(r"^{\1}", TAGS.sub("", text))
    if "\\" in text:
        text = MEASURED.sub(_measured, LINES.sub(_in_one_line, text))
    while text != previous:
        previous = text
        text = _unwrap(SEGMENT.sub(r"\1\2", FONT.sub(r" \1 ", text)).strip()).strip()
    text = "".join(map(_plain, ROOT.sub(_root, SUBSCRIPT.sub(_subscript, SUPERSCRIPT.sub(_superscript, text)))))
    text = OVER.sub(r"\\frac{\1}{\2}", VULGAR.sub(_vulgar, text))
    text = SIZING.sub("", SWITCH.sub("", text))
    text = COMMAND.sub(lambda match: REPLACEMENTS[(match.lastindex or 1) - 1] + " ", text)
    text = text.replace("{,}", ",").replace(r"\%", "%").replace("^{\\circ}", r"^\circ ").replace("...", r"\ldots ")
    text = text.replace("**", "^").replace("^{\\circ }", r"^\circ ").replace("^ ^\\circ", r"^\circ ")
    return (
        " ".join(SPACES.sub(" ", LONG_DASH.sub("-", text)).replace(r"\$", "$").replace("US$", "$").split())
        .removesuffix("\\")
        .rstrip()
    )


def _unwrap(text: str) -> str:
    """``text`` without the marks of a formula around it, and the full stop behind them."""
    if text.endswith(("$.", "\\).", "\\].")):
        text = text[:-1]
    for opening, closing in OUTER:
        inner = text[len(opening) : len(text) - len(closing)]
        if len(text) > len(opening) and text.startswith(opening) and text.endswith(closing) and opening not in inner:
            return inner
    return text


def _measured(match: re.Match[str]) -> str:
    return rf"{match[3]}^\circ" if match[3] else f"{match[1]} {match[2]}"


def _in_one_line(match: re.Match[str]) -> str:
    """Lines one below another as a list; what is aligned in columns that mean something stays."""
    lines = [line.strip() for line in match[3].split(r"\\") if line.strip()]
    return match[0] if match[1] == "cases" and "&" in match[3] else ", ".join(lines).replace("&", "")


def _plain(char: str) -> str:
    if char.isascii():
        return char
    if char in SYMBOLS:
        return SYMBOLS[char]
    digit = unicodedata.decimal(char, None)
    return char if digit is None else str(digit)


def _superscript(match: re.Match[str]) -> str:
    return "^{" + unicodedata.normalize("NFKC", match[0]).replace("−", "-") + "}"


def _subscript(match: re.Match[str]) -> str:
    return "_{" + unicodedata.normalize("NFKC", match[0]).replace("−", "-") + "}"


def _vulgar(match: re.Match[str]) -> str:
    numerator, denominator = unicodedata.normalize("NFKC", match[0]).split("\N{FRACTION SLASH}")
    return rf"\frac{{{numerator}}}{{{denominator}}}"


def _root(match: re.Match[str]) -> str:
    degree = "[3]" if match[1] == "∛" else ""
    return rf"\sqrt{degree}{{{match[2] or match[3]}}}"


FUNCTION = re.compile(
    r"(?<![a-zA-Z\\])(arc(?:sin|cos|tan)|sinh|cosh|tanh|sin|cos|tan|sec|csc|cot|log|ln|exp|gcd|lcm|pi|theta|alpha|beta|gamma"
    r"|lambda|infinity|infty|inf|oo)(?![a-zA-Z])"
)
PLAIN_ROOT = re.compile(r"(?<![a-zA-Z\\])(sqrt|cbrt|abs) ?\(")
TRIGONOMETRIC = re.compile(r"\\(?:arc)?(?:sin|cos|tan|sec|csc|cot)(?![a-z])")
TOWER = re.compile(r"\^ ?(\{[^{}]*\}|[0-9]+|[a-zA-Z]) ?\^ ?(\{[^{}]*\}|-?[0-9]+|[a-zA-Z])(?! ?\^)")
PRIMES = re.compile(r"([a-zA-Z])('+)")
RATE = re.compile(
    r"\\frac ?\{ ?(d|\\partial) ?(?:\^ ?\{?([2-9])\}? ?)?([a-zA-Z]) ?\} ?\{ ?\1 ?([a-zA-Z]) ?(?:\^ ?\{?\2\}?)? ?\}"
)
TRANSPOSED = re.compile(r"([A-Z]) ?\^ ?(?:\{ ?(?:T|\\top) ?\}|T(?![a-zA-Z])|\\top(?![a-z]))")
CAPITAL_GAMMA = re.compile(r"\\Gamma(?![a-zA-Z]| ?\()")
DEGREES = re.compile(r"([0-9]+(?:\.[0-9]+)?|\([^()]*\)|[a-zA-Z]) ?\^ ?\\circ")
NAMES = {"inf": r"\infty", "oo": r"\infty", "infinity": r"\infty"}
BRACES = {"(": ")", "[": "]", "{": "}"}


def latex(text: str) -> str:
    r"""A formula in spelling ``spell`` as a reader of LaTeX takes it: ``sqrt(3)*pi`` becomes ``\sqrt{3}\cdot \pi``."""
    text = text.replace("*", r"\cdot ")
    text = _plain_calls(_told_apart(text))
    text = FUNCTION.sub(lambda match: NAMES.get(match[1], "\\" + match[1]) + " ", text)
    in_radians = r"(\1\\cdot \\frac{\\pi}{180})" if TRIGONOMETRIC.search(text) else r"\1"
    text = _grouped_powers(DEGREES.sub(in_radians, text)).replace(r"+\infty", r"\infty")
    text = SHORT_ROOT.sub(r"\\sqrt{\1}", text)
    text = FRACTION.sub(lambda match: rf"\frac{{{match[1] or match[2]}}}{{{match[3] or match[4]}}}", text)
    previous = None
    while text != previous:
        previous, text = text, TOWER.sub(r"^{\1^{\2}}", text, count=1)
    return " ".join(LONG_POWER.sub(r"^{\1}", text).split())


def _told_apart(text: str) -> str:
    """Names of their own for what math-verify reads without its marks: derivatives, primes, transposes, a gamma."""
    text = TRANSPOSED.sub(r"\1_{\\top}", text)
    text = RATE.sub(lambda match: rf"\frac{{{match[3]}_{{d{match[2] or ''}}}}}{{{match[4]}_{{d}}}}", text)
    text = PRIMES.sub(lambda match: rf"{match[1]}_{{\prime{len(match[2])}}}", text)
    return CAPITAL_GAMMA.sub("G_{amma}", text)


def _plain_calls(text: str) -> str:
    """``sqrt(…)``, ``cbrt(…)`` and ``abs(…)`` in LaTeX."""
    opened = {"sqrt": r"\sqrt{", "cbrt": r"\sqrt[3]{", "abs": "|"}
    closed = {"sqrt": "}", "cbrt": "}", "abs": "|"}
    parts: list[str] = []
    waiting: list[str] = []
    place = 0
    while place < len(text):
        match = PLAIN_ROOT.match(text, place) if text[place] in "sca" else None
        if match is not None:
            parts.append(opened[match[1]])
            waiting.append(closed[match[1]])
            place = match.end()
            continue
        char = text[place]
        if char == "(":
            waiting.append(")")
        elif char == ")" and waiting:
            char = waiting.pop()
        parts.append(char)
        place += 1
    return text if any(closing != ")" for closing in waiting) else "".join(parts)


def _grouped_powers(text: str) -> str:
    """``x^(n+1)`` as ``x^{n+1}``."""
    while (start := text.find("^(")) >= 0:
        depth = 0
        for place in range(start + 1, len(text)):
            depth += (text[place] == "(") - (text[place] == ")")
            if depth == 0:
                text = f"{text[: start + 1]}{{{text[start + 2 : place]}}}{text[place + 1 :]}"
                break
        else:
            return text
    return text
