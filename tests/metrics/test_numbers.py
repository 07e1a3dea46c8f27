"""One number in any writing is one number; a withheld number is nobody's; text never becomes a number."""

import unicodedata

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.legs import frame, leg, outbound, unanswered
from thulium_frames import metrics

WARSAW = "+48221234567"

SAME = [
    *("tel:+48 22 123 45 67", "tel:+48221234567;ext=12", "tel:221234567;phone-context=+48", "tel://+48221234567"),
    *("TEL:+48-22-123-45-67", "tel. 22 123 45 67", "callto:+48221234567"),
    *("sip:+48221234567@host;user=phone", "sips:48221234567@pbx", "SIP:+48221234567@10.0.0.1:5060", "221234567@pbx.pl"),
    *("sip:%2B48221234567@pbx", "sip:221234567:secret@pbx", "sip:221234567"),
    *('"Jan" <sip:48221234567@pbx>', "Jan Nowak <221234567>", "<+48221234567>", "<sip:+48221234567@pbx>;tag=77"),
    *("+48221234567;ext=12", "22 123 45 67 ext. 12", "22 123 45 67 wew. 12", "221234567x12", "221234567 (wew. 12)"),
    *(
        "221234567 wewnętrzny 12",
        "221234567 EXT12",
        "221234567 доб. 12",
        "221234567,12",
        "221234567p12",
        "221234567#12",
    ),
    *(
        "*31#221234567",
        "#31#22 123 45 67",
        "*31*221234567",
        "*31*221234567#",
        "#31#+48 (0) 22 123 45 67",
        "*67221234567",
    ),
    *("+48 (0) 22 123 45 67", "+48(0)221234567", "(0) 22 123 45 67", "+48 022 123 45 67", "(022) 123 45 67"),
    *("0-22 123 45 67", "0048221234567", "00 48 22 123 45 67", "+0048221234567", "480221234567"),
    *("+48\N{NO-BREAK SPACE}22\N{THIN SPACE}123\N{NARROW NO-BREAK SPACE}45 67", "22\N{ZERO WIDTH SPACE}1234567"),
    *("\N{ZERO WIDTH NO-BREAK SPACE}221234567", "\N{LEFT-TO-RIGHT ISOLATE}+48221234567\N{POP DIRECTIONAL ISOLATE}"),
    *("22–123—45‑67", "22−123−45−67", "22.123.45.67", "22/123/45/67", "[22] 123-45-67", "22_123_45_67"),
    *("'221234567", '"+48221234567"', "４８２２１２３４５６７", "＋４８ ２２ １２３ ４５ ６７"),
    *("٢٢١٢٣٤٥٦٧", "۲۲۱۲۳۴۵۶۷", "+48  22\t123\n4567"),
]

WITHHELD = [
    *("anonymous", "Anonymous", "anonymous@anonymous.invalid", "sip:anonymous@anonymous.invalid", "tel:anonymous"),
    *("sip:anonymous@10.0.0.1", "sip:unknown@10.0.0.1:5060", "asterisk@192.168.1.1", "sip:10.0.0.1", "sip:@10.0.0.1"),
    *('"Anonymous" <sip:anonymous@anonymous.invalid>;tag=1', '"48221234567" <sip:anonymous@pbx>', "<>"),
    *(
        "unknown",
        "private",
        "restricted",
        "unavailable",
        "withheld",
        "blocked",
        "no number",
        "null",
        "none",
        "n/a",
        "-",
    ),
    *("zastrzeżony", "NUMER ZASTRZEŻONY", "nieznany", "brak", "unbekannt", "neznámé", "скрытый номер", "приватний 1"),
    *("0", "000000000", "+000", "00 00 00", "0-0", "(0)", "+48000000000", "+480000000000", "0048000000000", "0000"),
    *("+420000000000", "٠٠٠", "０", "sip:0@pbx", "sip:000000@10.1.1.1", "#31#0", "*31#", "000 wew. 12", "-1"),
    *("", "   ", "--", "–", "\N{ZERO WIDTH SPACE}", "+", "anonymous-17", "Anonymous 1", "anonymous;ext=12"),
    *("+266696687", "266696687", "+2562533", "+7378742833", "+8656696", "+86282452253", "+7748283"),
    *("s", "jan.nowak@firma.pl"),
]

OTHER = {
    **{"101": "101", "12-34": "1234", "1 2 3": "123", "tel:112": "112", "101 wew. 5": "101", "480": "480"},
    **{"sip:101@acme": "sip:101@acme", '"Jan" <sip:101@Acme;x=1>': "sip:101@acme", "101@pbx": "sip:101@pbx"},
    **{text: text for text in ("jan2", "jan2@host", "Firma 22 123 45 67 sp.", "1-800-FLOWERS", "*98", "pokój 12 x 5")},
    **dict.fromkeys(["+44 (0)20 7183 8750", "+44 (020) 7183 8750", "0044 20 7183 8750"], "+442071838750"),
    **{"+39 (0)6 1234 5678": "+390612345678", "+48266696687": "+48266696687", "123 456 78": "12345678"},
}


