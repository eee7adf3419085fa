from altinn.emulator.behaviour import AppBehaviour, Case, Finding


class Behaviour(AppBehaviour):
    """What this app does beside its configuration; every hook that is left out does nothing."""

    def validate_form(self, case: Case, data_type: str, form: dict):
        if form.get("property1") == "0":
            yield Finding("property1", "property1.zero", "property1 cannot be zero")

    def calculate(self, case: Case, data_type: str, form: dict) -> None:
        if "property2" in form:
            form["property3"] = form["property2"].upper()

    def on_task_start(self, case: Case, task_id: str) -> None:
        if task_id == "Task_3":  # feedback: the authority has the filing, and answers after a while
            case.schedule("assess", self.settings.authority_delay)

    def on_due(self, case: Case, what: str) -> None:
        form = case.form("model") or {}
        verdict = "rejected" if form.get("property1") == "unlikely" else "accepted"
        case.add_element("owner-note", f"Your report is {verdict}.".encode(), "text/plain", "receipt.txt")
        case.set_outcome(verdict)
        case.confirm_completion()
        case.move_on()
