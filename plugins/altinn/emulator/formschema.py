"""The shape of a form: the element order that an app's XSD gives to its .NET class."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

XS = "{http://www.w3.org/2001/XMLSchema}"
INTEGERS = {
    "integer",
    "int",
    "long",
    "short",
    "byte",
    "nonNegativeInteger",
    "positiveInteger",
    "negativeInteger",
    "nonPositiveInteger",
    "unsignedInt",
    "unsignedLong",
    "unsignedShort",
    "unsignedByte",
}
DECIMALS = {"decimal", "double", "float"}


class FormSchemaError(ValueError):
    """The XSD cannot be used; the text says why."""


@dataclass(slots=True)
class FormType:
    """A complex type: its attributes, its elements in order, and its own text when it has one."""

    elements: list[FormField] = field(default_factory=list)
    attributes: list[FormField] = field(default_factory=list)
    text: FormField | None = None


@dataclass(frozen=True, slots=True)
class FormField:
    """A member of a type.

    :param namespace: of the element or attribute; empty for none.
    :param kind: "text", "integer", "decimal" or "boolean" for a leaf.
    :param inner: the type of a member that is no leaf.
    """

    name: str
    namespace: str
    kind: str
    inner: FormType | None
    many: bool


@dataclass(frozen=True, slots=True)
class FormModel:
    """A form's root element."""

    root: str
    namespace: str
    type: FormType


