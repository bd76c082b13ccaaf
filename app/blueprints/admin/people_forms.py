"""The desk's forms about a person: another role, and student prices. Called by the people pages."""

from __future__ import annotations

from typing import Any

from flask_babel import lazy_gettext as _
from govuk_frontend_wtf.wtforms_widgets import GovRadioInput
from wtforms import HiddenField, RadioField
from wtforms.validators import InputRequired

from ...rules.statuses import Role
from .action_forms import ReasonForm

APPROVE, WITHDRAW = "approve", "withdraw"
ROLES = {
    Role.NONE: (_("None"), _("registers for sessions and sees their own things, like everybody")),
    Role.DESK: (_("Desk"), _("sees who comes to the sessions and ticks people in at the door")),
    Role.STAFF: (_("Staff"), _("also looks after sessions, bookings, members, student prices and money")),
    Role.ADMIN: (_("Administrator"), _("also gives people their roles and sees the settings")),
}
"""Each role's name, and what it may do."""


class RoleForm(ReasonForm):
    """Which role somebody is to have, and why."""

    role = RadioField(_("New role"), widget=GovRadioInput(), validators=[InputRequired(_("Choose a role"))])

    def __init__(self, *args: Any, now_has: Role, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        offered = [role for role in ROLES if role is not now_has]
        self.role.choices = [(role.value, _("%(name)s: %(may)s", name=ROLES[role][0], may=ROLES[role][1])) for role in offered]


class StudentForm(ReasonForm):
    """Approval, or its end, with a reason. ``deed`` is what the page asked about, whatever somebody else did meanwhile."""

    deed = HiddenField(default=APPROVE)

    def validate_deed(self, field: HiddenField) -> None:
        """Anything else than an approval is its end: the more careful of the two."""
        if field.data != APPROVE:
            field.data = WITHDRAW

    @property
    def approves(self) -> bool:
        return bool(self.deed.data == APPROVE)