def forms(*texts: str | None) -> list[str | None]:
    table = pl.DataFrame({"src": list(texts)}, schema={"src": pl.String})
    return table.select(metrics.normalised("src"))["src"].to_list()


@pytest.mark.parametrize("written", SAME)
def test_one_number_in_any_writing_is_one_number(written: str) -> None:
    assert forms(written) == [WARSAW]


@pytest.mark.parametrize("written", WITHHELD)
def test_a_withheld_number_in_any_spelling_is_null(written: str) -> None:
    assert forms(written) == [None]


@pytest.mark.parametrize(("written", "form"), OTHER.items())
def test_other_texts_and_short_numbers_are_not_invented(written: str, form: str) -> None:
    assert forms(written) == [form]


def test_all_together_give_what_each_gives_alone() -> None:
    assert forms(*SAME, None, *WITHHELD, *OTHER) == [
        *[WARSAW] * len(SAME),
        *[None] * (len(WITHHELD) + 1),
        *OTHER.values(),
    ]


# --- any writing

DIVIDERS = st.sampled_from(["", *" -–—‑−./\N{NO-BREAK SPACE}\N{THIN SPACE}\N{ZERO WIDTH SPACE}", "  "])
SCRIPTS = st.sampled_from(["0", "\N{FULLWIDTH DIGIT ZERO}", "\N{ARABIC-INDIC DIGIT ZERO}", "\N{DEVANAGARI DIGIT ZERO}"])
WRAPS = st.sampled_from(
    ["{}", "tel:{}", "sip:{}@10.0.0.1", '"Anna 12" <sip:{}@pbx;user=phone>', "<{}>", "{};ext=7", "{} wew. 12", "*31#{}"]
)


@given(st.data())
def test_no_divider_script_or_wrapping_makes_another_number(data: st.DataObject) -> None:
    country = data.draw(st.sampled_from(["", "+48", "48", "0048", "0", "+48(0)"]))
    script = data.draw(SCRIPTS)
    digits = "".join(digit + data.draw(DIVIDERS) for digit in "221234567")
    written = "".join(chr(ord(script) + int(one)) if one.isdigit() else one for one in country + digits)
    assert forms(data.draw(WRAPS).format(written)) == [WARSAW]


@given(st.text(max_size=24))
def test_the_form_of_a_form_is_itself(text: str) -> None:
    (form,) = forms(text)
    assert forms(form) == [form]


@given(st.text(max_size=24))
def test_a_number_has_only_digits_that_were_written(text: str) -> None:
    (form,) = forms(text)
    if form is not None and form != text:
        written = [str(unicodedata.digit(one)) for one in unicodedata.normalize("NFKC", text) if one.isdecimal()]
        assert len([one for one in form if one.isdecimal()]) <= len(written) + len("48")


@given(st.from_regex(r"(?:\+|00)?48[1-9][0-9]{8}", fullmatch=True))
def test_the_short_way_for_polish_numbers_is_the_library_s_way(written: str) -> None:
    import phonenumbers

    (form,) = forms(written)
    number = phonenumbers.parse(f"+{written.removeprefix('+').removeprefix('00')}", None)
    assert form == phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


# --- in the figures

LATER = leg("2024-10-30 10:00:00", src="48600100999")


def test_every_withheld_call_is_an_anonymous_row_of_its_own() -> None:
    calls = [unanswered(f"2024-10-23 10:{minute:02}:00", src=src) for minute, src in enumerate(WITHHELD[:50])]
    missed = metrics.missed_calls(frame(*calls, *(outbound("2024-10-23 12:00:00", to=to) for to in WITHHELD), LATER))
    assert missed["state"].to_list() == ["anonymous"] * len(calls)
    assert (missed["caller"].null_count(), missed["tries"].unique().to_list()) == (len(calls), [1])
    assert metrics.repeat_calls(frame(*calls))["caller"].to_list() == []


def test_one_caller_who_is_written_in_many_ways_is_one_row() -> None:
    calls = [unanswered(f"2024-10-23 10:{minute:02}:00", src=src) for minute, src in enumerate(SAME[:50])]
    missed = metrics.missed_calls(frame(*calls, outbound("2024-10-23 12:00:00", to='"Jan" <tel:221234567>'), LATER))
    assert missed.select("caller", "tries", "state").rows() == [(WARSAW, len(calls), "called back")]


def test_a_colleague_s_phone_with_a_host_is_a_colleague() -> None:
    assert metrics.missed_calls(frame(unanswered(src="sip:101@pbx"), LATER)).height == 0
