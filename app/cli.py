"""The terminal: each command of the contract (DESIGN §7) parses, calls one use case and answers. Registered by ``create_app``."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

import click
from flask import Flask, current_app

from . import jobs
from .config import SettingsError, current_settings, unsafe
from .rules.addresses import normalise_email
from .rules.refusals import Refusal
from .rules.statuses import Role


def init_cli(app: Flask) -> None:
    """Give the app its commands."""
    for command in (create_user, import_sessions, worker, reconcile, doctor, backup, purge, demo):
        app.cli.add_command(command)


@click.command("create-user")
@click.option("--email", required=True, help="The address they sign in with.")
@click.option("--name", required=True)
@click.option("--role", type=click.Choice([role.value for role in Role]), default=Role.NONE.value, show_default=True)
def create_user(email: str, name: str, role: str) -> None:
    """Add somebody who can sign in; the password is read from standard input."""
    from .services import users

    address = normalise_email(email)
    if address is None:
        raise click.ClickException(f"{email!r} is not an e-mail address like name@example.com.")
    try:
        users.create_user(address, name, Role(role), _password())
    except Refusal as refusal:
        raise click.ClickException(_words(refusal)) from None
    except UnicodeError:
        raise click.ClickException("The name and the password must be text in UTF-8.") from None
    click.echo(f"{address} can sign in as {role}.")


@click.command("import-sessions")
@click.argument("file", type=click.Path(exists=True, dir_okay=False, path_type=Path))
def import_sessions(file: Path) -> None:
    """Add club sessions from a JSON list or a CSV file: all of them or, with line-numbered errors, none. Prints their slugs."""
    from .services import club_session_import

    try:
        slugs = club_session_import.import_sessions(file)
    except club_session_import.ImportFailed as failed:
        raise click.ClickException("Nothing was imported.\n" + "\n".join(failed.errors)) from None
    for slug in slugs:
        click.echo(slug)


@click.command("worker")
@click.option("--once", is_flag=True, help="Do what is due and exit.")
def worker(once: bool) -> None:
    """Do the background work: send mail, end holds, settle payments, send refunds."""
    _require_safe()
    if once:
        done = jobs.run_due()
        for name, count in done.items():
            click.echo(f"{name}: {count}")
        if done.failed:
            raise click.ClickException(f"Failed: {', '.join(done.failed)}. The log says why; what was due stays due.")
        return
    background = jobs.Worker(_app())
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # how systemd and containers say stop: finish what runs
    background.start()
    click.echo("Worker running. Stop it with Ctrl-C.")
    try:
        background.wait()
    finally:
        background.stop()


@click.command("reconcile")
def reconcile() -> None:
    """Compare with Stripe, mend what can be mended, list what cannot; exit 1 while something is open."""
    from .queries import open_cases
    from .services import reconciling

    _require_safe()
    report = reconciling.reconcile()
    for name, count in report.mended.items():
        click.echo(f"{name} mended: {count}")
    if report.unreachable:
        click.echo(f"✗ Stripe could not be reached: {report.unreachable}. Nothing is lost; run this again.")
    else:
        click.echo(f"Stripe's lines sum to {report.stripe_cents}, the books to {report.ledger_cents}.")
        for currency, (there, here) in sorted(report.sums.items()):
            if currency != current_settings().currency:
                click.echo(f"In {currency}: Stripe's lines sum to {there}, the books to {here}.")
    if report.failed:
        click.echo(f"✗ {report.failed} things could not be mended because of an error: see the log.")
    for line in open_cases.lines():
        click.echo(f"✗ {line}")
    if not report.in_order:
        raise SystemExit(1)
    click.echo("✓ The books equal Stripe's.")


@click.command("backup")
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
def backup(file: Path) -> None:
    """Write a consistent copy of the database while the site goes on."""
    from .services import backups

    try:
        size = backups.write(file)
    except backups.BackupFailed as error:
        raise click.ClickException(str(error)) from None
    click.echo(f"{file}: {size} bytes.")


@click.command("purge")
def purge() -> None:
    """Anonymise what retention says: names and addresses of bookings long past. What the books need stays."""
    from .services import retention

    click.echo(f"{retention.purge()} bookings and orders anonymised.")


@click.command("doctor")
def doctor() -> None:
    """Check settings, counters, the ledger, migrations, background work and Stripe's webhook; exit 1 on a finding."""
    from .services import health_check, webhook_setup

    settings = current_settings()
    findings = [*unsafe(settings), *health_check.findings(), *health_check.silent_webhooks()]
    click.echo(health_check.last_webhook())
    if settings.stripe_secret_key:
        answer = webhook_setup.ask()
        findings += answer.findings
        for note in answer.notes:
            click.echo(f"– {note}")
        if answer.problem:
            click.echo(f"– Stripe could not be asked how its webhook is set up: {answer.problem}")
    for finding in findings:
        click.echo(f"✗ {finding}")
    if findings:
        raise SystemExit(1)
    click.echo("✓ Settings, counters, ledger, migrations and background work are in order.")


@click.command("demo")
@click.option(
    "--port", type=click.IntRange(1, 65535), default=5000, show_default=True,
    help="Port of the site; the local Stripe takes another.",
)  # fmt: skip
def demo(port: int) -> None:
    """Everything in one command: database, sample sessions, site, worker, local Stripe and local mail."""
    from . import demo as demonstration

    try:
        demonstration.run(port)
    except SettingsError as error:
        raise click.ClickException(str(error)) from None


def _password() -> str:
    typed = click.prompt("Password", hide_input=True, confirmation_prompt=True) if sys.stdin.isatty() else sys.stdin.readline()
    return str(typed).rstrip("\r\n")


def _require_safe() -> None:
    if problems := unsafe(current_settings()):
        raise click.ClickException("Muster does not start:\n- " + "\n- ".join(problems))


def _words(refusal: Refusal) -> str:
    from .templating import refusal_text

    with _app().test_request_context():
        return refusal_text(refusal)


def _app() -> Flask:
    return current_app._get_current_object()  # type: ignore[attr-defined,no-any-return]
