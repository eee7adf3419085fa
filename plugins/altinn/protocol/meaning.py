"""Compare what was sent with what an app keeps, by meaning.

An app reads a form into its own classes and writes it anew: bytes, namespace declarations, layout, comments and the
way numbers are written change, `altinnRowId` is added, and what the app does not know is gone, with 201. So both sides
are read into the same plain tree, and the trees are compared.

What counts as the same:

* XML: siblings of different names in another order (the app writes them in its schema's order), white space around a
  value and between elements, comments, processing instructions, prefixes, `xsi:schemaLocation`, `xsi:nil`. A document
  without a namespace is compared by local names, because apps read it so.
* JSON: the order of names; null, an empty object and an empty list are the same as nothing.
* Values: `1.50` and `1.5`, `+1` and `1`, `1E3` and `1000`; `true` and `1`; the same instant in two time zones; a date
  and its midnight. A whole number with leading zeros is an identifier and is compared as it stands.
* Elements without any value in them: an app drops empty ones. They are told, and stop nothing.

Siblings of the same name are a list, and its order counts.
"""

from __future__ import annotations

import fnmatch
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

from altinn.protocol.form_tree import Node, read_form
from altinn.protocol.masking import mask

DROPPED, CHANGED, ADDED, EMPTY = "dropped", "changed", "added", "empty"
_ALIGNED = 2_000
"""Longest run of unequal siblings that is aligned; aligning takes quadratic time, so longer ones go by position."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One value that is not the same on both sides.

    :param kind: "dropped" (sent and not kept), "changed", "added" (kept and not sent: prefill, calculation), or
        "empty" (sent without a value in it and not kept; nothing is lost but the element).
    :param path: `/model/line[2]/amount` in XML, counted from 1; `$.line[1].amount` in JSON, counted from 0.
    :param sent: the value sent; a group that is missing as a whole is told value by value.
    :param kept: the value kept.
    """

    kind: str
    path: str
    sent: str = field(default="", repr=False)
    kept: str = field(default="", repr=False)

    @property
    def stops(self) -> bool:
        """Whether what the app keeps is less than, or other than, what was sent."""
        return self.kind in (DROPPED, CHANGED)


def compare_forms(sent: bytes, kept: bytes) -> list[Difference]:
    """Return what differs by meaning, in document order; an empty list means that both say the same.

    Pure, and without a schema. Both are XML, or both are JSON: ask the app for the kind that was sent.

    :raises AltinnDocumentError: one of the two is neither well-formed XML nor JSON, or is refused as dangerous.
    """
    left, right = read_form(sent), read_form(kept)
    if "}" not in left.name:
        right = _bare(right)
    if left.name != right.name:
        return [Difference(CHANGED, left.path_step(""), left.name, right.name)]
    return list(_differences(left, right, left.path_step("")))


def meaning_sha256(form: bytes) -> str:
    """Return a hash that two forms share exactly when they say the same (see the module's text).

    For comparing what an app keeps now with what it kept before, where the bytes of neither are at hand.

    :return: lower-case hex digest.
    :raises AltinnDocumentError: neither well-formed XML nor JSON, or refused as dangerous.
    """
    return hashlib.sha256(read_form(form).digest).hexdigest()


def is_allowed(difference: Difference, allowed: Iterable[str]) -> bool:
    """Say whether a difference lies at or below one of the paths that the caller expects to differ.

    :param allowed: paths as `Difference.path` has them; without numbers they mean every item of a list, and `*`
        stands for anything.
    """
    plain = _unnumbered(difference.path)
    for pattern in allowed:
        path = difference.path if _INDEX.search(pattern) else plain
        # A bracket is a character class to fnmatch, and a number to us.
        shell = pattern.replace("[", "[[]").rstrip("/.")
        if any(fnmatch.fnmatchcase(path, shell + tail) for tail in ("", "/*", ".*", "[[]*")):
            return True
    return False


