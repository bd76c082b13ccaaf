"""A file and a course to look at and to buy, made as staff would make them. Called with the rest of the sample club.

The file is a PDF of one page, written here: the smallest that a reader opens.
"""

from __future__ import annotations

import io

from sqlalchemy import select

from ..config import current_settings
from ..extensions import db as flask_db
from ..models import Product
from ..rules.statuses import ProductKind
from ..transaction import end_read
from . import audit, course_pages, product_files, products
from .course_pages import PageFields
from .products import ProductFields

FILE = ProductFields(
    title="Warm-up card",
    summary="Ten minutes of exercises on one page, to print and put up in the hall.",
    description="Made for **badminton and volleyball**.\n\n- Ankles, knees and hips\n- Shoulders and wrists\n- Short sprints",
    price_cents=500,
    member_price_cents=0,
)
WARM_UP = (
    "Warm-up card", "", "1. Circle your ankles, ten times each way.", "2. Swing each leg, ten times.",
    "3. Circle your shoulders, then your wrists.", "4. Three sprints from line to line.", "", "Then drink something, and play.",
)  # fmt: skip
COURSE = ProductFields(
    title="Serve like you mean it",
    summary="A course in three short lessons, with a sheet for your practice.",
    description="For everybody who has played for a season. You need a racket, ten shuttles and half an hour for each lesson.",
    price_cents=4500,
    member_price_cents=3000,
    stock=12,
)
LESSONS = (
    PageFields(
        "The grip",
        "Hold the racket as if you shook hands with it.\n\n"
        "1. Let the handle lie along your fingers.\n2. Put the thumb on the flat side.\n3. Hold it *loosely*.\n\n"
        "## Try it\n\nTurn the racket in your hand twenty times without looking.",
    ),
    PageFields(
        "The low serve",
        "It crosses the net by a hand and falls just behind the line.\n\n"
        "- Stand close to the line, one foot in front.\n- Hold the shuttle by its feathers, below the waist.\n- Push it.\n\n"
        "> Ten in a row that nobody could attack: then go on.",
    ),
    PageFields(
        "The high serve", "It is for singles: long, high and to the back line.\n\n**Swing through** and end above your shoulder."
    ),
)
PRACTICE = ("Practice", "", "Low serve: ten in a row", "High serve: ten in a row", "Both, as your partner calls them")


def fill() -> None:
    """Add both, on sale, unless there are products already."""
    there = flask_db.session.execute(select(Product.id).limit(1)).first()
    end_read()
    if there is not None:
        return
    currency = current_settings().currency
    slug = products.create(ProductKind.FILE, FILE, currency, audit.COMMAND)
    product_files.add(slug, io.BytesIO(pdf(WARM_UP)), "warm-up-card.pdf", None, audit.COMMAND, once="sample-warm-up")
    products.publish(slug, audit.COMMAND)
    slug = products.create(ProductKind.COURSE, COURSE, currency, audit.COMMAND)
    for number, lesson in enumerate(LESSONS):
        course_pages.add(slug, lesson, audit.COMMAND, once=f"sample-lesson-{number}")
    product_files.add(slug, io.BytesIO(pdf(PRACTICE)), "practice-sheet.pdf", None, audit.COMMAND, once="sample-practice")
    products.publish(slug, audit.COMMAND)


def pdf(lines: tuple[str, ...]) -> bytes:
    """A page of plain lines."""
    shown = " ".join(f"({line.translate({40: None, 41: None, 92: None})}) Tj T*" for line in lines)
    stream = f"BT /F1 16 Tf 24 TL 72 760 Td {shown} ET".encode("latin-1", "replace")
    parts = [
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R /Resources << /Font << /F1 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(stream), stream),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]
    made, places = b"%PDF-1.4\n", []
    for number, part in enumerate(parts, 1):
        places.append(len(made))
        made += b"%d 0 obj\n%s\nendobj\n" % (number, part)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    trailer = b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (len(parts) + 1, len(made))
    return made + b"xref\n0 %d\n0000000000 65535 f \n" % (len(parts) + 1) + table + trailer
