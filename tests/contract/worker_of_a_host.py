"""One task process: waits for the word, then wants a new token. Run by the test of two hosts, never imported."""

from __future__ import annotations

import json
import sys

from altinn.protocol.wire import NeedToken
from altinn.token_store import TokenStore
from altinn.transport import BlockingDriver
from tests.contract.backend_vault import BackendVault
from tests.contract.oidc_browser import person_settings, plain_session

order = json.loads(sys.argv[1])
settings = person_settings(order["host"], login_store="shared", private_key=order["key"])
store = TokenStore(order["directory"], order["fernet_key"], vault=BackendVault() if order["backend"] else None)
driver = BlockingDriver(plain_session())
seen = order["rejected"]
sys.stdout.write("ready\n")
sys.stdout.flush()
for _line in sys.stdin:
    try:
        seen = store.token(settings, NeedToken(rejected=seen), driver.run)
        sys.stdout.write(f"{seen}\n")
    except Exception as exc:
        sys.stdout.write(f"failed: {exc}\n")
    sys.stdout.flush()
