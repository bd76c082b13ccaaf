"""What every template may rely on: component macros, dates and money in words, the club's colour, how an order stands.

``init_templating`` is called once by ``create_app``, ``club_css`` by the route that serves the colour, the rest by templates.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache, lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from babel import Locale, numbers
from babel import dates as babel_dates
from flask import Flask, current_app, url_for
from flask_babel import get_locale, get_translations, gettext
from govuk_frontend_wtf.main import WTFormsHelpers
from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from . import clock
from .extensions import babel
from .order_standing import only_words, order_standing
from .queries import item_facts
from .rules.phone_numbers import in_words
from .rules.pricing import Quote
from .rules.refusals import Refusal
from .services.amounts import UNAMBIGUOUS, money, plain
from .template_loading import prepare_loading

if TYPE_CHECKING:
    from .queries.club_sessions import SessionView

TEXT_CONTRAST = 5.0
"""Contrast with white that a club colour is darkened to: WCAG AA asks for 4.5, the rest is for tinted grounds."""
DARK_GROUND = (42, 37, 33)
"""The paper of the dark scheme, as in muster.css."""


def init_templating(app: Flask) -> None:
    """Give the app's templates their macros, filters and globals. Reads ``app.extensions["muster_settings"]``."""
    if "babel" not in app.extensions:
        babel.init_app(app, default_locale="en_NZ", default_timezone="UTC")
    env = app.jinja_env
    env.undefined, env.trim_blocks, env.lstrip_blocks = StrictUndefined, True, True
    prepare_loading(env, Path(app.instance_path) / "templates")
    _keep_catalogues(env)
    WTFormsHelpers(app)
    for function in (money, price, day, day_short, clock_time, time_range, end_time, when, until, zone_name, iso, refusal_text):
        env.filters[function.__name__] = env.globals[function.__name__] = function
    env.filters.update(paragraphs=paragraphs, is_past=is_past)
    env.globals.update(phone_number=in_words)
    env.globals.update(settings=app.extensions["muster_settings"], html_lang=html_lang, static_url=static_url)
    env.globals.update(club_ink=club_ink, order_standing=order_standing, session_row=session_row)
    env.globals.update(only_words=only_words, item_words=item_facts.words_of, file_size=file_size)


def _keep_catalogues(env: Environment) -> None:
    """Look the words of each language up once: Flask-Babel looks for their files at each request, and at each word for itself."""
    kept: dict[Locale, Any] = {}

    def catalogue() -> Any:
        locale = _locale()
        if locale not in kept:
            kept[locale] = get_translations()
        return kept[locale]

    # The extension that Flask-Babel has loaded brings this method.
    env.install_gettext_callables(  # type: ignore[attr-defined]
        gettext=lambda text: catalogue().ugettext(text),
        ngettext=lambda one, many, count: catalogue().ungettext(one, many, count),
        newstyle=True,
    )


def price(quote: Quote) -> str:
    """The price of one place, or "Free"."""
    return money(quote.unit_cents, quote.currency) if quote.unit_cents else gettext("Free")


def day(moment: datetime | str, zone: str | None = None) -> str:
    """The day in words: "Saturday 21 November", with the year when it is not the present one there."""
    local = _local(moment, zone)
    this_year = clock.now().astimezone(local.tzinfo).year == local.year
    return _format(local, gettext("EEEE d MMMM") if this_year else gettext("EEEE d MMMM y"))


def day_short(moment: datetime | str, zone: str | None = None) -> str:
    """The same for tables: "Sat 21 Nov"."""
    local = _local(moment, zone)
    this_year = clock.now().astimezone(local.tzinfo).year == local.year
    return _format(local, gettext("EEE d MMM") if this_year else gettext("EEE d MMM y"))


def clock_time(moment: datetime | str, zone: str | None = None) -> str:
    """The time of day: "6:00 pm"."""
    local = _local(moment, zone)
    return _format(local, _locale().time_formats["short"].pattern)


def time_range(starts: datetime | str, ends: datetime | str, zone: str | None = None) -> str:
    """From when to when: "6:00 – 8:00 pm"; the last day is named when it is another (but for a night out)."""
    first, last = _local(starts, zone), _local(ends, zone)
    if first.date() == last.date():
        return _interval(first.replace(tzinfo=None), last.replace(tzinfo=None), _locale())
    if last - first < timedelta(hours=12):
        return f"{clock_time(first, zone)} – {clock_time(last, zone)}"
    return f"{clock_time(first, zone)} – {day(last, zone)}, {clock_time(last, zone)}"


def end_time(starts: datetime | str, ends: datetime | str, zone: str | None = None) -> str:
    """The end beside its start: "8:00 pm", or the day when it ends on a later one."""
    first, last = _local(starts, zone), _local(ends, zone)
    return clock_time(last, zone) if last - first < timedelta(hours=12) else day(last, zone)


def when(starts: datetime | str, ends: datetime | str | None = None, zone: str | None = None) -> str:
    """Day and time in full, naming the zone when it is not the club's own."""
    times = clock_time(starts, zone) if ends is None else time_range(starts, ends, zone)
    note = zone_name(zone)
    return f"{day(starts, zone)}, {times}" + (f" ({note})" if note else "")


def until(moment: datetime | str, zone: str | None = None) -> str:
    """A moment: "6:30 pm today", else "6:30 pm on Saturday 21 November". For mail, which is read later, there is ``when``."""
    local = _local(moment, zone)
    if local.date() == clock.now().astimezone(local.tzinfo).date():
        return str(gettext("%(time)s today", time=clock_time(local, zone)))
    return str(gettext("%(time)s on %(day)s", time=clock_time(local, zone), day=day(local, zone)))


