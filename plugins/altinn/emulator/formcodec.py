"""Read and write forms as an app does: .NET's XmlSerializer with ordered members, or JSON.

The serializer walks the members in order and never back: an element that is not the next expected one is dropped, and
with it whatever follows (app-lib-dotnet, ModelSerializationService; seen running).
"""

from __future__ import annotations

import json
import re
from decimal import Decimal, InvalidOperation
from typing import Any
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat
from xml.sax.saxutils import escape

from altinn.emulator.behaviour import Form
from altinn.emulator.formschema import FormField, FormModel, FormType

BOM = b"\xef\xbb\xbf"
DECLARATION = '<?xml version="1.0" encoding="utf-8"?>'
INSTANCE = "http://www.w3.org/2001/XMLSchema-instance"
NAMESPACES = f'xmlns:xsi="{INSTANCE}" xmlns:xsd="http://www.w3.org/2001/XMLSchema"'
JSON_TYPES: dict[str, tuple[type, ...]] = {
    "text": (str,),
    "integer": (int,),
    "decimal": (int, float),
    "boolean": (bool,),
}
QUOTED = {'"': "&quot;"}


class FormError(ValueError):
    """The bytes are no form of this model; the text is what the app would say."""


def parse_xml(data: bytes) -> Element:
    """Parse XML as .NET's reader does: UTF-8 whatever the declaration says, no document type.

    :raises FormError: empty, not well-formed, or with a document type.
    """
    text = data.removeprefix(BOM).decode("utf-8", "replace")
    if not text.strip():
        raise FormError("No XML content read from stream")
    builder = TreeBuilder()
    parser = expat.ParserCreate("utf-8", "}")

    def start(name: str, attributes: dict[str, str]) -> None:
        builder.start(name, attributes)

    def doctype(*_: Any) -> None:
        raise FormError(
            "There is an error in XML document (0, 0). For security reasons DTD is prohibited in this XML document."
        )

    parser.StartElementHandler = start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = doctype
    parser.buffer_text = True
    try:
        parser.Parse(text.encode("utf-8"), True)
    except expat.ExpatError as exc:
        raise FormError(f"There is an error in XML document ({exc.lineno}, {exc.offset + 1}). {exc}") from exc
    return builder.close()


def _split(tag: str) -> tuple[str, str]:
    namespace, _, name = tag.rpartition("}")
    return namespace, name


def read_xml(model: FormModel, data: bytes) -> Form:
    """Read a form from XML.

    A document without any namespace is read too when the model has one: the app tries a second time without.

    :raises FormError: not well-formed, another root, another namespace, or a value that its type refuses.
    """
    root = parse_xml(data)
    namespace, name = _split(root.tag)
    if name != model.root or namespace not in (model.namespace, ""):
        raise FormError(f"There is an error in XML document (1, 2). <{name} xmlns='{namespace}'> was not expected.")
    return _read_type(model.type, root, bare=namespace != model.namespace)


def _read_type(form_type: FormType, element: Element, bare: bool) -> Form:
    form: Form = {}
    for attribute in form_type.attributes:
        if attribute.name in element.attrib:
            form[attribute.name] = _leaf(attribute, element.attrib[attribute.name])
    if form_type.text is not None:
        form[form_type.text.name] = _leaf(form_type.text, element.text or "")
    position = 0
    for child in element:
        position = _read_child(form_type, child, position, form, bare)
    return form


def _read_child(form_type: FormType, child: Element, position: int, form: Form, bare: bool) -> int:
    """Read one element from `position` on; return where the next one is looked for."""
    namespace, name = _split(child.tag)
    for index in range(position, len(form_type.elements)):
        member = form_type.elements[index]
        if member.name != name or namespace != ("" if bare else member.namespace):
            continue
        value: Form | str | None = (
            _read_type(member.inner, child, bare) if member.inner else _leaf(member, "".join(child.itertext()))
        )
        if child.get(f"{INSTANCE}}}nil") in ("true", "1"):
            value = None
        if member.many:
            form.setdefault(member.name, []).append(value)
            return index
        if value is not None:
            form[member.name] = value
        return index + 1
    return len(form_type.elements)


def _leaf(member: FormField, text: str) -> str:
    value = text.strip() if member.kind != "text" else text
    if member.kind == "integer" and re.fullmatch(r"[+-]?\d+", value):
        return str(int(value))
    if member.kind == "decimal":
        return _decimal(value)
    if member.kind == "boolean" and value in ("true", "false", "1", "0"):
        return "true" if value in ("true", "1") else "false"
    if member.kind == "text":
        return value
    raise FormError("There is an error in XML document (0, 0). The input string was not in a correct format.")


def _decimal(value: str) -> str:
    try:
        number = Decimal(value)
    except InvalidOperation as exc:
        raise FormError(
            "There is an error in XML document (0, 0). The input string was not in a correct format."
        ) from exc
    return f"{number:f}"


def write_xml(model: FormModel, form: Form) -> str:
    """Write a form as the app does, without the declaration."""
    default = f' xmlns="{escape(model.namespace, QUOTED)}"' if model.namespace else ""
    return _write(model.root, model.type, form, f" {NAMESPACES}", default, model.namespace)


