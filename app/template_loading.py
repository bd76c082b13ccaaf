"""Where templates come from and how they are kept: ours and the components', compiled once for all processes of a machine.

``create_app`` makes the app with ``Templates``; ``templating`` calls ``prepare_loading``.
"""

from __future__ import annotations

from collections.abc import MutableMapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from flask.templating import Environment as FlaskTemplates
from jinja2 import (
    BaseLoader,
    ChainableUndefined,
    ChoiceLoader,
    Environment,
    FileSystemBytecodeCache,
    PackageLoader,
    PrefixLoader,
    Template,
)
from jinja2.bccache import Bucket

COMPONENTS = ("govuk_frontend_jinja", "govuk_frontend_wtf")


class Templates(FlaskTemplates):
    """Flask's templates with one dictionary of globals. ``create_app`` makes the app with it.

    Jinja chains each template's own globals before the common ones and compares the two whenever a page uses a macro of another
    file: a quarter of what a form took to draw. No template of ours has globals of its own.
    """

    def make_globals(self, d: MutableMapping[str, Any] | None) -> MutableMapping[str, Any]:
        return super().make_globals(d) if d else self.globals


def prepare_loading(env: Environment, folder: Path) -> None:
    """Let ``env`` find the component packages beside our own templates, and keep what it compiles in ``folder``."""
    packages = {name: _Lenient(PackageLoader(name)) for name in COMPONENTS}
    env.bytecode_cache = _OnDisk(folder)
    env.loader = ChoiceLoader([PrefixLoader(packages), *([env.loader] if env.loader else [])])


class _Lenient(BaseLoader):
    """Loads the component packages, whose macros test options that nobody gave, beside our strict templates."""

    def __init__(self, loader: BaseLoader) -> None:
        self._loader = loader
        self._environment: Environment | None = None

    def load(self, environment: Environment, name: str, globals: MutableMapping[str, Any] | None = None) -> Template:
        if self._environment is None:
            self._environment = environment.overlay(undefined=ChainableUndefined)
        return self._loader.load(self._environment, name, globals)


class _OnDisk(FileSystemBytecodeCache):
    """Compiled templates, kept on disk: a worker that starts into a rush draws at once instead of compiling, and
    its threads do not all compile the same page. A template that changed is compiled again; a full disk only costs the time.
    """

    def __init__(self, folder: Path) -> None:
        with suppress(OSError):  # where nothing may be written, each process compiles for itself
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        super().__init__(str(folder))

    def dump_bytecode(self, bucket: Bucket) -> None:
        with suppress(OSError):
            super().dump_bytecode(bucket)