def file_size(size_bytes: int) -> str:
    """How large a file is: "340 kB", "1.2 MB"."""
    for unit, large in ((gettext("kB"), 1000), (gettext("MB"), 1_000_000), (gettext("GB"), 1_000_000_000)):
        if size_bytes < large * 1000 or large == 1_000_000_000:
            number = numbers.format_decimal(max(size_bytes / large, 0.1), "#,##0.#", locale=_locale())
            return f"{number} {unit}"
    raise AssertionError("unreachable")


def is_past(moment: datetime | str) -> bool:
    return _aware(moment) <= clock.now()


def zone_name(zone: str | None, *, always: bool = False) -> str:
    """The zone in words, "Australian Eastern Time"; empty when it is the club's own, unless ``always``."""
    shown = zone or _club_zone()
    return "" if shown == _club_zone() and not always else babel_dates.get_timezone_name(ZoneInfo(shown), locale=_locale())


def iso(moment: datetime | str) -> str:
    """The moment for machines (<time datetime>, countdown), in UTC."""
    return _aware(moment).astimezone(UTC).isoformat(timespec="seconds").replace("+00:00", "Z")


def refusal_text(refusal: Refusal) -> str:
    """What a refusal says, translated and filled in."""
    return str(gettext(refusal.text, **refusal.params))


def paragraphs(text: str) -> list[list[str]]:
    """Plain text as paragraphs of lines, for the template to escape: an empty line parts them."""
    blocks = text.replace("\r\n", "\n").split("\n\n")
    return [lines for block in blocks if (lines := [line.strip() for line in block.splitlines() if line.strip()])]


def html_lang() -> str:
    """The page's language tag: "en-NZ"."""
    return str(_locale()).replace("_", "-")


def session_row(session: SessionView) -> Markup:
    """One row of the list. Kept once drawn, because a long list costs more to draw than to read."""
    quarter = int(clock.now().timestamp()) // 900  # "today" changes at midnight, somewhere on a quarter of an hour
    return _session_row(session, _locale(), _club_zone(), quarter)


@lru_cache(2048)
def _session_row(session: SessionView, _locale: Locale, _zone: str, _quarter: int) -> Markup:
    template: Any = current_app.jinja_env.get_template("components/session_row.html").module
    return Markup(template.session_row(session))  # noqa: S704 - a macro's own, already escaped output


def static_url(filename: str) -> str:
    """Address of a static file that changes with its content, so that it may be cached for good."""
    return url_for("static", filename=filename, v=_content_hash(str(current_app.static_folder), filename))


@cache
def _content_hash(folder: str, filename: str) -> str:
    return hashlib.sha256((Path(folder) / filename).read_bytes()).hexdigest()[:10]


def club_css(colour: str) -> str:
    """The stylesheet with the club's colour ("#rrggbb"): itself, and shades that can be read on (or under) white and black."""
    light = _shade(_rgb(colour), 255, lambda c: _contrast(c, DARK_GROUND) >= TEXT_CONTRAST)
    return f":root{{--club-pure:{colour};--club:{club_ink(colour)};--club-light:{_hex(light)}}}\n"


def club_ink(colour: str) -> str:
    """The club's colour, darkened as far as white text on it needs. Mails use it too."""
    return _hex(_shade(_rgb(colour), 0, lambda c: _contrast(c, (255, 255, 255)) >= TEXT_CONTRAST))


Rgb = tuple[int, int, int]


def _shade(rgb: Rgb, towards: int, good: Callable[[Rgb], bool]) -> Rgb:
    """The colour nearest to ``rgb``, on its way to black (0) or white (255), that is good."""
    for step in range(101):
        r, g, b = (round(part + (towards - part) * step / 100) for part in rgb)
        if good((r, g, b)):
            return r, g, b
    return towards, towards, towards


def _contrast(one: Rgb, other: Rgb) -> float:
    """The contrast ratio of WCAG 2.2, from 1 to 21."""
    low, high = sorted((_luminance(one), _luminance(other)))
    return (high + 0.05) / (low + 0.05)


def _luminance(rgb: Rgb) -> float:
    parts = [c / 255 for c in rgb]
    r, g, b = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in parts)
    return 0.2126 * r + 0.7152 * g + 0.0722 * b


def _rgb(colour: str) -> Rgb:
    return int(colour[1:3], 16), int(colour[3:5], 16), int(colour[5:7], 16)


def _hex(rgb: Rgb) -> str:
    return "#{:02x}{:02x}{:02x}".format(*rgb)


def _locale() -> Locale:
    return get_locale() or UNAMBIGUOUS


def _club_zone() -> str:
    return str(current_app.extensions["muster_settings"].time_zone)


def _aware(moment: datetime | str) -> datetime:
    aware = datetime.fromisoformat(moment) if isinstance(moment, str) else moment
    if aware.tzinfo is None:
        raise ValueError(f"a time without a zone cannot be shown: {moment!r}")
    return aware


def _local(moment: datetime | str, zone: str | None) -> datetime:
    return _aware(moment).astimezone(ZoneInfo(zone or _club_zone()))


def _format(local: datetime, pattern: str) -> str:
    return _formatted(local.replace(tzinfo=None), pattern, _locale())


@lru_cache(4096)
def _interval(first: datetime, last: datetime, locale: Locale) -> str:
    return plain(babel_dates.format_interval(first, last, "hm", tzinfo=UTC, locale=locale))  # local times: nothing is shifted


@lru_cache(4096)
def _formatted(local: datetime, pattern: str, locale: Locale) -> str:
    """Without its zone, because equal moments of two zones are one key to a cache."""
    return plain(babel_dates.format_datetime(local, pattern, locale=locale))
