"""Write a few lines of text as a one-page PDF, for attachments and summaries that a run makes by itself.

Source: ISO 32000-1, sections 7.5 (file structure) and 9.6.2.2 (the standard fonts that every reader has).
"""

from __future__ import annotations

from collections.abc import Sequence

from altinn.exceptions import AltinnInputError

_WIDTH, _HEIGHT = 595, 842
_MARGIN = 57
_SIZE, _LEADING = 11, 16
MAX_LINES = (_HEIGHT - 2 * _MARGIN) // _LEADING
"""Lines that fit on the page."""

MAX_COLUMNS = (_WIDTH - 2 * _MARGIN) * 10 // (6 * _SIZE)
"""Characters that fit on a line: in Courier each is six tenths of the size wide."""


def one_page_pdf(lines: Sequence[str]) -> bytes:
    """Return a PDF of one A4 page with these lines in Courier; the same lines give the same bytes.

    :raises AltinnInputError: too many or too long lines, or a character that Western European fonts lack.
    """
    if len(lines) > MAX_LINES:
        raise AltinnInputError(f"{len(lines)} lines do not fit on one page; {MAX_LINES} do")
    shown = b"".join(b"(" + _escaped(line) + b") Tj T*\n" for line in lines)
    content = f"BT /F1 {_SIZE} Tf {_LEADING} TL {_MARGIN} {_HEIGHT - _MARGIN} Td\n".encode() + shown + b"ET\n"
    return _file(
        [
            b"<< /Type /Catalog /Pages 2 0 R >>",
            b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
            f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {_WIDTH} {_HEIGHT}] /Contents 4 0 R "
            "/Resources << /Font << /F1 5 0 R >> >> >>".encode(),
            f"<< /Length {len(content)} >>\nstream\n".encode() + content + b"endstream",
            b"<< /Type /Font /Subtype /Type1 /BaseFont /Courier /Encoding /WinAnsiEncoding >>",
        ]
    )


def _escaped(line: str) -> bytes:
    """Return a line as the inside of a PDF string."""
    if len(line) > MAX_COLUMNS:
        raise AltinnInputError(f"a line of {len(line)} characters does not fit on the page; {MAX_COLUMNS} do")
    if not line.isprintable():
        raise AltinnInputError("a line of a PDF cannot hold control characters")
    try:
        encoded = line.encode("cp1252")
    except UnicodeEncodeError as exc:
        raise AltinnInputError(f"the PDF's font has no character {line[exc.start]!r}") from exc
    return encoded.replace(b"\\", b"\\\\").replace(b"(", b"\\(").replace(b")", b"\\)")


def _file(objects: Sequence[bytes]) -> bytes:
    """Return the objects, numbered from 1, as a file with the table of where each begins."""
    # The second line tells programs that move files that this one is binary.
    out = bytearray(b"%PDF-1.4\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n".encode() + body + b"\nendobj\n"
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{offset:010d} 00000 n \n".encode() for offset in offsets)
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R >>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(out)
