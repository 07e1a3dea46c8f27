"""The people, queues and labels of the invented contact centre. Nobody and nothing here is real."""

from dataclasses import dataclass
from typing import NamedTuple


@dataclass(frozen=True)
class Agent:
    """A user of the panel; the login is plain ASCII, the name is not."""

    login: str
    name: str


@dataclass(frozen=True)
class Topic:
    """The subject of a talk, as an agent marks it."""

    id: int
    name: str


@dataclass(frozen=True)
class Queue:
    """A queue of callers.

    `load` is the queue's share of the office's inbound calls. `abandons` is the chance that a caller gives up in an
    average hour. `wait` is the mean wait and `talk` the median talk, both in seconds.
    """

    id: int
    name: str
    folder: str
    line: str
    load: float
    abandons: float
    wait: float
    talk: float
    crew: tuple[Agent, ...]
    topics: tuple[Topic, ...]


@dataclass(frozen=True)
class Campaign:
    """An outbound campaign with its possible results; the first result means that nobody was reached."""

    id: int
    name: str
    folder: str
    results: tuple[str, ...]


class Customer(NamedTuple):
    """A caller: the number (`""` when withheld) and the id in the CRM (`""` when unknown)."""

    number: str
    customer_id: int | str


AGENTS = (
    Agent("a.wisniewska", "Agnieszka Wiśniewska"),
    Agent("b.dabrowski", "Błażej Dąbrowski"),
    Agent("c.gora", "Celina Góra"),
    Agent("d.zak", "Dominik Żak"),
    Agent("e.szczesna", "Elżbieta Szczęsna"),
    Agent("g.lis", "Grzegorz Lis"),
    Agent("j.kowalczyk", "Joanna Kowalczyk"),
    Agent("k.wojcik", "Krzysztof Wójcik"),
    Agent("l.zolkowska", "Łucja Żółkowska"),
    Agent("m.jablonski", "Michał Jabłoński"),
    Agent("n.pawlak", "Natalia Pawlak"),
    Agent("p.krol", "Paweł Król"),
    Agent("s.zdzblo", "Sławomir Źdźbło"),
    Agent("z.nowak", "Zofia Nowak"),
)

#: The queues that keep office hours.
QUEUES = (
    Queue(
        *(34, "Sprzedaż", "sprzedaz", "48120000134", 0.32, 0.06, 16.0, 190.0, AGENTS[0:6]),
        topics=(Topic(361, "Nowe zamówienie"), Topic(362, "Pytanie o ofertę"), Topic(363, "Zmiana umowy")),
    ),
    Queue(
        *(35, "Obsługa klienta", "obsluga_klienta", "48120000135", 0.40, 0.09, 32.0, 150.0, AGENTS[3:11]),
        topics=(Topic(365, "Status przesyłki"), Topic(366, "Zmiana danych"), Topic(367, "Pomoc techniczna")),
    ),
    Queue(
        *(36, "Reklamacje", "reklamacje", "48120000136", 0.17, 0.14, 55.0, 260.0, AGENTS[8:14]),
        topics=(Topic(371, "Uszkodzony towar"), Topic(372, "Zwrot"), Topic(373, "Opóźniona dostawa")),
    ),
    Queue(
        *(37, "Księgowość", "ksiegowosc", "48120000137", 0.11, 0.05, 22.0, 110.0, AGENTS[11:14]),
        topics=(Topic(381, "Faktura"), Topic(382, "Płatność")),
    ),
)

#: The queue that never closes.
NIGHT_QUEUE = Queue(
    *(42, "Pogotowie 24h", "pogotowie_24h", "48120000142", 0.0, 0.08, 14.0, 120.0, AGENTS[9:13]),
    topics=(Topic(391, "Awaria"), Topic(392, "Zgłoszenie pilne")),
)

CAMPAIGNS = (
    Campaign(7, "Przedłużenie umów", "przedluzenia", ("Brak kontaktu", "Przedłużona", "Do namysłu", "Rezygnacja")),
    Campaign(9, "Ankieta zadowolenia", "ankieta", ("Brak kontaktu", "Wypełniona", "Odmowa")),
)

TAGS = ("vip", "pilne", "nowy klient", "zwrot", "rabat", "obietnica zapłaty", "skarga", "dosprzedaż")
CALLBACK_TAG = "oddzwonienie"
TRUNKS = ("siptrunk", "siptrunk_zapasowy")

#: Folder of recordings of calls that belong to neither a queue nor a campaign.
OUTBOUND_FOLDER = "wychodzace"
#: The number that outbound calls show.
OUTBOUND_LINE = "48120000100"

_MOBILE_PREFIXES = ("50", "51", "53", "57", "60", "66", "69", "72", "73", "78", "79", "88")
_KNOWN_PERCENT = 60


def customer(seed: int, rank: int) -> Customer:
    """The customer of that rank. Any two ranks below ten million have different numbers."""
    prefix = _MOBILE_PREFIXES[rank % len(_MOBILE_PREFIXES)]
    number = f"48{prefix}{(rank * 7_654_321 + seed * 7_919) % 10_000_000:07d}"
    known = (rank * 2_654_435_761 + seed * 40_503) % 2**32 % 100 < _KNOWN_PERCENT
    return Customer(number, 100_000 + rank if known else "")
