"""The check before a booking is added or changed: what exactly happens, what it costs and who is told. Called by those views."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from flask import request, url_for
from flask.typing import ResponseReturnValue
from flask_babel import gettext as _
from flask_babel import ngettext

from ...queries.desk_changes import Effect
from ...queries.desk_registration import RegistrationPage
from ...rules.addresses import has_mailbox
from ...rules.refusals import InvalidInput
from ...services.differences import Settling
from ...templating import money, when
from .action_forms import walk
from .booking_forms import BookingForm, DifferenceForm


@dataclass(frozen=True, slots=True)
class Check:
    """What the check page says. ``over``: how far past capacity the deed goes, to be ticked; 0: nothing to tick."""

    title: str
    rows: Sequence[tuple[str, str]]
    button: str
    cents: int = 0
    over: int = 0
    over_words: str = ""
    warnings: Sequence[str] = field(default_factory=list)


def ask(
    form: BookingForm, check: Callable[[], Check], act: Callable[[], str], result: Callable[[], str], *, title: str,
    back: str, back_words: str, intro: Sequence[str] = (),
) -> ResponseReturnValue:
    """Walk through fields, check and deed with the one template that all of these share."""
    return walk(
        form, "admin/booking_action.html", act, result, title=title, back=back, back_words=back_words, intro=intro,
        check=_Late(check),
    )  # fmt: skip


class _Late:
    """The check, worked out only when the page shows it: before, what was typed may make no sense."""

    def __init__(self, make: Callable[[], Check]) -> None:
        self._make, self._made = make, None

    def __getattr__(self, name: str) -> object:
        if self._made is None:
            self._made = self._make()
        return getattr(self._made, name)


def of_booking(page: RegistrationPage) -> tuple[str, str]:
    """Where a page about a booking leads back to, and the words for it."""
    return url_for("admin.registration", token=page.r.token), _("Back to the booking")


def from_door(page: RegistrationPage) -> tuple[str, str] | None:
    """The way back to the door, for somebody who came from there (``?to=door``); None for anybody else."""
    if request.args.get("to") != "door":
        return None
    return url_for("admin.door", slug=page.session.slug, last=page.r.reference), _("Back to the door")


def told(email: str, *more: str) -> tuple[str, str]:
    """The row that says who gets a mail."""
    who = _("%(email)s, by e-mail, without the reason", email=email) if has_mailbox(email) else _("Nobody: there is no address")
    return _("Who is told"), ", ".join([who, *more])


def overbooking(effect: Effect) -> tuple[int, str]:
    """By how many a deed goes past capacity, and the words to tick."""
    said = {"over": effect.over, "taken": effect.taken_after, "capacity": effect.session.capacity}
    return effect.over, _("Overbook by %(over)s: %(taken)s taken of %(capacity)s places", **said) if effect.over else ""


def difference_rows(form: DifferenceForm, effect: Effect, currency: str) -> list[tuple[str, str]]:
    """What a change costs more or less, and what becomes of that. Raises InvalidInput when a link has no end."""
    if not effect.cents:
        return [(_("Difference in price"), _("None"))]
    if effect.cents > 0 and not form.check_deadline(form.dearer.data):
        raise InvalidInput("pay_by", form.pay_by.errors[0])
    amount = money(abs(effect.cents), currency)
    more = _("%(amount)s more", amount=amount) if effect.cents > 0 else _("%(amount)s less", amount=amount)
    how, until = form.settlement(effect.cents).how, when(form.deadline, None, form.zone) if form.deadline else "–"
    words = {
        Settling.LINK: _("A link is mailed, to be paid until %(when)s", when=until),
        Settling.CASH: _("%(amount)s in cash", amount=amount),
        Settling.BANK: _("%(amount)s by bank transfer", amount=amount),
        Settling.REFUND: _("%(amount)s goes back the way it came", amount=amount),
        Settling.WAIVE: _("Nothing is asked for and nothing goes back"),
    }
    return [(_("Difference in price"), more), (_("Settled"), words[how])]


def places_words(number: int) -> str:
    """So many places, in words."""
    return str(ngettext("%(num)s place", "%(num)s places", number))
