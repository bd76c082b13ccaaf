"""What counts as one e-mail address, and how it is written down. Called by forms, imports and commands."""

from __future__ import annotations

from email_validator import EmailNotValidError, validate_email

MAX_LENGTH = 254
NOWHERE = "@no-address.invalid"
"""The end of what stands for the address of somebody who gave none. ``.invalid`` is reserved: no mail server ever has it."""

OF_NOBODY = "@invalid.example"
"""The end of what stands for the address of somebody who was forgotten."""
NO_MAILBOX = (NOWHERE, OF_NOBODY)


def no_address(reference: str) -> str:
    """What is stored for a booking without an address: unique by its reference, so that several may be in one session."""
    return f"{reference.lower()}{NOWHERE}"


def has_mailbox(address: str) -> bool:
    """Whether mail may be sent there at all."""
    return not address.endswith(NO_MAILBOX)


def normalise_email(text: str) -> str | None:
    """The address in lower case as stored, or None when this is not exactly one deliverable-looking address.

    "a@x.org, v@y.org" is refused: a mailer would send to both (STACK trap 8).
    """
    text = text.strip()
    if len(text) > MAX_LENGTH or any(c in text for c in ',;<>"()\r\n\t '):
        return None
    try:
        # test_environment: a rehearsal with .test addresses is fine; whether mail arrives is not for the syntax to say.
        valid = validate_email(text, check_deliverability=False, allow_smtputf8=False, test_environment=True, strict=True)
    except EmailNotValidError:
        return None
    address = (valid.ascii_email or "").lower()
    return address if "." in address.rpartition("@")[2] and len(address) <= MAX_LENGTH else None