class _Reader:
    """Collects the global declarations of a schema and of what it includes, and resolves them."""

    def __init__(self, path: Path) -> None:
        self._seen: set[Path] = set()
        self._declared: dict[tuple[str, str, str], tuple[ElementTree.Element, ElementTree.Element]] = {}
        self._types: dict[tuple[str, str], FormType] = {}
        self.main = self._load(path)

    def _load(self, path: Path) -> ElementTree.Element:
        self._seen.add(path)
        try:
            schema = ElementTree.fromstring(path.read_bytes())
        except ElementTree.ParseError as exc:
            raise FormSchemaError(f"{path.name} is not well-formed XML: {exc}") from exc
        if schema.tag != f"{XS}schema":
            raise FormSchemaError(f"{path.name} is no XSD: its root is {schema.tag}")
        target = schema.get("targetNamespace", "")
        for child in schema:
            kind, name = child.tag.removeprefix(XS), child.get("name")
            location = path.parent / child.get("schemaLocation", "/missing")
            if kind in ("include", "import") and location.is_file() and location not in self._seen:
                self._load(location)
            elif name:
                self._declared[kind, target, name] = child, schema
        return schema

    def _resolve(
        self, kind: str, qname: str, schema: ElementTree.Element, prefixes: Mapping[str, str]
    ) -> tuple[ElementTree.Element, ElementTree.Element] | None:
        name = qname.rpartition(":")[2]
        target = schema.get("targetNamespace", "")
        exact = self._declared.get((kind, target, name))
        if exact is not None:
            return exact
        return next((d for (k, _, n), d in self._declared.items() if k == kind and n == name), None)

    def model(self, wanted: str | None) -> FormModel:
        roots = [e for e in self.main if e.tag == f"{XS}element"]
        chosen = next((e for e in roots if e.get("name") == wanted), roots[0] if roots else None)
        if chosen is None:
            raise FormSchemaError("the XSD declares no element that could be the form's root")
        inner, kind = self._type_of(chosen, self.main)
        if inner is None:
            raise FormSchemaError(f"the XSD's root element {chosen.get('name')} is a plain {kind}, no form")
        return FormModel(chosen.get("name", ""), self.main.get("targetNamespace", ""), inner)

    def _type_of(self, element: ElementTree.Element, schema: ElementTree.Element) -> tuple[FormType | None, str]:
        complex_type = element.find(f"{XS}complexType")
        if complex_type is not None:
            return self._complex(complex_type, schema, FormType()), "complex"
        simple = element.find(f"{XS}simpleType")
        if simple is not None:
            return None, self._simple(simple, schema)
        return self._named(element.get("type", "string"), schema)

    def _named(self, qname: str, schema: ElementTree.Element) -> tuple[FormType | None, str]:
        found = self._resolve("complexType", qname, schema, {})
        if found is not None:
            key = (found[1].get("targetNamespace", ""), qname.rpartition(":")[2])
            if key not in self._types:
                self._types[key] = FormType()
                self._complex(found[0], found[1], self._types[key])
            return self._types[key], "complex"
        simple = self._resolve("simpleType", qname, schema, {})
        if simple is not None:
            return None, self._simple(*simple)
        return None, _leaf_kind(qname)

    def _simple(self, element: ElementTree.Element, schema: ElementTree.Element) -> str:
        restriction = element.find(f"{XS}restriction")
        if restriction is None or not restriction.get("base"):
            return "text"
        return self._named(restriction.get("base", ""), schema)[1]

    def _complex(self, element: ElementTree.Element, schema: ElementTree.Element, into: FormType) -> FormType:
        for child in element:
            self._particle(child, schema, into, False)
        return into

    def _particle(self, child: ElementTree.Element, schema: ElementTree.Element, into: FormType, many: bool) -> None:
        kind = child.tag.removeprefix(XS)
        many = many or child.get("maxOccurs", "1") not in ("0", "1")
        if kind in ("sequence", "choice", "all"):
            for inner in child:
                self._particle(inner, schema, into, many)
        elif kind in ("complexContent", "simpleContent"):
            for derivation in child:
                self._derive(derivation, schema, into, kind == "simpleContent")
        elif kind == "element":
            self._element(child, schema, into, many)
        elif kind == "attribute":
            self._attribute(child, schema, into)
        elif kind in ("group", "attributeGroup") and child.get("ref"):
            found = self._resolve(kind, child.get("ref", ""), schema, {})
            for inner in found[0] if found else ():
                self._particle(inner, found[1] if found else schema, into, many)

    def _derive(
        self, derivation: ElementTree.Element, schema: ElementTree.Element, into: FormType, simple: bool
    ) -> None:
        base, kind = self._named(derivation.get("base", ""), schema)
        if base is not None:
            into.elements.extend(base.elements)
            into.attributes.extend(base.attributes)
            into.text = base.text
        elif simple:
            into.text = FormField("value", "", kind, None, False)
        for child in derivation:
            self._particle(child, schema, into, False)

    def _element(self, element: ElementTree.Element, schema: ElementTree.Element, into: FormType, many: bool) -> None:
        reference = element.get("ref")
        if reference:
            found = self._resolve("element", reference, schema, {})
            if found is None:
                return
            declared, owner = found
            inner, kind = self._type_of(declared, owner)
            namespace = owner.get("targetNamespace", "")
        else:
            declared = element
            inner, kind = self._type_of(element, schema)
            form = element.get("form") or schema.get("elementFormDefault", "unqualified")
            namespace = schema.get("targetNamespace", "") if form == "qualified" else ""
        into.elements.append(FormField(declared.get("name", "").strip(), namespace, kind, inner, many))

    def _attribute(self, element: ElementTree.Element, schema: ElementTree.Element, into: FormType) -> None:
        name = element.get("name") or element.get("ref", "").rpartition(":")[2]
        kind = self._type_of(element, schema)[1]
        into.attributes.append(FormField(name, "", kind, None, False))


def _leaf_kind(qname: str) -> str:
    name = qname.rpartition(":")[2]
    if name in INTEGERS:
        return "integer"
    if name in DECIMALS:
        return "decimal"
    return "boolean" if name == "boolean" else "text"


def load_form_model(path: Path, root: str | None) -> FormModel:
    """Read an XSD, with what it includes from its own folder, into a form's shape.

    :param root: name of the root element; the first global element when there is none of that name.
    :raises FormSchemaError: the file is no XSD or declares no form.
    """
    return _Reader(path).model(root)
