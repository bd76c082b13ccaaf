"""Each setting alone: what cannot be used stops the start with its name (DESIGN §7), and no club's name stops its mail."""

from __future__ import annotations

import pytest
from flask import Flask

from app.config import SettingsError, from_environment
from app.models import OutgoingEmail
from app.services import accounts, outbox
from tests.support.database import ROOT
from tests.support.mail import SmtpServer
from tests.support.rows import the

SITE = {"SITE_URL": "https://club.example"}


@pytest.mark.parametrize(("name", "value"), [
    ("SITE_URL", "club.example"), ("SITE_URL", "ftp://club.example"), ("SITE_URL", "http://[::1"), ("SITE_URL", "http://[:::::1]"),
    ("SITE_URL", "https://club.example:abc"), ("SITE_URL", "https://club.example:99999"), ("SITE_URL", "https://club.example:0"),
    ("SITE_URL", "https://exa mple.org"), ("SITE_URL", "https://club.example/?"), ("SITE_URL", "https://club.example/a\tb"),
    ("SITE_NAME", "Club\nBcc: c@d.example"), ("OIDC_ISSUER", "https://id.example:abc"), ("STRIPE_API_BASE", "127.0.0.1:4242"),
    ("DATABASE_URL", "mysql://x"), ("DATABASE_URL", "sqlite://"), ("DATABASE_URL", "sqlite:////"), ("DATABASE_URL", "sqlite://muster.sqlite"),
    ("MAIL_URL", "http://x"), ("MAIL_URL", "smtp://"), ("MAIL_URL", "smtp://:25"), ("MAIL_URL", "smtp://[bad"),
    ("MAIL_URL", "smtp://mail.example:99999"), ("MAIL_URL", "file://mail"),
    ("MAIL_FROM", "nobody"), ("MAIL_FROM", "a@b.example\nBcc: c@d.example"), ("MAIL_FROM", "a@b.example, c@d.example"),
    ("MAIL_FROM", "Badminton, Tennis & Co <office@club.example>"), ("MAIL_FROM", "Club <office@>"),
    ("MAIL_FROM", "Club <office>@"), ("MAIL_FROM", "Club <office@club.example"),
    ("MAIL_FROM", "Club [A] <office@club.example>"), ("MAIL_FROM", "a b@club.example"), ("MAIL_REPLY_TO", "Club <office@>"),
    ("REDIS_URL", "localhost:6379"), ("REDIS_URL", "redis://"), ("REDIS_URL", "redis://h:x"),
    ("REDIS_URL", "http://localhost"), ("CHECKOUT_ORIGINS", "https://a.example; script-src *"), ("CHECKOUT_ORIGINS", "a.example"),
    ("CHECKOUT_ORIGINS", "https://a.example, https://b.example/page"), ("CHECKOUT_ORIGINS", "https://b.example;script-src"),
    ("CURRENCY", "XXY"), ("TIME_ZONE", "Middle/Earth"), ("HOLD_MINUTES", "0"), ("HOLD_MINUTES", "half an hour"),
    ("HOLD_MINUTES", "--5"), ("HOLD_MINUTES", "9" * 5000), ("HOLD_MINUTES", "²"), ("HOLD_MINUTES", "1440"),
    ("LISTING_FEE_CENTS", "-1"), ("TRUSTED_PROXIES", "yes"),
    ("FILES_DIR", str(ROOT / "app/static/files")), ("FILE_MEGABYTES", "0"), ("FILE_MEGABYTES", "a lot"),
])  # fmt: skip
def test_value_that_cannot_be_used_is_named(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name):
        from_environment({name: value})


@pytest.mark.parametrize(("name", "value"), [
    ("SITE_URL", "https://user:s3cr3t@club.example"), ("SITE_URL", "https://user:s3/cr3t@club.example"),
    ("MAIL_URL", "smtp://user:pa/s3cr3t@mail.example:587"), ("MAIL_URL", "smtp://user:12/s3cr3t@mail.example:587"),
    ("MAIL_URL", "smtp://user:12#s3cr3t@mail.example"), ("MAIL_URL", "smtp://user:s3cr3t[@mail.example"),
    ("REDIS_URL", "redis://user:pa/s3cr3t@cache.example"), ("DATABASE_URL", "postgresql://muster:s3cr3t@host:abc/muster"),
    ("DATABASE_URL", "postgresql://muster:s3cr3t@host:99999/muster"), ("DATABASE_URL", "mysql://muster:s3cr3t@host/muster"),
])  # fmt: skip
def test_value_that_may_hold_a_password_is_not_repeated(name: str, value: str) -> None:
    with pytest.raises(SettingsError, match=name) as refused:
        from_environment({name: value})
    assert "cr3t" not in str(refused.value) and refused.value.__suppress_context__ is (refused.value.__context__ is not None)


