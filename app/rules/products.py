"""What of courses and files may be sold and uploaded, and the refusals that say why not. Called by the products' services."""

from __future__ import annotations

import unicodedata

from .refusals import Refusal, words

LONGEST_NAME = 200
OFFICE = "application/vnd.openxmlformats-officedocument."
OPEN = "application/vnd.oasis.opendocument."
ZIP = "application/zip"
TEXT = "text/plain"
ALLOWED: dict[str, tuple[str, ...]] = {
    "pdf": ("application/pdf",), "epub": ("application/epub+zip", ZIP), "zip": (ZIP,),
    "docx": (f"{OFFICE}wordprocessingml.document", ZIP), "xlsx": (f"{OFFICE}spreadsheetml.sheet", ZIP),
    "pptx": (f"{OFFICE}presentationml.presentation", ZIP), "odt": (f"{OPEN}text", ZIP), "ods": (f"{OPEN}spreadsheet", ZIP),
    "odp": (f"{OPEN}presentation", ZIP), "jpg": ("image/jpeg",), "jpeg": ("image/jpeg",), "png": ("image/png",),
    "gif": ("image/gif",), "webp": ("image/webp",), "mp3": ("audio/mpeg",), "m4a": ("audio/mp4",), "ogg": ("audio/ogg",),
    "wav": ("audio/x-wav",), "mp4": ("video/mp4",), "mov": ("video/quicktime",), "webm": ("video/webm",),
    "txt": (TEXT,), "csv": ("text/csv", TEXT), "md": ("text/markdown", TEXT),
}  # fmt: skip
"""By the end of the name: what a browser is told it is, and what else its first bytes may look like. Nothing that runs in one."""


class ProductNotFound(Refusal):
    status = 404
    text = words("There is no such course or file.")


class ProductNotOnSale(Refusal):
    status = 409
    text = words("This is not on sale at the moment.")


class ProductSoldOut(Refusal):
    status = 409
    text = words("This is sold out.")


class ProductOwned(Refusal):
    """Somebody signed in has it already."""

    status = 409
    text = words("You have this already: open it from your account.")


class ProductEmpty(Refusal):
    """There would be nothing to have."""

    status = 409
    text = words("There is nothing in it yet. Add a file, or for a course a page, first.")


class LastOfProduct(Refusal):
    """It is on sale, and would be sold empty."""

    status = 409
    text = words("This is the last of what people pay for. Take the product off sale first, or put something else in.")


class PartGone(Refusal):
    status = 409
    text = words("This was removed meanwhile.")


class AccessEnded(Refusal):
    """The link was good until the money went back."""

    status = 410
    text = words("This was paid back, so it can no longer be opened.")


class FileTooLarge(Refusal):
    field = "file"
    text = words("Choose a file of %(megabytes)s MB or less.")


class FileNotAllowed(Refusal):
    field = "file"
    text = words("Choose a file of one of the kinds that are listed. What is in it must be what the end of its name says.")


class FileEmpty(Refusal):
    field = "file"
    text = words("Choose a file that is not empty.")


class FilesUnavailable(Refusal):
    """The disk is full or away."""

    status = 503
    text = words("The file could not be stored. Nothing was changed. Please tell whoever runs the site.")


def content_type(name: str, signature: str | None, is_text: bool) -> str:
    """What a browser is told of a file by this name whose first bytes are ``signature``. Raises FileNotAllowed."""
    allowed = ALLOWED.get(name.rpartition(".")[2].lower(), ())
    looks_like = signature or (TEXT if is_text else None)
    if looks_like not in allowed:
        raise FileNotAllowed
    return allowed[0]


def file_name(typed: str) -> str:
    """A name to download it by: no folders, nothing that cannot be printed, an ending that is kept when it is shortened."""
    last = typed.replace("\\", "/").rpartition("/")[2]
    plain = "".join(c for c in unicodedata.normalize("NFC", last) if unicodedata.category(c)[0] != "C").strip(" .")
    stem, dot, ending = plain.rpartition(".")
    if not dot or not stem:
        raise FileNotAllowed
    return f"{stem[: LONGEST_NAME - len(ending) - 1]}.{ending}" if len(ending) < 10 else plain[:LONGEST_NAME]