def shown_pair(sent: str, kept: str, limit: int = 60) -> tuple[str, str]:
    """Return two values for a log: person numbers hidden, of long ones the part where they begin to differ."""
    left, right = mask(sent), mask(kept)
    shorter = min(len(left), len(right))
    same = next((at for at in range(shorter) if left[at] != right[at]), shorter)
    start = max(0, same - limit // 3) if max(len(left), len(right)) > limit and left and right else 0
    return _cut(left, start, limit), _cut(right, start, limit)


def _cut(text: str, start: int, limit: int) -> str:
    part = text[start : start + limit]
    return repr(("…" if start else "") + part + ("…" if start + limit < len(text) else ""))


_INDEX = re.compile(r"\[[0-9]+\]")


def _unnumbered(path: str) -> str:
    return _INDEX.sub("", path)


def _bare(node: Node) -> Node:
    """Return the tree without namespaces."""
    return Node(
        node.name.rpartition("}")[2],
        node.text,
        {name.rpartition("}")[2]: value for name, value in node.attributes.items()},
        [_bare(child) for child in node.children],
        node.is_json,
    )


def _differences(sent: Node, kept: Node, path: str) -> Iterator[Difference]:
    if sent.digest == kept.digest and not (sent.has_empty or kept.has_empty):
        return
    if sent.meaning != kept.meaning:
        yield from _value(path, sent.text, kept.text)
    for name in dict.fromkeys((*sent.attributes, *kept.attributes)):
        yield from _attribute(sent, kept, name, path)
    left, right = sent.by_name(), kept.by_name()
    for name in dict.fromkeys((*left, *right)):
        yield from _siblings(left.get(name, []), right.get(name, []), path)


def _value(path: str, sent: str, kept: str) -> Iterator[Difference]:
    kind = CHANGED if sent and kept else DROPPED if sent else ADDED
    yield Difference(kind, path, sent, kept)


def _attribute(sent: Node, kept: Node, name: str, path: str) -> Iterator[Difference]:
    mine, theirs = sent.attributes.get(name, ""), kept.attributes.get(name, "")
    if sent.attribute_meaning(name) != kept.attribute_meaning(name):
        yield from _value(f"{path}/@{name.rpartition('}')[2]}", mine, theirs)


def _siblings(sent: Sequence[Node], kept: Sequence[Node], path: str) -> Iterator[Difference]:
    """Compare two lists of the same name: equal ones are matched first, what lies between them is told."""
    many = max(len(sent), len(kept)) > 1
    for mine, theirs, number in _matched(sent, kept):
        one = mine or theirs
        if one is None:
            continue
        step = path + one.path_step(path, number if many or one.in_list else None)
        if mine is not None and theirs is not None:
            yield from _differences(mine, theirs, step)
        elif mine is not None:
            yield from _one_sided(mine, step, DROPPED) if not mine.is_empty else (Difference(EMPTY, step),)
        else:
            yield from _one_sided(one, step, ADDED)


def _one_sided(node: Node, path: str, kind: str) -> Iterator[Difference]:
    """Tell every value of a group that the other side lacks."""
    sides = (lambda value: (value, "")) if kind == DROPPED else (lambda value: ("", value))
    if node.text:
        yield Difference(kind, path, *sides(node.text))
    for name, value in node.attributes.items():
        if value:
            yield Difference(kind, f"{path}/@{name.rpartition('}')[2]}", *sides(value))
    for items in node.by_name().values():
        for number, item in enumerate(items):
            numbered = number if len(items) > 1 or item.in_list else None
            yield from _one_sided(item, path + item.path_step(path, numbered), kind)


def _matched(sent: Sequence[Node], kept: Sequence[Node]) -> Iterator[tuple[Node | None, Node | None, int]]:
    """Yield pairs of items, or single ones, each with its number counted from 0 on the side it is on."""
    start = 0
    while start < min(len(sent), len(kept)) and sent[start].digest == kept[start].digest:
        yield sent[start], kept[start], start
        start += 1
    end = 0
    while end < min(len(sent), len(kept)) - start and sent[-1 - end].digest == kept[-1 - end].digest:
        end += 1
    mine, theirs = sent[start : len(sent) - end], kept[start : len(kept) - end]
    yield from _aligned(mine, theirs, start)
    for number in range(end, 0, -1):
        yield sent[-number], kept[-number], len(sent) - number


def _aligned(sent: Sequence[Node], kept: Sequence[Node], start: int) -> Iterator[tuple[Node | None, Node | None, int]]:
    blocks = [("replace", 0, len(sent), 0, len(kept))]
    if len(sent) != len(kept) and max(len(sent), len(kept)) <= _ALIGNED:
        matcher = SequenceMatcher(None, [n.digest for n in sent], [n.digest for n in kept], autojunk=False)
        blocks = list(matcher.get_opcodes())
    for _, low, high, other_low, other_high in blocks:
        for offset in range(max(high - low, other_high - other_low)):
            mine = sent[low + offset] if low + offset < high else None
            theirs = kept[other_low + offset] if other_low + offset < other_high else None
            yield mine, theirs, start + (low if mine is not None else other_low) + offset