def stored_xml(model: FormModel, form: Form) -> bytes:
    """Write a form as the app sends it to Storage: with the declaration, without a byte order mark."""
    return (DECLARATION + write_xml(model, form)).encode("utf-8")


def _write(name: str, form_type: FormType, form: Form, before: str, after: str, namespace: str) -> str:
    attributes = "".join(
        f' {a.name}="{escape(str(form[a.name]), QUOTED)}"' for a in form_type.attributes if a.name in form
    )
    content = "".join(_write_member(m, form[m.name], namespace) for m in form_type.elements if m.name in form)
    if form_type.text is not None and form_type.text.name in form:
        content = _text(form[form_type.text.name])
    head = f"<{name}{before}{attributes}{after}"
    return f"{head}>{content}</{name}>" if content else f"{head} />"


def _write_member(member: FormField, value: Any, namespace: str) -> str:
    declared = f' xmlns="{escape(member.namespace, QUOTED)}"' if member.namespace != namespace else ""
    written = []
    for item in value if member.many else [value]:
        if item is None:
            written.append(f'<{member.name}{declared} xsi:nil="true" />')
        elif member.inner is not None:
            written.append(_write(member.name, member.inner, item, "", declared, member.namespace))
        else:
            text = _text(item)
            head = f"<{member.name}{declared}"
            written.append(f"{head}>{text}</{member.name}>" if text else f"{head} />")
    return "".join(written)


def _text(value: Any) -> str:
    return escape(str(value)).replace("\r", "&#xD;")


def read_json(model: FormModel, data: bytes) -> Form:
    """Read a form from JSON; unknown members are dropped.

    :raises FormError: not JSON, or a value of another type.
    """
    try:
        document = json.loads(data.removeprefix(BOM).decode("utf-8"))
    except ValueError as exc:
        raise FormError(f"The JSON value could not be converted: {exc}") from exc
    if not isinstance(document, dict):
        raise FormError("The JSON value could not be converted to the model.")
    return _from_json(model.type, document)


def _members(form_type: FormType) -> list[FormField]:
    return [*form_type.attributes, *form_type.elements, *([form_type.text] if form_type.text else [])]


def _from_json(form_type: FormType, document: dict[str, Any]) -> Form:
    given = {key.lower(): value for key, value in document.items()}
    form: Form = {}
    for member in _members(form_type):
        value = given.get(member.name.lower())
        if value is None:
            continue
        if member.many != isinstance(value, list):
            raise FormError(f"The JSON value could not be converted. Path: $.{member.name}")
        form[member.name] = [_json_in(member, v) for v in value] if member.many else _json_in(member, value)
    return form


def _json_in(member: FormField, value: Any) -> Any:
    if member.inner is not None and isinstance(value, dict):
        return _from_json(member.inner, value)
    if member.kind in ("integer", "decimal") and isinstance(value, str) and member.inner is None:
        return _leaf(member, value)
    fits = isinstance(value, JSON_TYPES[member.kind]) if member.kind in JSON_TYPES else False
    if member.inner is not None or not fits or isinstance(value, bool) != (member.kind == "boolean"):
        raise FormError(f"The JSON value could not be converted. Path: $.{member.name}")
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def to_json(model: FormModel, form: Form) -> dict[str, Any]:
    """Return a form as the app writes it in JSON: absent members are null, absent lists empty."""
    return _to_json(model.type, form)


def _to_json(form_type: FormType, form: Form) -> dict[str, Any]:
    return {
        m.name: [_json_out(m, v) for v in form.get(m.name, ())] if m.many else _json_out(m, form.get(m.name))
        for m in _members(form_type)
    }


def _json_out(member: FormField, value: Any) -> Any:
    if value is None:
        return None
    if member.inner is not None:
        return _to_json(member.inner, value)
    if member.kind == "integer":
        return int(value)
    if member.kind == "decimal":
        return float(value)
    return value == "true" if member.kind == "boolean" else value


def field_at(form: Form | None, path: str) -> Any:
    """Return the value at a dotted path (`a.b[0].c`), None when there is none."""
    value: Any = form
    for name, index in re.findall(r"([^.\[\]]+)(?:\[(\d+)\])?", path):
        value = value.get(name) if isinstance(value, dict) else None
        if isinstance(value, list):
            position = int(index or 0)
            value = value[position] if position < len(value) else None
    return value


def set_field(model: FormModel, form: Form, path: str, value: str) -> bool:
    """Set the leaf at a dotted path; return False when the model has no such leaf."""
    *parents, last = path.split(".")
    form_type, names = model.type, []
    for name in parents:
        member = next((m for m in form_type.elements if m.name.lower() == name.lower()), None)
        if member is None or member.inner is None or member.many:
            return False
        form_type = member.inner
        names.append(member.name)
    leaf = next((m for m in _members(form_type) if m.name.lower() == last.lower()), None)
    if leaf is None or leaf.inner is not None or leaf.many:
        return False
    target = form
    for name in names:
        target = target.setdefault(name, {})
    target[leaf.name] = _leaf(leaf, value)
    return True
