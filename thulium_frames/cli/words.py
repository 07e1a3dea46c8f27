"""Words that commands share."""


def days(number: int) -> str:
    return f"{number:,} day{'' if number == 1 else 's'}"
