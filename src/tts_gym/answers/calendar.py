"""Dates and times of day."""

from __future__ import annotations

import re
from datetime import date

from tts_gym.answers.reading import Word

MONTHS = (
    "january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november",
    "december",
)  # fmt: skip
MONTH = "|".join(f"{month[:3]}(?:{month[3:]})?" for month in MONTHS)
DAY = r"([0-3]?[0-9])(?:st|nd|rd|th)?"
YEAR = r"([0-9]{4})"
ISO = re.compile(rf"{YEAR}([-/.])([01]?[0-9])\2([0-3]?[0-9])")
NAMED = re.compile(rf"(?:({MONTH})\.? {DAY}(?:,? {YEAR})?|{DAY} (?:of )?({MONTH})\.?(?:,? {YEAR})?)", re.IGNORECASE)
NUMERIC = re.compile(rf"([0-3]?[0-9])([-/.])([0-3]?[0-9])\2({YEAR}|[0-9]{{2}})")
TIME = re.compile(r"([0-2]?[0-9]):([0-5][0-9])(?::([0-5][0-9]))? ?(?:([ap])\.? ?m\.?)?", re.IGNORECASE)
NAMED_TIME = {"noon": "12 pm", "12 noon": "12 pm", "midnight": "12 am", "12 midnight": "12 am"}
HOUR = re.compile(r"(1[0-2]|[1-9]) ?([ap])\.? ?m\.?", re.IGNORECASE)


def read_date(text: str) -> Word | None:
    """The date of "2024-01-05", "January 5, 2024" or "5 Jan 2024"; None where ``text`` is no date.

    A numeric date in which either of two numbers may be the month keeps its order of numbers.
    """
    if match := ISO.fullmatch(text):
        return _date(int(match[1]), int(match[3]), int(match[4]))
    if match := NAMED.fullmatch(text):
        month = MONTHS.index(next(name for name in MONTHS if name[:3] == (match[1] or match[5]).casefold()[:3])) + 1
        year = match[3] or match[6]
        return _date(int(year) if year else None, month, int(match[2] or match[4]))
    if match := NUMERIC.fullmatch(text):
        first, second, year = int(match[1]), int(match[3]), int(match[4])
        if first > 12 >= second and year > 99:
            return _date(year, second, first)
        if second > 12 >= first and year > 99:
            return _date(year, first, second)
        return Word("date", ("in this order", first, second, year)) if first <= 31 and second <= 31 else None
    return None


def _date(year: int | None, month: int, day: int) -> Word | None:
    try:
        date(year or 2000, month, day)
    except ValueError:
        return None
    return Word("date", (year, month, day))


def read_time(text: str) -> Word | None:
    """The time of "3:30 PM", "15:30", "3 p.m." or "noon" in seconds of the day; None where ``text`` is no time."""
    text = NAMED_TIME.get(text.casefold(), text)
    if match := TIME.fullmatch(text):
        hour, minute, second, half = int(match[1]), int(match[2]), int(match[3] or 0), match[4]
    elif match := HOUR.fullmatch(text):
        hour, minute, second, half = int(match[1]), 0, 0, match[2]
    else:
        return None
    if half is not None:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + 12 * (half.casefold() == "p")
    return Word("time", 3600 * hour + 60 * minute + second) if hour <= 24 else None


def names_half_of_day(text: str) -> bool | None:
    """Whether the time ``text`` says "am" or "pm"; None where it is no time on a clock of twelve hours."""
    match = TIME.fullmatch(text) or HOUR.fullmatch(text)
    return bool(match[match.re.groups]) if match and 1 <= int(match[1]) <= 12 else None


def on_a_clock(text: str) -> Word | None:
    """What a clock of twelve hours shows at the time ``text``; None where it is no time."""
    time = read_time(text)
    return Word("clock", time.value % (12 * 3600)) if time and isinstance(time.value, int) else None
