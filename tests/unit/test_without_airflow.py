"""`altinn.protocol` and `altinn.transport` in an environment with nothing but requests, PyJWT and cryptography."""

from __future__ import annotations

import importlib.metadata
import re
import subprocess
import sys
from pathlib import Path

import pytest

import altinn

DISTRIBUTIONS = ("requests", "PyJWT", "cryptography")

PROGRAM = """
import importlib, json, pkgutil, sys, time
sys.path[:0] = [{packages!r}, {product!r}]

import altinn.protocol, altinn.transport, altinn.token_store
for module in pkgutil.iter_modules(altinn.protocol.__path__, "altinn.protocol."):
    importlib.import_module(module.name)

import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
import jwt, requests
from cryptography.fernet import Fernet
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from altinn.protocol.settings import settings_from
from altinn.protocol.wire import NeedToken
from altinn.token_store import TokenStore
from altinn.transport import BlockingDriver

key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
token = jwt.encode({{"exp": int(time.time()) + 600}}, "a-secret-that-nobody-checks-here-at-all")
seen = []

class Server(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        self.reply(json.dumps({{"access_token": token, "expires_in": 600}}))

    def do_GET(self):
        self.reply(token)

    def reply(self, text):
        seen.append(self.path)
        self.send_response(200)
        self.send_header("Content-Length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *args):
        pass

server = HTTPServer(("127.0.0.1", 0), Server)
threading.Thread(target=server.serve_forever, daemon=True).start()
settings = settings_from(
    "c",
    host=f"http://127.0.0.1:{{server.server_port}}",
    login="client",
    extra={{"environment": "local", "private_key": pem, "key_id": "k", "on_behalf_of": "974760673"}},
)
store = TokenStore({tokens!r}, Fernet.generate_key().decode())
session = requests.Session()
session.trust_env = False
for need in (NeedToken(), NeedToken("external")):
    assert store.token(settings, need, BlockingDriver(session).run) == token
assert seen == ["/maskinporten/token", "/authentication/api/v1/exchange/maskinporten"], seen

loaded = {{name.split(".")[0] for name in sys.modules}}
assert not loaded & {{"airflow", "aiohttp", "yarl", "xmlschema", "starlette"}}, sorted(loaded)
print("logged in without Airflow")
"""


def _closure(names: tuple[str, ...]) -> list[importlib.metadata.Distribution]:
    """Return distributions and what they need on this platform, without their extras."""
    found: dict[str, importlib.metadata.Distribution] = {}
    waiting = list(names)
    while waiting:
        name = waiting.pop()
        canonical = re.sub(r"[-_.]+", "-", name).lower()
        if canonical in found:
            continue
        try:
            distribution = importlib.metadata.distribution(name)
        except importlib.metadata.PackageNotFoundError:
            continue  # Needed on another platform or Python only.
        found[canonical] = distribution
        for requirement in distribution.requires or ():
            if "extra ==" not in requirement:
                waiting.append(re.split(r"[\s;<>=!~\[(]", requirement, maxsplit=1)[0])
    return list(found.values())


@pytest.fixture
def small_environment(tmp_path: Path) -> Path:
    """Make a folder with links to those distributions and nothing else."""
    packages = tmp_path / "packages"
    packages.mkdir()
    for distribution in _closure(DISTRIBUTIONS):
        for top in {file.parts[0] for file in distribution.files or () if file.parts[0] not in ("..", "__pycache__")}:
            target = Path(str(distribution.locate_file(top)))
            if not (packages / top).exists():
                (packages / top).symlink_to(target)
    return packages


def test_the_protocol_logs_in_without_airflow(small_environment: Path, tmp_path: Path) -> None:
    assert not list(small_environment.glob("*airflow*"))
    program = PROGRAM.format(
        packages=str(small_environment),
        product=str(Path(altinn.__file__).parent.parent),
        tokens=str(tmp_path / "tokens"),
    )
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-c", program], capture_output=True, text=True, check=False, timeout=60, env={}
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == "logged in without Airflow\n"
