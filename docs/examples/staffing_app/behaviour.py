from xml.sax.saxutils import escape

from altinn.emulator.behaviour import AppBehaviour, Case


class Behaviour(AppBehaviour):
    """Answers as the authority does: with a receipt, whatever the verdict."""

    def decide(self, case: Case, accepted: bool, codes: list[str]) -> None:
        """Leave the receipt with the verdict, and end the process."""
        code, _, words = (codes[0] if codes else "").partition(": ")
        told = {"resultat": "godkjent" if accepted else "avvist", "kode": code, "grunn": words, "saksnummer": "2026/1"}
        members = "".join(f"<{name}>{escape(text)}</{name}>" for name, text in told.items() if text)
        receipt = f"<kvittering>{members}</kvittering>".encode()
        case.add_element("kvittering", receipt, "application/xml", "kvittering.xml")
        case.set_outcome("accepted" if accepted else "rejected")
        case.move_on()
