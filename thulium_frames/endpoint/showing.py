"""Text of a server as it may be shown, on a terminal or in a log."""

from thulium_frames.endpoint.settings import Secret

_MOST_SHOWN = 500


def shown(text: str, password: Secret) -> str:
    """Without the password, which a system may repeat, in harmless characters, and not too long."""
    return printable(text.replace(password.reveal(), "***"))[:_MOST_SHOWN]


def printable(text: str) -> str:
    """Without characters that steer a terminal, turn the direction of writing, begin a line, or cannot be encoded."""
    return "".join(map(_harmless, text))


def _harmless(character: str) -> str:
    if character.isprintable():
        return character
    return " " if character.isspace() else "\N{REPLACEMENT CHARACTER}"
