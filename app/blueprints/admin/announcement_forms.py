"""What staff type to write to a session's people: to whom, a subject, a text. Called by the announcement views."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from flask_babel import gettext
from flask_babel import lazy_gettext as _
from govuk_frontend_wtf.wtforms_widgets import GovCheckboxesInput, GovTextArea, GovTextInput
from wtforms import HiddenField, SelectMultipleField, StringField, TextAreaField
from wtforms.validators import DataRequired, Length, ValidationError

from ...rules.announcements import LONGEST_SUBJECT, LONGEST_TEXT, Group
from ...services.announcements import Message
from .action_forms import KEY, fresh_key
from .session_action_forms import ActionForm

GROUPS = {
    Group.REGISTERED: _("Registered"),
    Group.WAITING: _("Waiting for a place"),
    Group.UNPAID: _("Not paid yet"),
}


def _one_line(text: str | None) -> str:
    return " ".join((text or "").split())


def _plain(text: str | None) -> str:
    """As typed, without what no keyboard types: mail programs would show boxes."""
    lines = (text or "").replace("\r\n", "\n").replace("\r", "\n").split("\n")
    return "\n".join("".join(c for c in line if c.isprintable() or c == "\t").rstrip() for line in lines).strip()


class AnnouncementForm(ActionForm):
    """The message. ``sizes``: how many people each group has, to be read beside it."""

    groups = SelectMultipleField(_("To whom"), widget=GovCheckboxesInput())
    subject = StringField(
        _("Subject"),
        filters=[_one_line],
        validators=[
            DataRequired(_("Enter a subject, like “Bring warm clothes on Friday”")),
            Length(max=LONGEST_SUBJECT, message=_("Enter a subject of %(max)d characters or fewer")),
        ],
        widget=GovTextInput(),
    )
    text = TextAreaField(
        _("Text"),
        description=_(
            "Plain text. An empty line begins a new paragraph; a web address becomes a link. The greeting, the session’s time and"
            " place and each person’s own link are added by themselves."
        ),
        filters=[_plain],
        validators=[
            DataRequired(_("Enter what you want to say")),
            Length(max=LONGEST_TEXT, message=_("Enter a text of %(max)d characters or fewer")),
        ],
        widget=GovTextArea(),
    )
    once = HiddenField(default=fresh_key)

    def __init__(self, *, sizes: Mapping[Group, int]) -> None:
        super().__init__()
        self.groups.choices = [(group.value, f"{words} ({sizes[group]})") for group, words in GROUPS.items()]

    def validate_groups(self, field: Any) -> None:
        """At least one group."""
        if not field.data:
            raise ValidationError(gettext("Choose who gets this message"))

    def validate_once(self, field: Any) -> None:
        """What is no key of ours gets a fresh one."""
        if not KEY.fullmatch(field.data or ""):
            field.data = fresh_key()

    @property
    def chosen(self) -> list[Group]:
        """Who was meant; after a ``validate`` that found nothing wrong."""
        return [Group(value) for value in self.groups.data]

    @property
    def message(self) -> Message:
        """What was typed."""
        return Message(self.subject.data, self.text.data)
