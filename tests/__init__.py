"""Muster's tests. A package of their own, so that `tests.support` is found before anything of that name elsewhere."""
