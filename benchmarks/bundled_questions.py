"""The questions of the bundled store ``smollm2-arithmetic``: ten families of arithmetic with worked examples.

Every family is one template that draws its numbers from a seeded generator and writes the question, the worked answer
and the correct answer from the same numbers. Its levels grow in steps and in size of numbers. A question comes with
worked examples of its family, which the model is shown as earlier turns of the chat: a model of 135 million parameters
answers these tasks only after examples.

The levels were chosen out of about a hundred draws: those were left out in which the model gives the worked answer
with a probability below 0.06 and does not decode it greedily either. So the questions suit the model.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from tts_gym.collectors.questions import Question

SEED, EXAMPLES = 4, 4
NAMES = ("Ana", "Ben", "Cleo", "Dan", "Eva", "Finn", "Gina", "Hugo", "Iris", "Jon")


@dataclass(frozen=True)
class Worked:
    """One question with its solution written out.

    Attributes:
        question: the text shown to the model.
        answer: the steps, one a line, and a last line ``The final answer is N.``
        gold: the correct answer, an integer in decimal digits.
    """

    question: str
    answer: str
    gold: str


@dataclass(frozen=True)
class Family:
    """One template and its levels.

    Attributes:
        template: draws one question; takes the generator, the number of steps and the largest number drawn.
        levels: (number of the draw, steps, largest number) of each question.
    """

    template: Callable[[random.Random, int, int], Worked]
    levels: tuple[tuple[int, int, int], ...]


def _worked(question: str, steps: list[str], gold: int) -> Worked:
    return Worked(question, "\n".join([*steps, f"The final answer is {gold}."]), str(gold))


def _upwards(label: str, steps: int, value: int, add: int) -> tuple[list[str], int]:
    """Labelled lines that add the same number again and again, and the last value."""
    lines = []
    for step in range(1, steps + 1):
        lines.append(f"{label} {step}: {value} + {add} = {value + add}")
        value += add
    return lines, value


def _downwards(label: str, steps: int, value: int, take: int) -> tuple[list[str], int]:
    """Labelled lines that subtract the same number again and again, and the last value."""
    lines = []
    for step in range(1, steps + 1):
        lines.append(f"{label} {step}: {value} - {take} = {value - take}")
        value -= take
    return lines, value


def counting_up(rng: random.Random, steps: int, largest: int) -> Worked:
    """Count on by the same number."""
    start, add = rng.randint(2, 20), rng.randint(2, largest)
    lines, gold = _upwards("Step", steps, start, add)
    return _worked(
        f"Start with {start}. Add {add} in each step. Which number is there after step {steps}?", lines, gold
    )


def savings(rng: random.Random, steps: int, largest: int) -> Worked:
    """The same count as a story about money."""
    start, add = rng.randint(2, 20), rng.randint(2, largest)
    lines, gold = _upwards("Day", steps, start, add)
    question = f"{rng.choice(NAMES)} has {start} dollars and saves {add} dollars a day. How many after {steps} days?"
    return _worked(question, lines, gold)


def plant(rng: random.Random, steps: int, largest: int) -> Worked:
    """The same count as a story about a plant."""
    start, add = rng.randint(2, 20), rng.randint(2, largest)
    lines, gold = _upwards("Week", steps, start, add)
    question = f"A plant is {start} cm high and grows {add} cm a week. How high is it after {steps} weeks?"
    return _worked(question, lines, gold)


def tank(rng: random.Random, steps: int, largest: int) -> Worked:
    """The same count in tens, as a story about a tank."""
    start, add = 10 * rng.randint(1, 9), 10 * rng.randint(1, largest)
    lines, gold = _upwards("Minute", steps, start, add)
    question = f"A tank holds {start} litres and gets {add} litres a minute. How many after {steps} minutes?"
    return _worked(question, lines, gold)


def counting_down(rng: random.Random, steps: int, largest: int) -> Worked:
    """Count back by the same number."""
    take = rng.randint(1, largest)
    start = steps * take + rng.randint(1, 9)
    lines, gold = _downwards("Step", steps, start, take)
    return _worked(
        f"Start with {start}. Subtract {take} in each step. Which number is there after step {steps}?", lines, gold
    )


def candle(rng: random.Random, steps: int, largest: int) -> Worked:
    """The same count back as a story about a candle."""
    take = rng.randint(1, largest)
    start = steps * take + rng.randint(1, 9)
    lines, gold = _downwards("Hour", steps, start, take)
    question = f"A candle is {start} cm high and loses {take} cm an hour. How high is it after {steps} hours?"
    return _worked(question, lines, gold)


def times_table(rng: random.Random, steps: int, largest: int) -> Worked:
    """Write a times table."""
    factor = rng.randint(2, largest)
    lines = [f"{step} * {factor} = {step * factor}" for step in range(1, steps + 1)]
    return _worked(f"Write the times table of {factor} up to {steps} * {factor}.", lines, steps * factor)


def doubling(rng: random.Random, steps: int, largest: int) -> Worked:
    """Double a number again and again."""
    value = rng.randint(2, largest)
    question, lines = f"Start with {value}. Double it in each step. Which number is there after step {steps}?", []
    for step in range(1, steps + 1):
        lines.append(f"Step {step}: {value} + {value} = {2 * value}")
        value *= 2
    return _worked(question, lines, value)


def distinct_sum(rng: random.Random, steps: int, largest: int) -> Worked:
    """Add different numbers, running total by running total."""
    numbers = rng.sample(range(1, largest + 1), steps + 1)
    total, lines = numbers[0], []
    for number in numbers[1:]:
        lines.append(f"{total} + {number} = {total + number}")
        total += number
    return _worked(f"Compute {' + '.join(map(str, numbers))}.", lines, total)


def taxi(rng: random.Random, steps: int, largest: int) -> Worked:
    """Products and a sum as a story about a taxi."""
    start, price = rng.randint(2, 9), rng.randint(2, largest)
    gold = start + steps * price
    lines = [f"{steps} km for {price} dollars each: {steps} * {price} = {steps * price}"]
    lines.append(f"With {start} dollars to start: {steps * price} + {start} = {gold}")
    question = f"A taxi costs {start} dollars to start and {price} dollars for each km. What do {steps} km cost?"
    return _worked(question, lines, gold)


FAMILIES = {
    "savings": Family(
        savings,
        (
            (2, 5, 5),
            (26, 5, 5),
            (4, 6, 5),
            (23, 5, 3),
            (25, 7, 5),
            (1, 5, 3),
            (21, 5, 5),
            (5, 7, 5),
            (24, 6, 5),
            (6, 7, 9),
        ),
    ),
    "plant": Family(
        plant,
        (
            (5, 7, 5),
            (4, 6, 5),
            (7, 6, 9),
        ),
    ),
    "tank": Family(tank, ((1, 4, 1),)),
    "counting-up": Family(
        counting_up,
        (
            (22, 6, 5),
            (5, 6, 5),
            (1, 4, 3),
            (25, 5, 5),
            (21, 5, 5),
            (2, 4, 5),
            (23, 4, 5),
            (4, 5, 3),
            (3, 5, 5),
            (26, 7, 5),
            (6, 6, 3),
        ),
    ),
    "counting-down": Family(
        counting_down,
        (
            (1, 4, 1),
            (2, 4, 2),
            (6, 6, 1),
            (21, 4, 2),
            (4, 5, 2),
        ),
    ),
    "candle": Family(
        candle,
        (
            (6, 6, 1),
            (1, 4, 1),
            (3, 5, 1),
        ),
    ),
    "doubling": Family(
        doubling,
        (
            (4, 5, 9),
            (5, 5, 12),
            (2, 4, 9),
            (6, 4, 12),
            (1, 4, 9),
            (21, 4, 9),
            (22, 5, 9),
        ),
    ),
    "distinct-sum": Family(
        distinct_sum,
        (
            (3, 3, 9),
            (2, 3, 9),
        ),
    ),
    "taxi": Family(
        taxi,
        (
            (22, 3, 9),
            (27, 5, 9),
            (3, 4, 9),
            (7, 6, 9),
            (1, 3, 5),
            (8, 3, 12),
            (26, 3, 5),
            (4, 4, 5),
            (24, 5, 5),
            (21, 3, 5),
            (25, 2, 9),
            (5, 5, 9),
            (23, 4, 5),
        ),
    ),
    "times-table": Family(
        times_table,
        (
            (3, 5, 12),
            (5, 6, 12),
            (1, 4, 9),
            (4, 6, 9),
            (21, 4, 9),
        ),
    ),
}


def bundled_questions() -> list[Question]:
    """All questions of the store; the same on every machine."""
    questions = []
    for name, family in FAMILIES.items():
        for number, (draw, steps, largest) in enumerate(family.levels, 1):
            rng = random.Random(f"{SEED} {name} {draw}")
            own = family.template(rng, steps, largest)
            examples: list[Worked] = []
            while len(examples) < EXAMPLES:
                example = family.template(rng, steps, largest)
                if example.question != own.question and example not in examples:
                    examples.append(example)
            shown = tuple((example.question, example.answer) for example in examples)
            questions.append(Question(f"{name}-{number:02}", own.question, own.gold, shown))
    return questions
