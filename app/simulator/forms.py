"""Decodes Stripe's form encoding, `a[b][0]=c`, into nested dictionaries of strings.

Called for every API request body and query string; `schema` then gives the strings their types.
"""
from __future__ import annotations

import re
from typing import Any
from urllib.parse import parse_qsl

from .errors import invalid

Tree = dict[str, Any]
_NAME = re.compile(r"([^\[\]]+)((?:\[[^\[\]]*\])*)")


def decode(text: str) -> Tree:
    """`a[b][0]=c&e[]=f` → `{"a": {"b": {"0": "c"}}, "e": {"0": "f"}}`. Lists stay dictionaries of their indices."""
    tree: Tree = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        _place(tree, name, value)
    return tree


def _place(tree: Tree, name: str, value: str) -> None:
    match = _NAME.fullmatch(name)
    if match is None:
        raise invalid(f"Invalid parameter name: {name}", name)
    keys = [match[1], *re.findall(r"\[([^\[\]]*)\]", match[2])]
    node = tree
    for key in keys[:-1]:
        node = node.setdefault(_key(node, key), {})
        if not isinstance(node, dict):
            raise invalid("Invalid object", name)
    last = _key(node, keys[-1])
    if isinstance(node.get(last), dict):
        raise invalid("Invalid object", name)
    node[last] = value


def _key(node: Tree, key: str) -> str:
    """`[]` appends."""
    return key if key else str(len(node))