@pytest.mark.parametrize(("name", "value", "field"), [
    ("SITE_URL", "http://[::1]:5000", "site_url"), ("SITE_URL", "https://clüb.example/sport", "site_url"),
    ("MAIL_URL", "smtp://user%40club.example:p%2Fw two@mail.example:587", "mail_url"),
    ("MAIL_URL", "smtps://mail.example/", "mail_url"), ("MAIL_URL", "smtp://mail_server", "mail_url"),
    ("MAIL_URL", "file:///var/club mail", "mail_url"),
    ("MAIL_FROM", "office@localhost", "mail_from"), ("MAIL_FROM", '"Badminton, Tennis & Co" <office@club.example>', "mail_from"),
    ("MAIL_FROM", "Tūhoe Club <office@clüb.example>", "mail_from"), ("MAIL_REPLY_TO", "", "mail_reply_to"),
    ("REDIS_URL", "redis://:pw@cache:6379/1", "redis_url"), ("REDIS_URL", "rediss://cache.example", "redis_url"),
    ("REDIS_URL", "redis+unix:///run/redis.sock", "redis_url"),
    ("REDIS_URL", "redis+sentinel://a:26379,b:26379/mymaster", "redis_url"),
    ("DATABASE_URL", "sqlite:////var/muster.sqlite", "database_url"),
])  # fmt: skip
def test_value_that_can_be_used_is_taken_as_it_is(name: str, value: str, field: str) -> None:
    assert getattr(from_environment({name: value}), field) == value


@pytest.mark.parametrize("rest", [
    "/muster_drill", "muster@/muster?host=/var/run/postgresql", "u:p/w@db.example:5432/m", "u:p@[::1]:5432/m",
])  # fmt: skip
def test_postgresql_is_asked_through_psycopg(rest: str) -> None:
    address = from_environment({"DATABASE_URL": f"postgresql://{rest}"}).database_url
    assert address == f"postgresql+psycopg://{rest}" == from_environment({"DATABASE_URL": f"postgres://{rest}"}).database_url


@pytest.mark.parametrize("name", [
    "Badminton, Tennis & Co", "St. Helier: Social", "Club @ Harbour", "St Helier; Social", "O'Neil's [A] Club",
    "Harbour Club (Social)", 'The "Best" Club', "A \\ B <C>", "Tūhoe Social Club", "Tūhoe, Waikaremoana & Co",
    "Klub 🏸 [A]", "Ngā Hoa Tākaro o Te Whanganui-a-Tara",
])  # fmt: skip
def test_mail_of_a_club_goes_out_whatever_its_name(app: Flask, smtp_server: SmtpServer, name: str) -> None:
    sender_of_it = from_environment({**SITE, "SITE_NAME": name}).mail_from
    app.extensions["muster_settings"] = app.extensions["muster_settings"].with_(site_name=name, mail_from=sender_of_it)
    accounts.ask_to_join("ana@club.example")
    outbox.send_due()
    (mail,) = smtp_server.messages
    (sender,) = mail["From"].addresses
    assert (sender.display_name, sender.addr_spec) == (name, "no-reply@club.example")
    assert the(OutgoingEmail).failed_at is None


@pytest.mark.parametrize(("site_url", "address"), [
    ("http://localhost:5000", "no-reply@localhost"), ("http://127.0.0.1:5000", "no-reply@127.0.0.1"),
    ("http://[::1]:5000", "no-reply@[IPv6:::1]"), ("https://club.example.", "no-reply@club.example"),
])  # fmt: skip
def test_sender_is_at_the_sites_own_host_unless_set(site_url: str, address: str) -> None:
    assert from_environment({"SITE_URL": site_url}).mail_from == f"Muster <{address}>"
