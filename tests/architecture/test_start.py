"""What a process of the site has loaded once it is there: no more than serving needs, and out of the garbage collector's way."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from tests.support.settings import SECRET_KEY, STRIPE_KEY

ROOT = Path(__file__).resolve().parents[2]
NEVER = {"alembic", "flask_migrate", "authlib", "xlsxwriter"}
"""Loaded where they are used: to migrate, to sign in with a provider that most clubs have not, to write a spreadsheet."""
ASKED = """
import gc, sys, gunicorn, wsgi
print(gc.isenabled(), gc.get_freeze_count() > 100_000)
print(*sorted({name.partition(".")[0] for name in sys.modules}))
"""


def test_site_loads_what_it_serves_with_and_freezes_it(tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"], "SECRET_KEY": SECRET_KEY, "STRIPE_SECRET_KEY": STRIPE_KEY, "PYTHONPATH": str(ROOT),
        "TMPDIR": str(tmp_path), "DATABASE_URL": f"sqlite:///{tmp_path / 'club.sqlite'}",
    }  # fmt: skip
    command = [sys.executable, "-c", ASKED]
    told = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True)  # noqa: S603
    state, loaded = told.stdout.splitlines()
    assert state == "True True"
    assert not NEVER & set(loaded.split()) and {"flask", "stripe", "sqlalchemy"} <= set(loaded.split())
