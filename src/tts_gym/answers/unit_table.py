"""The units that are known by name: what they measure, how large they are, and how they are spelled."""

from __future__ import annotations

from fractions import Fraction

TABLE: dict[str, tuple[str, str, str]] = {
    # unit: (dimension, how many of the first unit of its dimension it is, other names)
    "m": ("length", "1", "meter metre"),
    "inch": ("length", "127/5000", "in inches"),
    "foot": ("length", "381/1250", "ft feet"),
    "yard": ("length", "1143/1250", "yd yds"),
    "mile": ("length", "201168/125", "mi"),
    "second": ("time", "1", "s sec secs"),
    "minute": ("time", "60", "min mins"),
    "hour": ("time", "3600", "h hr hrs"),
    "day": ("time", "86400", ""),
    "week": ("time", "604800", "wk"),
    "month": ("months", "1", ""),
    "year": ("months", "12", "yr yrs"),
    "g": ("mass", "1", "gram gramme"),
    "kilo": ("mass", "1000", ""),
    "ton": ("mass", "1000000", "tonne"),
    "ounce": ("avoirdupois", "1", "oz"),
    "pound": ("avoirdupois", "16", "lb lbs"),
    "liter": ("volume", "1", "l L litre"),
    "gallon": ("gallons", "1", "gal"),
    "degree": ("angle", "1", r"° ^\circ deg degs"),
    "arcminute": ("angle", "1/60", "'"),
    "arcsecond": ("angle", "1/3600", "''"),
    "radian": ("radians", "1", "rad"),
    "dollar": ("dollars", "1", r"$ usd us$ bucks"),
    "cent": ("dollars", "1/100", "¢"),
    "euro": ("euros", "1", "€ eur"),
    "£": ("sterling", "1", "gbp quid"),
    "penny": ("sterling", "1/100", "pence"),
    "¥": ("yen", "1", "yen jpy"),
    "yuan": ("yuan", "1", "cny rmb"),
    "₹": ("rupees", "1", "rupee inr rs Rs"),
    "N": ("force", "1", "newton"),
    "J": ("energy", "1", "joule"),
    "eV": ("electronvolts", "1", "electronvolt"),
    "W": ("power", "1", "watt"),
    "Pa": ("pressure", "1", "pascal"),
    "Hz": ("frequency", "1", "hertz hz"),
    "V": ("voltage", "1", "volt"),
    "C": ("charge", "1", "coulomb"),
    "F": ("capacity", "1", "farad"),
    "Ω": ("resistance", "1", "ohm"),
    "byte": ("bytes", "1", ""),
    "bit": ("bits", "1", ""),
    "A": ("current", "1", "amp ampere"),
    "mol": ("amount", "1", "mole"),
    "K": ("kelvins", "1", "kelvin"),
    "celsius": ("celsius", "1", r"°C ^\circC"),
    "fahrenheit": ("fahrenheit", "1", r"°F ^\circF"),
    "percent": ("percent", "1", "% pct pc percentage"),
}

PREFIXES = {
    "p": ("pico", -12), "n": ("nano", -9), "µ": ("micro", -6), "m": ("milli", -3), "c": ("centi", -2),
    "d": ("deci", -1), "h": ("hecto", 2), "k": ("kilo", 3), "M": ("mega", 6), "G": ("giga", 9), "T": ("tera", 12),
}  # fmt: skip

PREFIXED = {
    # unit: (symbols and words that a prefix stands before, prefixes that are in use; those of kT and aA are none)
    "m": ("m", "meter metre", "pnµmcdkM"),
    "g": ("g", "gram gramme", "nµmkM"),
    "second": ("s", "second", "pnµm"),
    "liter": ("L l", "liter litre", "µmcdhk"),
    "N": ("N", "newton", "mkM"),
    "J": ("J", "joule", "mkMGT"),
    "eV": ("eV", "electronvolt", "mkMG"),
    "W": ("W", "watt", "mkMGT"),
    "Pa": ("Pa", "pascal", "hkMG"),
    "Hz": ("Hz", "hertz", "mkMGT"),
    "V": ("V", "volt", "µmkM"),
    "A": ("A", "ampere amp", "µm"),
    "C": ("C", "coulomb", "nµm"),
    "F": ("F", "farad", "pnµ"),
    "Ω": ("Ω", "ohm", "mkM"),
    "mol": ("mol", "mole", "mµ"),
    "byte": ("B", "byte", "kMGT"),
    "bit": ("b", "bit", "kMGT"),
}


def _with_prefixes() -> dict[str, tuple[str, str, str]]:
    table = {}
    for unit, (symbols, words, prefixes) in PREFIXED.items():
        dimension, size, _ = TABLE[unit]
        for prefix in prefixes:
            word, exponent = PREFIXES[prefix]
            first, *others = [prefix + symbol for symbol in symbols.split()] + [word + name for name in words.split()]
            table[first] = (dimension, str(Fraction(size) * Fraction(10) ** exponent), " ".join(others))
    return table


TABLE |= _with_prefixes()
