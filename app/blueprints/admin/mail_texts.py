"""What the automatic mails say, filled in with made-up people, in the club's look: to read, not to send."""

from __future__ import annotations

from flask import Response, abort, make_response, render_template
from flask.typing import ResponseReturnValue

from ...rules.statuses import Role
from ...security import framed_alone, staff_only
from ...services import sample_letters
from ...services.outbox import Rendered
from . import bp
from .mail_words import OCCASIONS


@bp.get("/mail/texts")
@staff_only(Role.STAFF)
def mail_texts() -> ResponseReturnValue:
    """Every automatic mail: when it is sent, and its subject."""
    mails = [(name, sample_letters.rendered(name)[0].subject, OCCASIONS[name]) for name in sample_letters.templates()]
    return render_template("admin/mail_texts.html", mails=mails)


@bp.get("/mail/texts/<slug:name>")
@staff_only(Role.STAFF)
def mail_text(name: str) -> ResponseReturnValue:
    """One of them, as HTML and as plain text, for each occasion that words it differently."""
    template, found = _found(name)
    return render_template("admin/mail_text.html", name=name, occasion=OCCASIONS[template], mails=found)


@bp.get("/mail/texts/<slug:name>/<int:number>/html")
@staff_only(Role.STAFF)
def mail_text_html(name: str, number: int) -> Response:
    """The HTML of one of them alone, as a mail program shows it. It may carry its own styles, and do nothing."""
    _template, found = _found(name)
    if not 1 <= number <= len(found):
        abort(404)
    return framed_alone(make_response(_with_pictures(found[number - 1])))


def _found(name: str) -> tuple[str, list[Rendered]]:
    template = name.replace("-", "_")
    return template, sample_letters.rendered(template) or abort(404)


def _with_pictures(mail: Rendered) -> str:
    """A mail program finds a picture beside the HTML by its ``cid:``; a browser needs it inside."""
    html = mail.html
    for picture in mail.attachments:
        if picture.get("content_id"):
            html = html.replace(f"cid:{picture['content_id']}", f"data:{picture['type']};base64,{picture['content']}")
    return html
