"""The same steps written by hand with HttpOperator, as somebody would without this provider.

It looks for nothing, compares nothing, and repeats blindly. Each task logs in for itself, because a token does not
belong in an XCom.
"""

from __future__ import annotations

import json
import os
import time
import uuid
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from airflow.providers.http.operators.http import HttpOperator
from airflow.sdk import DAG, Param

HTTP: dict[str, Any] = {"http_conn_id": "bench_http", "log_response": False}
APP = "ttd/basic"


def bearer() -> str:
    """Log in at Maskinporten and exchange the token."""
    import jwt
    import requests

    login = json.loads(Path(os.environ["ALTINN_FILES"], "bench_login.json").read_text())
    now = int(time.time())
    system_user = {
        "type": "urn:altinn:systemuser",
        "systemuser_org": {"authority": "iso6523-actorid-upis", "ID": f"0192:{login['organisation']}"},
    }
    claims = {
        "aud": login["issuer"],
        "iss": login["client_id"],
        "scope": login["scope"],
        "iat": now,
        "exp": now + 60,
        "jti": str(uuid.uuid4()),
        "authorization_details": [system_user],
    }
    key = Path(login["private_key_file"]).read_text()
    assertion = jwt.encode(claims, key, algorithm="RS256", headers={"kid": login["key_id"]})
    form = {"grant_type": "urn:ietf:params:oauth:grant-type:jwt-bearer", "assertion": assertion}
    answer = requests.post(login["token_url"], data=form, timeout=30)
    answer.raise_for_status()
    headers = {"Authorization": f"Bearer {answer.json()['access_token']}"}
    exchanged = requests.get(login["exchange_url"], headers=headers, timeout=30)
    exchanged.raise_for_status()
    return f"Bearer {exchanged.text.strip().strip(chr(34))}"


class Logged(HttpOperator):
    """An HttpOperator that logs in before its request."""

    def execute(self, context: Any) -> Any:
        """Log in, and send."""
        self.headers = {**self.headers, "Authorization": bearer()}
        return super().execute(context)


def created(response: Any) -> dict[str, str]:
    """Keep the instance's id and its form's."""
    body = response.json()
    form = next(e["id"] for e in body["data"] if e["dataType"] == "model")
    return {"instance": body["id"], "form": form}


def is_valid(response: Any) -> bool:
    """Pass when the app has no errors."""
    return not [issue for issue in response.json() if issue["severity"] == 1]


INSTANCE = "{{ ti.xcom_pull(task_ids='instantiate')['instance'] }}"
FORM = "{{ ti.xcom_pull(task_ids='instantiate')['form'] }}"
JSON = {"Content-Type": "application/json", "Accept": "application/json"}

with DAG(
    "bench_http",
    schedule=None,
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    params={"period": Param("", type="string"), "form": Param("", type="string")},
    user_defined_macros={"read": lambda path: Path(path).read_text()},
):
    instantiate = Logged(
        task_id="instantiate",
        endpoint=f"/{APP}/instances",
        data=json.dumps({"instanceOwner": {"organisationNumber": "950474084"}}),
        headers=JSON,
        response_filter=created,
        **HTTP,
    )
    upload = Logged(
        task_id="upload",
        method="PUT",
        endpoint=f"/{APP}/instances/{INSTANCE}/data/{FORM}",
        data="{{ read(params.form) }}",
        headers={"Content-Type": "application/xml", "Accept": "application/json"},
        **HTTP,
    )
    validate = Logged(
        task_id="validate",
        method="GET",
        endpoint=f"/{APP}/instances/{INSTANCE}/validate",
        headers={"Accept": "application/json"},
        response_check=is_valid,
        **HTTP,
    )
    push, confirm = (
        Logged(
            task_id=name,
            method="PUT",
            endpoint=f"/{APP}/instances/{INSTANCE}/process/next",
            data=json.dumps({"action": action}),
            headers=JSON,
            **HTTP,
        )
        for name, action in (("push", "write"), ("confirm", "confirm"))
    )
    instantiate >> upload >> validate >> push >> confirm
